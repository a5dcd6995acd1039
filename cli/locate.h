/* cli/locate.h: where the journal and the control socket are: as the option says, else as the
 * configuration file says, else as the built-in defaults say. */
#pragma once

#include "base/compiler.h"
#include "cli/verb.h"

/* A verb embeds one and lists these rows among its options. */
struct locate {
	const char *config, *journal, *socket;
};

#define LOCATE_CONFIG(values, member)                                          \
	{                                                                      \
		.name = "config", .letter = 'c', .type = OPTION_TEXT,          \
		.offset = offsetof(values, member.config), .argument = "FILE", \
		.help = "Take the place from this configuration of weir."      \
	}
#define LOCATE_JOURNAL(values, member)                                         \
	{                                                                      \
		.name = "journal", .type = OPTION_TEXT,                        \
		.offset = offsetof(values, member.journal), .argument = "DIR", \
		.help = "The journal's directory (/var/lib/weir/journal)."     \
	}
#define LOCATE_SOCKET(values, member)                                                             \
	{                                                                                         \
		.name = "socket", .type = OPTION_TEXT, .offset = offsetof(values, member.socket), \
		.argument = "PATH", .help = "The control socket (/run/weir/control.sock)."        \
	}

/* *path_r is for free(). On failure it is said on standard error; EXIT_OK otherwise. */
WARN_UNUSED enum exit_code locate_journal(const struct verb *verb, const struct locate *locate,
					  char **path_r);
WARN_UNUSED enum exit_code locate_socket(const struct verb *verb, const struct locate *locate,
					 char **path_r);
/* The forwarder's state directory; given, config: as the options say, or NULL. */
WARN_UNUSED enum exit_code locate_state(const struct verb *verb, const char *given,
					const char *config, char **path_r);
