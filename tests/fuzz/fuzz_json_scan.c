/* The scanner and the format that shows its findings on a terminal, on any bytes: nothing is read
 * outside the text, every view lies in it, and no control character comes out. */
#include "outputs/format.h"
#include "outputs/json_scan.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_inside(struct str text, const struct json_value *value)
{
	assert(value->type == JSON_NONE ||
	       (value->raw.p >= text.p && value->raw.p + value->raw.n <= text.p + text.n));
}

static void walk(struct str text, const struct json_value *value, unsigned int depth)
{
	struct json_iter iter = json_iterate(value);
	struct json_value member;
	struct str key;
	uint64_t n;

	assert_inside(text, value);
	json_u64(value, &n);
	if (depth > JSON_MAX_DEPTH)
		return;
	if (value->type == JSON_OBJECT)
		while (json_next_member(&iter, &key, &member))
			walk(text, &member, depth + 1);
	if (value->type == JSON_ARRAY)
		while (json_next_element(&iter, &member))
			walk(text, &member, depth + 1);
}

static void show(struct str text)
{
	struct buf out = buf_growable(1 << 20);
	enum event_kind kind;
	size_t i;

	for (kind = KIND_NONE; kind <= EVENT_KINDS; kind++) {
		struct journal_record record = { .seq = 1, .kind = kind, .json = text };

		buf_reset(&out);
		if (format_by_name("compact")->write(&record, &out) != 0)
			continue;
		for (i = 0; i < out.len; i++)
			assert((unsigned char)out.p[i] >= 0x20 && out.p[i] != 0x7f);
	}
	buf_reset(&out);
	json_unescape(text, &out);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct json_value value;

	if (size > 65536)
		return 0;
	if (json_parse(text, &value)) {
		walk(text, &value, 0);
		json_get(&value, "process_exec.process.pid");
	}
	show(text);
	return 0;
}
