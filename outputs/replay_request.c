#include "outputs/replay_request.h"

#include "outputs/json_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BOOT_ID_BYTES 36

struct replay_request {
	char path[PATH_MAX];
	FILE *file;
	char *line; /* DEAD_LETTER_MAX_BYTES */
	struct journal_loss loss;
};

struct replay_request *replay_request_open(const char *state_directory, const char *output)
{
	struct replay_request *request = NULL;
	char path[PATH_MAX];
	int fd = -1, n = snprintf(path, sizeof(path), "%s/%s.replay", state_directory, output);

	if (n < (int)sizeof(path))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		request = calloc(1, sizeof(*request));
	if (request) {
		memcpy(request->path, path, sizeof(path));
		request->line = malloc(DEAD_LETTER_MAX_BYTES);
		request->file = fdopen(fd, "r");
	}
	if (request && request->line && request->file)
		return request;
	if (fd >= 0 && !(request && request->file))
		close(fd);
	replay_request_close(&request, false);
	return NULL;
}

/* False: the end. Of a line that is too long nothing is kept. */
static bool read_line(struct replay_request *request, struct str *line_r)
{
	size_t n;

	while (fgets(request->line, DEAD_LETTER_MAX_BYTES, request->file)) {
		n = strlen(request->line);
		if (n && request->line[n - 1] == '\n') {
			*line_r = (struct str){ request->line, n - 1 };
			return true;
		}
		while (n && request->line[n - 1] != '\n' &&
		       fgets(request->line, DEAD_LETTER_MAX_BYTES, request->file))
			n = strlen(request->line);
	}
	return false;
}

/* Digits up to the end of what is written, or up to a '-', which is taken. */
static bool take_number(struct str *text, uint64_t *v_r)
{
	size_t i;

	*v_r = 0;
	for (i = 0; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++)
		if (__builtin_mul_overflow(*v_r, 10, v_r) ||
		    __builtin_add_overflow(*v_r, (uint64_t)(text->p[i] - '0'), v_r))
			return false;
	if (i == 0 || (i < text->n && text->p[i] != '-'))
		return false;
	i += i < text->n;
	*text = (struct str){ text->p + i, text->n - i };
	return true;
}

static bool find_cause(struct str name, enum loss_cause *cause_r)
{
	for (unsigned int cause = 0; cause < LOSS_CAUSES; cause++) {
		if (!str_equal(name, str_of(loss_cause_name(cause))))
			continue;
		*cause_r = cause;
		return true;
	}
	return false;
}

/* BOOT-SEQ or BOOT-FIRST-LAST-CAUSE. */
static bool parse_id(struct str id, struct journal_record *record, struct journal_loss *loss)
{
	struct str rest;

	if (id.n <= BOOT_ID_BYTES + 1 || id.p[BOOT_ID_BYTES] != '-')
		return false;
	record->boot_id = (struct str){ id.p, BOOT_ID_BYTES };
	rest = (struct str){ id.p + BOOT_ID_BYTES + 1, id.n - BOOT_ID_BYTES - 1 };
	if (!take_number(&rest, &record->seq))
		return false;
	if (rest.n == 0)
		return true;
	loss->first_seq = record->seq;
	if (!take_number(&rest, &loss->last_seq) || !find_cause(rest, &loss->cause))
		return false;
	record->seq = loss->last_seq;
	record->notice = loss;
	return true;
}

/* RFC 3339 in UTC, as events have it; 0: it is not. */
static uint64_t parse_time(struct str text)
{
	uint64_t ns = 0, unit = 100000000;
	char copy[40];
	struct tm tm = { 0 };
	const char *p;

	if (text.n >= sizeof(copy))
		return 0;
	snprintf(copy, sizeof(copy), "%.*s", STR_FMT(text));
	p = strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm);
	if (p && *p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			ns += unit * (uint64_t)(*p - '0');
	return p && *p == 'Z' && timegm(&tm) > 0 ? (uint64_t)timegm(&tm) * 1000000000 + ns : 0;
}

/* The member that names the kind. */
static enum event_kind kind_of(const struct json_value *event)
{
	struct json_iter iter = json_iterate(event);
	struct json_value value;
	enum event_kind kind = KIND_NONE;
	struct str key;

	while (kind == KIND_NONE && json_next_member(&iter, &key, &value))
		kind = event_kind_by_name(key);
	return kind;
}

bool replay_record_of(const struct dead_letter_line *line, struct journal_record *record_r,
		      struct journal_loss *loss_r)
{
	struct json_value event, time;

	*record_r = (struct journal_record){ .json = line->event };
	*loss_r = (struct journal_loss){ 0 };
	if (line->is_removed || !json_parse(line->event, &event) ||
	    !parse_id(line->id, record_r, loss_r))
		return false;
	time = json_get(&event, "time");
	record_r->kind = kind_of(&event);
	record_r->time_wall_ns = parse_time(time.raw);
	return record_r->kind != KIND_NONE;
}

bool replay_request_next(struct replay_request *request, struct journal_record *record_r)
{
	struct dead_letter_line letter;
	struct str line;

	while (read_line(request, &line))
		if (dead_letter_parse(line, &letter) &&
		    replay_record_of(&letter, record_r, &request->loss))
			return true;
	return false;
}

void replay_request_close(struct replay_request **request, bool is_done)
{
	struct replay_request *r = *request;

	*request = NULL;
	if (!r)
		return;
	if (is_done)
		unlink(r->path);
	if (r->file)
		fclose(r->file);
	free(r->line);
	free(r);
}
