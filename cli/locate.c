#include "cli/locate.h"

#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

static enum exit_code from_settings(const struct verb *verb, const char *config, bool socket,
				    char **path_r)
{
	struct settings_document *doc;
	const struct settings *settings;
	struct errmsg em;

	if (settings_load(config, &doc, &em) < 0) {
		verb_complain(verb, "%s", em.text);
		return EXIT_CONFIG;
	}
	settings = settings_of(doc);
	*path_r = strdup(socket ? settings->control.socket : settings->journal.directory);
	settings_free(&doc);
	return EXIT_OK;
}

static enum exit_code locate_either(const struct verb *verb, const char *given, const char *config,
				    bool socket, char **path_r)
{
	enum exit_code code = EXIT_OK;

	*path_r = NULL;
	if (given)
		*path_r = strdup(given);
	else
		code = from_settings(verb, config, socket, path_r);
	if (code == EXIT_OK && !*path_r) {
		verb_complain(verb, "out of memory");
		code = EXIT_FAILED;
	}
	return code;
}

enum exit_code locate_journal(const struct verb *verb, const struct locate *locate, char **path_r)
{
	return locate_either(verb, locate->journal, locate->config, false, path_r);
}

enum exit_code locate_socket(const struct verb *verb, const struct locate *locate, char **path_r)
{
	return locate_either(verb, locate->socket, locate->config, true, path_r);
}
