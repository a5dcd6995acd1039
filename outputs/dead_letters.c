#include "outputs/dead_letters.h"

#include "base/json_write.h"
#include "outputs/json_scan.h"
#include "outputs/log_file.h"
#include "pipeline/encode_json.h"

#include <errno.h>
#include <limits.h>

_Static_assert(DEAD_LETTER_MAX_BYTES >= 2 * ENCODE_MAX_BYTES, "an event, its words, escapes");

struct dead_letters {
	char path[PATH_MAX];
	struct str output; /* in path */
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
	letters->output = (struct str){ strrchr(letters->path, '/') + 1, strlen(output) };
	letters->max_bytes = max_bytes;
	letters->line = buf_growable(DEAD_LETTER_MAX_BYTES);
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

static int append_line(struct dead_letters *letters, struct str id, uint64_t now_wall_ns,
		       struct errmsg *em)
{
	int err = letters->file ? 0 : open_file(letters, now_wall_ns, em);

	if (err)
		return err;
	if (!buf_ok(&letters->line)) {
		errmsg_set(em, "no memory for the dead letter of event %.*s", STR_FMT(id));
		return -ENOMEM;
	}
	err = log_file_append(letters->file, buf_str(&letters->line), now_wall_ns);
	if (err)
		errmsg_set(em, "can't write %s: %s", letters->path, strerror(-err));
	return err;
}

int dead_letters_append(struct dead_letters *letters, const struct dead_letter *letter,
			struct errmsg *em)
{
	write_letter(&letters->line, letter);
	return append_line(letters, letter->id, letter->time_wall_ns, em);
}

int dead_letters_remove(struct dead_letters *letters, struct str id, uint64_t now_wall_ns,
			struct errmsg *em)
{
	struct buf *line = &letters->line;

	buf_reset(line);
	buf_putc(line, '{');
	json_field_time(line, "time", now_wall_ns);
	json_field_string(line, "output", letters->output);
	json_field_string(line, "id", id);
	json_field_string(line, "removed", STR("acknowledged"));
	buf_lit(line, "}\n");
	return append_line(letters, id, now_wall_ns, em);
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

static struct str text_of(const struct json_value *object, const char *name)
{
	struct json_value value = json_get(object, name);

	return value.type == JSON_STRING ? value.raw : STR("");
}

bool dead_letter_parse(struct str line, struct dead_letter_line *line_r)
{
	struct json_value object, event, attempts;

	if (!json_parse(line, &object) || object.type != JSON_OBJECT)
		return false;
	event = json_get(&object, "event");
	attempts = json_get(&object, "attempts");
	*line_r = (struct dead_letter_line){
		.is_removed = json_get(&object, "removed").type == JSON_STRING,
		.time = text_of(&object, "time"),
		.output = text_of(&object, "output"),
		.id = text_of(&object, "id"),
		.reason = text_of(&object, "reason"),
		.event = event.type == JSON_OBJECT ? event.raw : STR(""),
	};
	if (!json_u64(&attempts, &line_r->attempts))
		line_r->attempts = 0;
	return line_r->id.n && line_r->output.n;
}
