/* The event as the journal holds it: one line of JSON in Tetragon's shape. It can't forge a frame:
 * the encoder escapes every control character, and a record that holds a newline after all (the
 * journal was written by something else) is refused. */
#include "outputs/format.h"

#include <errno.h>

static int write_json(const struct journal_record *record, struct buf *out)
{
	if (record->json.n == 0 || memchr(record->json.p, '\n', record->json.n))
		return -EINVAL;
	buf_puts(out, record->json);
	return 0;
}

const struct format format_json = {
	.name = "json",
	.help = "One line of JSON per event, as Tetragon exports it.",
	.content_type = "application/x-ndjson",
	.is_canonical = true,
	.has_paths = true,
	.write = write_json,
};
