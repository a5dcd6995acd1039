/* cli/main.c: `weir VERB`: the list of verbs, and finding the one that is meant. */
#include "cli/verb.h"

#include "config/config.h"

#include <stdio.h>
#include <string.h>

extern const struct verb verb_run, verb_check, verb_events, verb_replay, verb_verify, verb_status,
	verb_reload, verb_dead, verb_trace, verb_probe, verb_forward, verb_manual;

static const struct verb *const verbs[] = {
	&verb_run,    &verb_check, &verb_events, &verb_replay, &verb_verify,  &verb_status,
	&verb_reload, &verb_dead,  &verb_trace,	 &verb_probe,  &verb_forward, &verb_manual,
};

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static void write_overview(struct buf *out)
{
	buf_lit(out, "weir sees what happens on this machine in the kernel, keeps it in a journal "
		     "and delivers it.\n\nusage: weir VERB [OPTION...]\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!verbs[i]->hidden)
			buf_printf(out, "  %-8s  %s\n", verbs[i]->name, verbs[i]->summary);
	buf_lit(out, "\n"
		     "`weir run` alone shows this machine's processes and TCP connections, live.\n"
		     "`weir help VERB` or `weir VERB --help` tells more; `weir --version` says "
		     "which weir this is.\n");
}

static enum exit_code refuse(const char *name)
{
	const char *names[ARRAY_SIZE(verbs) + 1] = { "help" }, *nearest;
	size_t n = 1;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!verbs[i]->hidden)
			names[n++] = verbs[i]->name;
	nearest = config_nearest(str_of(name), names, n);
	if (nearest)
		fprintf(stderr, "weir: no verb '%s'; did you mean '%s'?\n", name, nearest);
	else
		fprintf(stderr, "weir: no verb '%s'; 'weir help' lists them\n", name);
	return EXIT_USAGE;
}

static enum exit_code print_help(const struct verb *verb)
{
	static const struct verb itself = { .name = "help" };
	struct buf out = buf_growable(1 << 16);

	if (verb)
		verb_write_help(verb, &out);
	else
		write_overview(&out);
	return verb_print(&itself, &out, EXIT_OK);
}

static enum exit_code help(const char *name)
{
	const struct verb *verb = name ? find(name) : NULL;

	return name && !verb ? refuse(name) : print_help(verb);
}

static enum exit_code print_version(void)
{
	static const struct verb itself = { .name = "version" };
	struct buf out = buf_growable(256);

	buf_lit(&out, "weir " WEIR_VERSION "\n");
	return verb_print(&itself, &out, EXIT_OK);
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

int main(int argc, char **argv)
{
	const struct verb *verb;

	if (argc < 2) {
		struct buf out = buf_growable(1 << 16);

		write_overview(&out);
		fprintf(stderr, "%.*s", STR_FMT(buf_str(&out)));
		buf_free(&out);
		return EXIT_USAGE;
	}
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return help(argc > 2 ? argv[2] : NULL);
	if (is_one_of(argv[1], "version", "--version", "-V"))
		return print_version();
	verb = find(argv[1]);
	if (!verb)
		return refuse(argv[1]);
	if (options_ask_help(argc - 2, argv + 2))
		return print_help(verb);
	return verb->run(verb, argc - 2, argv + 2);
}
