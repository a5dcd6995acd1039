/* cli/verb.h: the contract of one verb of the command line: one file, one struct, listed in
 * cli/main.c. Its help is made from the struct, so it can't leave an option out. */
#pragma once

#include "cli/exit_code.h"
#include "cli/options.h"

struct verb_exit {
	enum exit_code code;
	const char *when;
};

struct verb {
	const char *name;
	const char *summary; /* one line for the list of verbs */
	const char *usage;   /* what follows the name */
	const char *about;   /* some paragraphs */
	const char *examples;
	const struct option *options;
	const struct verb_exit *exits; /* besides 0, 1 and 2; ended by when == NULL */
	bool hidden;		       /* for weir itself and for its build */
	/* argv: what follows the verb's name. */
	enum exit_code (*run)(const struct verb *verb, int argc, char **argv);
};

/* Parses the options and holds the count of arguments to min..max. When something is wrong it is
 * said on standard error: the verb returns EXIT_USAGE. */
WARN_UNUSED int verb_parse(const struct verb *verb, int *argc, char **argv, void *values, int min,
			   int max);
void verb_write_help(const struct verb *verb, struct buf *out);
/* "weir VERB: message" on standard error. */
void verb_complain(const struct verb *verb, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Writes to standard output; returns code, or EXIT_FAILED (said on standard error) when that can't
 * be written. Frees out. */
enum exit_code verb_print(const struct verb *verb, struct buf *out, enum exit_code code);
