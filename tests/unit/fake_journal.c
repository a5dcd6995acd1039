#include "tests/unit/fake_journal.h"

#include <errno.h>
#include <stdarg.h>

#define BOOT_ID "11111111-2222-3333-4444-555555555555"

#define MAX_ENTRIES 200000
#define MAX_CURSORS 8

struct entry {
	uint64_t seq, lost; /* lost: seq..seq+lost-1 are gone */
	enum event_kind kind;
	char *json;
};

static struct entry entries[MAX_ENTRIES];
static size_t entry_count;
static uint64_t next_seq = 1;
static bool fail_once;
static size_t hidden;
static struct {
	char path[256];
	uint64_t seq;
} cursors[MAX_CURSORS];
static unsigned int cursor_writes;

struct journal_reader {
	size_t at;
};

struct journal_cursor {
	size_t slot;
};

void fake_journal_reset(void)
{
	while (entry_count)
		free(entries[--entry_count].json);
	next_seq = 1;
	fail_once = false;
	hidden = 0;
	memset(cursors, 0, sizeof(cursors));
	cursor_writes = 0;
}

uint64_t fake_journal_add_kind(enum event_kind kind, const char *json)
{
	entries[entry_count++] = (struct entry){ next_seq, 0, kind, strdup(json) };
	return next_seq++;
}

uint64_t fake_journal_add(const char *arguments)
{
	char json[8192];

	snprintf(json, sizeof(json),
		 "{\"process_exec\":{\"process\":{\"pid\":%llu,\"uid\":0,\"binary\":\"/bin/true\","
		 "\"arguments\":\"%s\"}},\"weir\":{\"seq\":\"%llu\"}}",
		 (unsigned long long)next_seq, arguments, (unsigned long long)next_seq);
	return fake_journal_add_kind(KIND_PROCESS_EXEC, json);
}

void fake_journal_lose(uint64_t count)
{
	entries[entry_count++] = (struct entry){ next_seq, count, KIND_NONE, NULL };
	next_seq += count;
}

void fake_journal_hide(size_t newest)
{
	hidden = newest;
}

void fake_journal_fail_once(void)
{
	fail_once = true;
}

int journal_reader_open(const char *directory, uint64_t after_seq, struct journal_reader **reader_r,
			struct errmsg *em)
{
	struct journal_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	while (reader->at < entry_count && entries[reader->at].seq <= after_seq)
		reader->at++;
	*reader_r = reader;
	return 0;
}

enum journal_read journal_reader_next(struct journal_reader *reader,
				      struct journal_record *record_r, struct journal_loss *loss_r,
				      struct errmsg *em)
{
	const struct entry *entry;

	if (fail_once) {
		fail_once = false;
		errmsg_set(em, "no disk");
		return JOURNAL_READ_ERROR;
	}
	if (reader->at + hidden >= entry_count)
		return JOURNAL_READ_END;
	entry = &entries[reader->at++];
	if (entry->lost) {
		*loss_r = (struct journal_loss){ .cause = LOSS_JOURNAL_FULL,
						 .first_seq = entry->seq,
						 .last_seq = entry->seq + entry->lost - 1,
						 .count = entry->lost };
		return JOURNAL_READ_LOSS;
	}
	*record_r =
		(struct journal_record){ .seq = entry->seq,
					 .time_wall_ns = 1700000000ull * NSEC_PER_SEC + entry->seq,
					 .kind = entry->kind,
					 .pid = 1,
					 .json = str_of(entry->json),
					 .boot_id = STR(BOOT_ID) };
	return JOURNAL_READ_RECORD;
}

uint64_t journal_reader_newest(struct journal_reader *reader)
{
	return next_seq - 1;
}

void journal_reader_close(struct journal_reader **reader)
{
	free(*reader);
	*reader = NULL;
}

static size_t cursor_slot(const char *path)
{
	size_t i;

	for (i = 0; i < MAX_CURSORS - 1 && cursors[i].path[0]; i++)
		if (strcmp(cursors[i].path, path) == 0)
			return i;
	snprintf(cursors[i].path, sizeof(cursors[i].path), "%s", path);
	return i;
}

int journal_cursor_open(const char *path, struct journal_cursor **cursor_r, uint64_t *seq_r,
			struct errmsg *em)
{
	struct journal_cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor)
		return -ENOMEM;
	cursor->slot = cursor_slot(path);
	*seq_r = cursors[cursor->slot].seq;
	*cursor_r = cursor;
	return 0;
}

int journal_cursor_set(struct journal_cursor *cursor, uint64_t seq, bool sync)
{
	cursors[cursor->slot].seq = seq;
	cursor_writes++;
	return 0;
}

void journal_cursor_close(struct journal_cursor **cursor)
{
	free(*cursor);
	*cursor = NULL;
}

uint64_t fake_cursor(const char *path)
{
	return cursors[cursor_slot(path)].seq;
}

void fake_cursor_put(const char *path, uint64_t seq)
{
	cursors[cursor_slot(path)].seq = seq;
}

unsigned int fake_cursor_writes(void)
{
	return cursor_writes;
}
