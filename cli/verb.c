#include "cli/verb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void verb_complain(const struct verb *verb, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "weir %s: %s\n", verb->name, text);
}

int verb_parse(const struct verb *verb, int *argc, char **argv, void *values, int min, int max)
{
	struct errmsg em = { "" };
	int err = options_parse(verb->options, argc, argv, values, &em);

	if (!err && *argc < min) {
		errmsg_set(&em, "something is missing; usage: weir %s %s", verb->name, verb->usage);
		err = -EINVAL;
	} else if (!err && *argc > max) {
		errmsg_set(&em, "unexpected argument '%s'; usage: weir %s %s", argv[max],
			   verb->name, verb->usage);
		err = -EINVAL;
	}
	if (err)
		verb_complain(verb, "%s\nTry 'weir %s --help'.", em.text, verb->name);
	return err;
}

void verb_write_help(const struct verb *verb, struct buf *out)
{
	static const struct verb_exit none[] = { { 0, NULL } };
	const struct verb_exit *exit = verb->exits ?: none;

	buf_printf(out, "usage: weir %s %s\n\n%s\n", verb->name, verb->usage, verb->about);
	if (verb->options) {
		buf_lit(out, "\nOptions:\n");
		options_write_help(verb->options, out);
	}
	if (verb->examples)
		buf_printf(out, "\nExamples:\n%s", verb->examples);
	buf_lit(out, "\nExit status:\n  0  all went well\n  1  it failed; standard error says why\n"
		     "  2  the command line is wrong\n");
	for (; exit->when; exit++)
		buf_printf(out, "  %d  %s\n", exit->code, exit->when);
}

enum exit_code verb_print(const struct verb *verb, struct buf *out, enum exit_code code)
{
	bool whole = buf_ok(out);

	if (whole)
		fwrite(out->p, 1, out->len, stdout);
	buf_free(out);
	if (!whole) {
		verb_complain(verb, "out of memory");
		return EXIT_FAILED;
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	verb_complain(verb, "standard output can't be written: %s", strerror(errno));
	return EXIT_FAILED;
}
