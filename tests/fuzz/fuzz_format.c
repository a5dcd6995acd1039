/* Every format on any bytes, read back as a receiver would (tests/fuzz/format_inverse.h).
 *
 * The bytes are first the text of a process, put into an event by the same writer of JSON as the
 * encoder's: each format must take it, its fields must be those of the same event with harmless
 * text, no more and no fewer, and the text must come back. Then they are a whole record that some
 * other program left in the journal: what is taken must be readable, on one line. */
#include "base/json_write.h"
#include "config/config.h"
#include "outputs/format.h"
#include "outputs/json_scan.h"
#include "tests/fuzz/format_inverse.h"

#include <assert.h>
#include <stdlib.h>

#define MAX_BYTES 4096u
#define BOOT	  "11111111-2222-3333-4444-555555555555"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	const char *text_key; /* where the working directory goes */
} targets[] = {
	{ "json", "process_exec.process.cwd" },
	{ "msgpack", "process_exec.process.cwd" },
	{ "ocsf", "process.working_directory" },
	{ "ecs", "process.working_directory" },
	{ "cef", "cs4" },
	{ "leef", "processCwd" },
	{ "gelf", "_cwd" },
};

static struct formatter *formatters[ARRAY_SIZE(targets)];
static struct formatter *changed; /* json with fields renamed, dropped and added */

static void put_process(struct buf *out, struct str text)
{
	buf_lit(out, "{\"exec_id\":\"aWQ=\",\"pid\":7,\"start_time\":\"2026-01-02T03:04:05Z\",");
	buf_lit(out, "\"uid\":0");
	json_field_string(out, "cwd", text);
	json_field_string(out, "binary", text);
	json_field_string(out, "arguments", text);
	json_field_string(out, "docker", text);
	buf_lit(out, ",\"user\":{");
	json_field_string(out, "name", text);
	buf_lit(out, "},\"environment_variables\":[{");
	json_field_string(out, "Key", text);
	json_field_string(out, "Value", text);
	buf_lit(out, "}]}");
}

static void put_event(struct buf *out, struct str text)
{
	buf_lit(out, "{\"process_exec\":{\"process\":");
	put_process(out, text);
	buf_lit(out, ",\"parent\":");
	put_process(out, text);
	buf_putc(out, '}');
	json_field_string(out, "node_name", text);
	buf_lit(out,
		",\"time\":\"2026-01-02T03:04:05Z\",\"weir\":{\"seq\":\"9\",\"boot_id\":\"" BOOT
		"\"");
	json_field_string(out, "exe", text);
	buf_lit(out, "}}");
}

static int format(size_t i, enum event_kind kind, struct str json, struct buf *out)
{
	const struct journal_record record = { .seq = 9,
					       .time_wall_ns = 1767323045000000000ull,
					       .kind = kind,
					       .json = json,
					       .boot_id = STR(BOOT) };
	int err;

	buf_reset(out);
	err = formatter_write(formatters[i], &record, out);
	assert(buf_ok(out));
	return err;
}

/* One line, and no character that a terminal or a reader of lines takes for the end of one. */
static void assert_one_line(size_t i, struct str text)
{
	const bool is_leef = strcmp(targets[i].name, "leef") == 0;

	if (strcmp(targets[i].name, "msgpack") == 0)
		return;
	for (size_t at = 0; at < text.n; at++)
		assert((unsigned char)text.p[at] >= 0x20 || (is_leef && text.p[at] == '\t'));
}

/* Control characters that CEF has no escape for come back as text. */
static void put_visible(struct buf *out, struct str text)
{
	while (text.n) {
		const unsigned char *p = (const unsigned char *)text.p;
		uint32_t c = p[0];
		size_t used = 1;

		if (text.n > 1 && c == 0xc2 && p[1] < 0xa0) {
			c = p[1];
			used = 2;
		} else if (text.n > 2 && c == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
			c = 0x2000u + (p[2] & 0x3fu);
			used = 3;
		}
		if (used > 1 || (c < 0x20 && c != '\n' && c != '\r') || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else
			buf_putc(out, (char)c);
		text = (struct str){ text.p + used, text.n - used };
	}
}

static void assert_text_comes_back(size_t i, const struct inverse *fields, struct str text)
{
	struct buf quoted = buf_growable(1 << 20), expected = buf_growable(1 << 20);
	struct str got = inverse_get(fields, targets[i].text_key);

	buf_lit(&expected, "s:");
	json_escaped(&quoted, text);
	json_unescape(buf_str(&quoted), &expected);
	if (strcmp(targets[i].name, "cef") == 0) {
		struct buf plain = expected;

		expected = buf_growable(1 << 20);
		put_visible(&expected, buf_str(&plain));
		buf_free(&plain);
	}
	assert(got.p && str_equal(got, buf_str(&expected)));
	buf_free(&quoted);
	buf_free(&expected);
}

/* The next field that is not one more element of the same list. */
static size_t next_name(const struct inverse *fields, size_t i)
{
	const char *key = fields->v[i].key;

	for (i++; i < fields->n && strcmp(fields->v[i].key, key) == 0; i++)
		;
	return i;
}

static void assert_same_names(const struct inverse *a, const struct inverse *b)
{
	size_t i = 0, j = 0;

	while (i < a->n && j < b->n) {
		assert(strcmp(a->v[i].key, b->v[j].key) == 0);
		i = next_name(a, i);
		j = next_name(b, j);
	}
	assert(i == a->n && j == b->n);
}

static void try_text(struct str bytes)
{
	struct buf text = buf_growable(2 * MAX_BYTES), event = buf_growable(1 << 20);
	struct buf harmless = buf_growable(1 << 20), out = buf_growable(1 << 22);

	buf_lit(&text, "/");
	buf_puts(&text, bytes);
	put_event(&event, buf_str(&text));
	put_event(&harmless, STR("/harmless"));
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct inverse fields, expected;

		assert(format(i, KIND_PROCESS_EXEC, buf_str(&harmless), &out) == 0);
		assert(inverse_of(targets[i].name, buf_str(&out), &expected));
		assert(format(i, KIND_PROCESS_EXEC, buf_str(&event), &out) == 0);
		assert_one_line(i, buf_str(&out));
		assert(inverse_of(targets[i].name, buf_str(&out), &fields));
		assert_same_names(&fields, &expected);
		assert_text_comes_back(i, &fields, buf_str(&text));
		inverse_free(&fields);
		inverse_free(&expected);
	}
	buf_free(&text);
	buf_free(&event);
	buf_free(&harmless);
	buf_free(&out);
}

/* What the record's JSON says must be what MessagePack says. */
static void assert_same_fields(const struct inverse *a, const struct inverse *b)
{
	assert(a->n == b->n);
	for (size_t i = 0; i < a->n; i++)
		assert(strcmp(a->v[i].key, b->v[i].key) == 0 &&
		       str_equal(a->v[i].value, b->v[i].value));
}

/* Tried are the kinds that the record names, and one that it surely is not. */
static bool may_be(enum event_kind kind, struct str json)
{
	struct str name;

	if (kind <= KIND_NONE || kind >= EVENT_KINDS)
		return kind == KIND_NONE;
	name = str_of(event_kind_name(kind));
	return memmem(json.p, json.n, name.p, name.n) != NULL;
}

/* What is JSON is JSON after the changes. */
static void try_changed(struct str json, bool is_json, struct buf *out)
{
	const struct journal_record record = { .kind = KIND_PROCESS_EXEC, .json = json };
	struct inverse fields;

	buf_reset(out);
	if (formatter_write(changed, &record, out) != 0 || !is_json)
		return;
	/* Names of the user's that the record has as well, which weir's have not. */
	if (memmem(json.p, json.n, "labels", 6) || memmem(json.p, json.n, "number_of_it", 12) ||
	    memmem(json.p, json.n, ".cwd", 4))
		return;
	assert(inverse_json(buf_str(out), &fields));
	assert(inverse_get(&fields, "labels.site").p);
	assert(!inverse_get(&fields, "process_exec.process.cwd").p);
	inverse_free(&fields);
}

static void try_record(struct str json)
{
	struct buf out = buf_growable(1 << 22);
	struct inverse record = { 0 }, fields;
	const bool is_json = inverse_json(json, &record);

	for (enum event_kind kind = KIND_NONE; kind <= EVENT_KINDS; kind++) {
		if (!may_be(kind, json))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
			if (format(i, kind, json, &out) != 0)
				continue;
			if (strcmp(targets[i].name, "json") == 0)
				assert(!memchr(out.p, '\n', out.len));
			else
				assert_one_line(i, buf_str(&out));
			/* jansson takes no number that is out of range, and no name twice. */
			if (!is_json)
				continue;
			assert(inverse_of(targets[i].name, buf_str(&out), &fields));
			if (strcmp(targets[i].name, "msgpack") == 0)
				assert_same_fields(&fields, &record);
			inverse_free(&fields);
		}
	}
	try_changed(json, is_json, &out);
	inverse_free(&record);
	buf_free(&out);
}

static void open_formatters(void)
{
	static const char changes[] = "{drop: ['*.process.cwd', '*.ancestors.binary', weir.seq], "
				      "rename: {'*.process.pid': '*.process.number_of_it'}, "
				      "add: {labels.site: x}}";
	struct config_document *doc;
	struct errmsg em;

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (formatter_open(format_by_name(targets[i].name), &formatters[i]) != 0)
			abort();
	if (config_parse(STR(changes), "changes", &doc, &em) != 0 ||
	    formatter_read(config_root(doc), format_by_name("json"), &changed, &em) != 0)
		abort();
	config_document_free(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str bytes = { (const char *)data, size };

	if (size > MAX_BYTES)
		return 0;
	if (!changed)
		open_formatters();
	try_text(bytes);
	try_record(bytes);
	return 0;
}
