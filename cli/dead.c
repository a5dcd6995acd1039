/* cli/dead.c: `weir dead`: the events that receivers refused for good: which, why, and again. */
#include "base/utf8.h"
#include "cli/dead_replay.h"
#include "cli/dead_store.h"
#include "cli/locate.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define DEFAULT_WAIT_NS 30000000000ull

struct dead_options {
	struct locate locate;
	const char *state, *output;
	uint64_t wait_ns;
	bool json;
};

static const struct option options[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct dead_options, output), "NAME",
	  "Only what this output was refused." },
	{ "json", 0, OPTION_FLAG, offsetof(struct dead_options, json), NULL,
	  "list, show: the letters as they are kept, one JSON object a line." },
	{ "wait", 0, OPTION_DURATION, offsetof(struct dead_options, wait_ns), "DURATION",
	  "replay: how long to wait for the receiver's answers (30s)." },
	{ "state", 0, OPTION_TEXT, offsetof(struct dead_options, state), "DIR",
	  "The forwarder's state directory (/var/lib/weir/state)." },
	LOCATE_SOCKET(struct dead_options, locate),
	LOCATE_CONFIG(struct dead_options, locate),
	OPTION_END,
};

/* What a person may read of a text that a receiver sent. */
static void write_text(struct str escaped, struct buf *out)
{
	struct buf quoted = buf_growable(1 << 16);
	json_t *text;
	struct str rest;

	buf_printf(&quoted, "\"%.*s\"", STR_FMT(escaped));
	text = json_loadb(quoted.p, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	rest = (struct str){ json_string_value(text) ?: "?", text ? json_string_length(text) : 1 };
	while (rest.n)
		buf_puts(out, utf8_take_visible(&rest));
	json_decref(text);
	buf_free(&quoted);
}

/* "3 days", "12 s": since an RFC 3339 time. */
static void write_age(struct str time_text, struct buf *out)
{
	struct tm tm = { 0 };
	char copy[40];
	long long age;

	snprintf(copy, sizeof(copy), "%.*s", STR_FMT(time_text));
	if (!strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm)) {
		buf_lit(out, "?");
		return;
	}
	age = (long long)(time(NULL) - timegm(&tm));
	if (age < 0)
		age = 0;
	if (age >= 2 * 86400)
		buf_printf(out, "%lldd", age / 86400);
	else if (age >= 2 * 3600)
		buf_printf(out, "%lldh", age / 3600);
	else if (age >= 120)
		buf_printf(out, "%lldm", age / 60);
	else
		buf_printf(out, "%llds", age);
}

static enum exit_code list(const struct verb *verb, const struct dead_options *o,
			   struct dead_store *store)
{
	struct buf out = buf_growable(1u << 30);
	size_t i;

	if (!o->json && store->n)
		buf_printf(&out, "%-5s %-16s %8s  %-50s %s\n", "AGE", "OUTPUT", "ATTEMPTS", "ID",
			   "REASON");
	for (i = 0; i < store->n; i++) {
		const struct dead_letter_line *letter = &store->entries[i].letter;
		char age[24];
		struct buf age_buf = buf_fixed(age, sizeof(age));

		if (o->json) {
			buf_puts(&out, store->entries[i].line);
			buf_putc(&out, '\n');
			continue;
		}
		write_age(letter->time, &age_buf);
		buf_printf(&out, "%-5.*s %-16.*s %8llu  %-50.*s ", STR_FMT(buf_str(&age_buf)),
			   STR_FMT(letter->output), (unsigned long long)letter->attempts,
			   STR_FMT(letter->id));
		write_text(letter->reason, &out);
		buf_putc(&out, '\n');
	}
	if (!o->json && store->n == 0)
		buf_lit(&out, "no dead letters\n");
	return verb_print(verb, &out, EXIT_OK);
}

static void write_event(struct str event, struct buf *out)
{
	json_t *json = json_loadb(event.p, event.n, JSON_ALLOW_NUL, NULL);
	char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;

	buf_puts(out, text ? str_of(text) : STR("(what is kept is no event)"));
	buf_putc(out, '\n');
	free(text);
	json_decref(json);
}

static enum exit_code show(const struct verb *verb, const struct dead_options *o,
			   struct dead_store *store)
{
	struct buf out = buf_growable(1u << 30);
	size_t i;

	for (i = 0; i < store->n; i++) {
		const struct dead_letter_line *letter = &store->entries[i].letter;

		if (o->json) {
			buf_puts(&out, store->entries[i].line);
			buf_putc(&out, '\n');
			continue;
		}
		buf_printf(&out, "id        %.*s\noutput    %.*s\nrefused   %.*s (",
			   STR_FMT(letter->id), STR_FMT(letter->output), STR_FMT(letter->time));
		write_age(letter->time, &out);
		buf_printf(&out, " ago)\nattempts  %llu\nreason    ",
			   (unsigned long long)letter->attempts);
		write_text(letter->reason, &out);
		buf_putc(&out, '\n');
		write_event(letter->event, &out);
	}
	return verb_print(verb, &out, EXIT_OK);
}

struct wanted {
	char **ids;
	int n;
};

static bool is_wanted(const void *ctx, const struct dead_entry *entry)
{
	const struct wanted *wanted = ctx;

	for (int i = 0; i < wanted->n; i++)
		if (str_equal(entry->letter.id, str_of(wanted->ids[i])))
			return true;
	return wanted->n == 0;
}

/* Each id that was asked for is there. */
static bool has_all(const struct verb *verb, const struct dead_store *store,
		    const struct wanted *wanted)
{
	for (int i = 0; i < wanted->n; i++) {
		const struct wanted one = { &wanted->ids[i], 1 };
		size_t at = 0;

		while (at < store->n && !is_wanted(&one, &store->entries[at]))
			at++;
		if (at == store->n) {
			verb_complain(verb, "no dead letter has the id '%s'", wanted->ids[i]);
			return false;
		}
	}
	return true;
}

static enum exit_code replay(const struct verb *verb, const struct dead_options *o,
			     const char *state, const struct dead_store *store)
{
	const struct dead_replay request = {
		.verb = verb,
		.locate = &o->locate,
		.state_directory = state,
		.output = o->output,
		.wait_ns = o->wait_ns ? o->wait_ns : DEFAULT_WAIT_NS,
	};

	return dead_replay(&request, store);
}

static enum exit_code with_store(const struct verb *verb, const struct dead_options *o,
				 const char *state, const char *what, struct wanted wanted)
{
	struct dead_store store;
	struct errmsg em = { "" };
	enum exit_code code = EXIT_FAILED;

	if (dead_store_open(state, o->output, &store, &em) < 0) {
		verb_complain(verb, "%s%s", em.text,
			      strstr(em.text, strerror(EACCES)) ? "; try as root" : "");
		return EXIT_FAILED;
	}
	dead_store_keep(&store, is_wanted, &wanted);
	if (!has_all(verb, &store, &wanted))
		code = EXIT_FAILED;
	else if (strcmp(what, "list") == 0)
		code = list(verb, o, &store);
	else if (strcmp(what, "show") == 0)
		code = show(verb, o, &store);
	else
		code = replay(verb, o, state, &store);
	dead_store_close(&store);
	return code;
}

static bool is_known(const char *what)
{
	return strcmp(what, "list") == 0 || strcmp(what, "show") == 0 ||
	       strcmp(what, "replay") == 0;
}

static enum exit_code run_dead(const struct verb *verb, int argc, char **argv)
{
	struct dead_options o = { 0 };
	char *state = NULL;
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 1, 1000) < 0)
		return EXIT_USAGE;
	if (!is_known(argv[0])) {
		verb_complain(verb, "'%s' is not list, show or replay", argv[0]);
		return EXIT_USAGE;
	}
	if ((strcmp(argv[0], "list") == 0 && argc > 1) ||
	    (strcmp(argv[0], "show") == 0 && argc == 1)) {
		verb_complain(verb, "usage: weir dead %s", verb->usage);
		return EXIT_USAGE;
	}
	code = locate_state(verb, o.state, o.locate.config, &state);
	if (code == EXIT_OK)
		code = with_store(verb, &o, state, argv[0], (struct wanted){ argv + 1, argc - 1 });
	free(state);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_FAILED, "or: replay: not all of them were acknowledged; they are still there" },
	{ EXIT_CONFIG, "the configuration given with --config is wrong" },
	{ EXIT_UNSUPPORTED, "no right to ask; try as root" },
	{ EXIT_NOT_RUNNING, "replay: no weir runs that could send them" },
	{ 0, NULL },
};

const struct verb verb_dead = {
	.name = "dead",
	.summary = "events that a receiver refused for good: list, show, send again",
	.usage = "list | show ID... | replay [ID...] [--output NAME]",
	.about =
		"An event that a receiver will never take, or that an output's format can't say, is "
		"put aside with\nthe reason, so that it holds nothing up.\n"
		"  list    which events of which outputs, how often they were tried, and why they "
		"were refused\n"
		"  show    the event itself\n"
		"  replay  has the running weir send them again (all, those of an output, or the ids "
		"given), each\n          with the id it had, and waits for the answers; one that is "
		"acknowledged is a dead\n          letter no more, one that is refused again stays, "
		"with the new reason",
	.examples = "  weir dead list\n"
		    "  weir dead list --json | jq -r .reason | sort | uniq -c\n"
		    "  weir dead replay --output siem\n",
	.options = options,
	.exits = exits,
	.run = run_dead,
};
