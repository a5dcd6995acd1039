/* cli/verify.c: `weir verify`: is the journal what was written? */
#include "cli/locate.h"

#include "base/json_write.h"
#include "base/secret.h"
#include "pipeline/journal.h"
#include "pipeline/journal_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX_BYTES 4096

struct verify_options {
	struct locate locate;
	const char *key;
	bool export_key, json;
};

static const struct option options[] = {
	{ "key", 'k', OPTION_TEXT, offsetof(struct verify_options, key), "FILE",
	  "The verification key (- reads it from standard input). Without it only frames and "
	  "checksums are checked: that finds accidents, not intruders." },
	{ "export-key", 0, OPTION_FLAG, offsetof(struct verify_options, export_key), NULL,
	  "Make the sealing key of a new journal and print its verification key, once. Keep it "
	  "off this machine." },
	{ "json", 0, OPTION_FLAG, offsetof(struct verify_options, json), NULL,
	  "Print the verdict as a JSON object." },
	LOCATE_JOURNAL(struct verify_options, locate),
	LOCATE_CONFIG(struct verify_options, locate),
	OPTION_END,
};

static enum exit_code export_key(const struct verb *verb, const char *directory)
{
	struct buf out = buf_growable(KEY_MAX_BYTES);
	struct errmsg em;

	if (journal_seal_export(directory, &out, &em) < 0) {
		buf_free(&out);
		verb_complain(verb, "%s", em.text);
		return EXIT_FAILED;
	}
	if (out.len && out.p[out.len - 1] != '\n')
		buf_putc(&out, '\n');
	return verb_print(verb, &out, EXIT_OK);
}

/* Reads the key into text; false, and said on standard error, when that fails. */
static bool read_key(const struct verb *verb, const char *path, char text[KEY_MAX_BYTES])
{
	bool is_stdin = strcmp(path, "-") == 0;
	FILE *from = is_stdin ? stdin : fopen(path, "re");
	size_t n = 0;
	bool failed = !from;

	if (from) {
		n = fread(text, 1, KEY_MAX_BYTES, from);
		failed = ferror(from);
	}
	if (failed)
		verb_complain(verb, "the key %s can't be read: %s", path, strerror(errno));
	else if (n == KEY_MAX_BYTES)
		verb_complain(verb, "%s: too long for a verification key", path);
	if (from && !is_stdin)
		fclose(from);
	while (n > 0 && n < KEY_MAX_BYTES && strchr(" \t\r\n", text[n - 1]))
		n--;
	text[n < KEY_MAX_BYTES ? n : 0] = '\0';
	return !failed && n < KEY_MAX_BYTES;
}

static const char *end_name(enum journal_end end)
{
	switch (end) {
	case JOURNAL_END_EMPTY:
		return "empty";
	case JOURNAL_END_CLEAN:
		return "clean";
	case JOURNAL_END_OPEN:
		return "open";
	case JOURNAL_END_TORN:
		return "torn";
	}
	return "unknown";
}

static const char *end_in_words(enum journal_end end)
{
	switch (end) {
	case JOURNAL_END_EMPTY:
		return "it is empty";
	case JOURNAL_END_CLEAN:
		return "weir closed it";
	case JOURNAL_END_OPEN:
		return "it is being written, or its writer was killed";
	case JOURNAL_END_TORN:
		return "its last batch is torn; the next start of weir cuts it off and says so";
	}
	return "unknown";
}

static void write_json(const struct journal_verdict *verdict, bool with_key, struct buf *out)
{
	buf_putc(out, '{');
	json_field_bool(out, "sound", verdict->sound);
	json_field_bool(out, "key_used", with_key);
	json_field_u64(out, "segments", verdict->segments);
	json_field_u64(out, "batches", verdict->batches);
	json_field_u64(out, "records", verdict->records);
	json_field_u64(out, "first_seq", verdict->first_seq);
	json_field_u64(out, "last_seq", verdict->last_seq);
	json_field_u64(out, "missing_records", verdict->missing_records);
	json_field_u64(out, "declared_lost", verdict->declared_lost);
	json_field_bool(out, "sealed", verdict->sealed);
	json_field_string(out, "end", str_of(end_name(verdict->end)));
	json_field_u64(out, "unclean_ends", verdict->unclean_ends);
	json_field_u64(out, "torn_ends", verdict->torn_ends);
	if (!verdict->sound)
		json_field_string(
			out, "bad",
			(struct str){ verdict->bad, strnlen(verdict->bad, sizeof(verdict->bad)) });
	buf_lit(out, "}\n");
}

static void write_text(const struct journal_verdict *verdict, bool with_key, struct buf *out)
{
	buf_printf(out,
		   "%s: %" PRIu64 " records in %" PRIu64 " batches and %" PRIu64
		   " segments, sequence numbers %" PRIu64 " to %" PRIu64 "\n",
		   verdict->sound ? "sound" : "NOT SOUND", verdict->records, verdict->batches,
		   verdict->segments, verdict->first_seq, verdict->last_seq);
	buf_printf(out, "end: %s\n", end_in_words(verdict->end));
	if (verdict->declared_lost)
		buf_printf(out, "lost, and declared as lost: %" PRIu64 " records\n",
			   verdict->declared_lost);
	if (verdict->missing_records)
		buf_printf(out, "missing without a reason: %" PRIu64 " records\n",
			   verdict->missing_records);
	if (!verdict->sound)
		buf_printf(out, "first bad place: %.*s\n", (int)sizeof(verdict->bad), verdict->bad);
	else if (with_key && !verdict->sealed && verdict->records)
		buf_lit(out, "Not every segment is sealed (journal.seal was off): in those only "
			     "frames and checksums were checked.\n");
	else if (!with_key)
		buf_lit(out, "Without --key only frames and checksums were checked: this finds "
			     "accidents, not intruders.\n");
}

static enum exit_code verify(const struct verb *verb, const char *directory,
			     const struct verify_options *o, const char *key)
{
	struct journal_verdict verdict = { 0 };
	struct buf out = buf_growable(1 << 16);
	struct errmsg em;
	int err = journal_verify(directory, key, &verdict, &em);

	if (err == -EINVAL)
		verb_complain(verb, "%s: %s", o->key, em.text);
	else if (err)
		verb_complain(verb, "%s", em.text);
	if (err)
		return EXIT_FAILED;
	if (o->json)
		write_json(&verdict, key != NULL, &out);
	else
		write_text(&verdict, key != NULL, &out);
	return verb_print(verb, &out, verdict.sound ? EXIT_OK : EXIT_NOT_SOUND);
}

static enum exit_code run_verify(const struct verb *verb, int argc, char **argv)
{
	struct verify_options o = { 0 };
	char key[KEY_MAX_BYTES], *directory = NULL;
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	if (o.export_key && (o.key || o.json)) {
		verb_complain(verb, "--export-key goes with neither --key nor --json");
		return EXIT_USAGE;
	}
	code = locate_journal(verb, &o.locate, &directory);
	if (code == EXIT_OK && o.export_key)
		code = export_key(verb, directory);
	else if (code == EXIT_OK && o.key && !read_key(verb, o.key, key))
		code = EXIT_FAILED;
	else if (code == EXIT_OK)
		code = verify(verb, directory, &o, o.key ? key : NULL);
	secret_wipe(key, sizeof(key));
	free(directory);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "the configuration given with --config is wrong" },
	{ EXIT_NOT_SOUND, "the journal is not what was written; the first bad place is named" },
	{ 0, NULL },
};

const struct verb verb_verify = {
	.name = "verify",
	.summary = "prove that the journal is whole and unchanged",
	.usage = "[--key FILE] [--json]",
	.about = "Reads the whole journal and says whether it is what weir wrote: order, "
		 "completeness and\ncontent. Each batch is sealed with a key that evolves one way, "
		 "so whoever takes over the\nmachine today can't change what was written "
		 "yesterday without being found out here, by\nsomeone who has the verification "
		 "key.\n\n"
		 "Export that key once, before the first `weir run` on a journal, and keep it "
		 "elsewhere.",
	.examples = "  weir verify --export-key > weir-$(hostname).key   # then move it away\n"
		    "  weir run\n"
		    "  ssh admin cat weir.key | weir verify --key -\n"
		    "  weir verify --json --journal ./copied-journal --key weir.key\n",
	.options = options,
	.exits = exits,
	.run = run_verify,
};
