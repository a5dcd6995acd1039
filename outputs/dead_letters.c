#include "outputs/dead_letters.h"

#include "base/json_write.h"
#include "outputs/json_scan.h"
#include "outputs/log_file.h"
#include "pipeline/encode_json.h"

#include <errno.h>
#include <limits.h>

#define LETTER_MAX_BYTES (2u * ENCODE_MAX_BYTES)

struct dead_letters {
	char path[PATH_MAX];
	uint64_t max_bytes;
	struct log_file *file; /* NULL until the first letter */
	struct buf line;
};

struct dead_letters *dead_letters_create(const char *state_directory, const char *output,
					 uint64_t max_bytes)
{
	struct dead_letters *letters = calloc(1, sizeof(*letters));
	int n;

	if (!letters)
		return NULL;
	n = snprintf(letters->path, sizeof(letters->path), "%s/%s.dead", state_directory, output);
	if (n >= (int)sizeof(letters->path)) {
		free(letters);
		return NULL;
	}
	letters->max_bytes = max_bytes;
	letters->line = buf_growable(LETTER_MAX_BYTES);
	return letters;
}

/* An event that is no JSON after all (a damaged journal) is kept as a string. */
static void write_event(struct buf *line, struct str event)
{
	struct json_value value;

	json_key(line, "event");
	if (json_parse(event, &value) && value.type == JSON_OBJECT)
		buf_puts(line, event);
	else
		json_quoted(line, event);
}

static void write_letter(struct buf *line, const struct dead_letter *letter)
{
	buf_reset(line);
	buf_putc(line, '{');
	json_field_time(line, "time", letter->time_wall_ns);
	json_field_string(line, "output", letter->output);
	json_field_string(line, "id", letter->id);
	if (letter->seq)
		json_field_u64_string(line, "seq", letter->seq);
	json_field_string(line, "reason", letter->reason);
	json_field_u64(line, "attempts", letter->attempts);
	write_event(line, letter->event);
	buf_lit(line, "}\n");
}

static int open_file(struct dead_letters *letters, uint64_t now_wall_ns, struct errmsg *em)
{
	struct log_file_settings settings = {
		.path = letters->path,
		.max_bytes = letters->max_bytes,
		.keep = 1,
		.mode = 0600,
	};

	return log_file_open(&settings, now_wall_ns, &letters->file, em);
}

int dead_letters_append(struct dead_letters *letters, const struct dead_letter *letter,
			struct errmsg *em)
{
	int err;

	if (!letters->file) {
		err = open_file(letters, letter->time_wall_ns, em);
		if (err)
			return err;
	}
	write_letter(&letters->line, letter);
	if (!buf_ok(&letters->line)) {
		errmsg_set(em, "no memory for the dead letter of event %llu",
			   (unsigned long long)letter->seq);
		return -ENOMEM;
	}
	err = log_file_append(letters->file, buf_str(&letters->line), letter->time_wall_ns);
	if (err)
		errmsg_set(em, "can't write %s: %s", letters->path, strerror(-err));
	return err;
}

uint64_t dead_letters_removed(const struct dead_letters *letters)
{
	return letters->file ? log_file_removed(letters->file) : 0;
}

void dead_letters_free(struct dead_letters **letters)
{
	if (!*letters)
		return;
	log_file_close(&(*letters)->file);
	buf_free(&(*letters)->line);
	free(*letters);
	*letters = NULL;
}
