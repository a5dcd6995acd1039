#include "pipeline/journal_reader.h"

#include "base/crc32c.h"
#include "pipeline/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURSOR_MAGIC  0x0a52534352554357ull /* "WCURCSR" '\n' */
#define SLOTS	      2u
#define SLOT_DISTANCE 512 /* a sector each: a torn write harms one */

struct cursor_slot {
	uint64_t magic;
	uint64_t generation;
	uint64_t seq;
	uint32_t crc; /* of the 24 bytes before it */
	uint32_t zero;
};
_Static_assert(sizeof(struct cursor_slot) == 32, "cursor slot");

struct journal_cursor {
	int fd;
	uint64_t generation; /* of the newest slot; its parity says which that is */
};

static uint32_t slot_crc(const struct cursor_slot *slot)
{
	return crc32c(0, slot, offsetof(struct cursor_slot, crc));
}

/* The newest sound slot; false: there is none. *any_r: something stands in the file. */
static bool load_newest(int fd, struct cursor_slot *newest_r, bool *any_r)
{
	struct cursor_slot slot;
	bool found = false;

	*any_r = false;
	for (unsigned int i = 0; i < SLOTS; i++) {
		ssize_t n = journal_io_read_all(fd, &slot, sizeof(slot), i * SLOT_DISTANCE);

		*any_r = *any_r || n > 0;
		if (n != (ssize_t)sizeof(slot) || slot.magic != CURSOR_MAGIC ||
		    slot.crc != slot_crc(&slot) ||
		    (found && slot.generation <= newest_r->generation))
			continue;
		*newest_r = slot;
		found = true;
	}
	return found;
}

int journal_cursor_open(const char *path, struct journal_cursor **cursor_r, uint64_t *seq_r,
			struct errmsg *em)
{
	struct journal_cursor *cursor = calloc(1, sizeof(*cursor));
	struct cursor_slot newest = { 0 };
	bool any;
	int err;

	if (!cursor)
		return -ENOMEM;
	cursor->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (cursor->fd < 0) {
		err = -errno;
		errmsg_set(em, "cursor %s: cannot open: %s", path, strerror(-err));
		free(cursor);
		return err;
	}
	if (!load_newest(cursor->fd, &newest, &any) && any)
		errmsg_set(em, "cursor %s: damaged; starting from the oldest record there is",
			   path);
	cursor->generation = newest.generation;
	*seq_r = newest.seq;
	*cursor_r = cursor;
	return 0;
}

int journal_cursor_set(struct journal_cursor *cursor, uint64_t seq, bool sync)
{
	struct cursor_slot slot = {
		.magic = CURSOR_MAGIC,
		.generation = cursor->generation + 1,
		.seq = seq,
	};
	int err;

	slot.crc = slot_crc(&slot);
	err = journal_io_write_all(&journal_io_system, cursor->fd, &slot, sizeof(slot),
				   (off_t)(slot.generation % SLOTS) * SLOT_DISTANCE);
	if (err)
		return err;
	/* Only a slot that is whole counts: a failed write leaves the older one in charge, and the
	 * next attempt goes over the failed one. */
	cursor->generation = slot.generation;
	if (sync && fdatasync(cursor->fd) < 0)
		return -errno;
	return 0;
}

void journal_cursor_close(struct journal_cursor **cursor)
{
	if (!*cursor)
		return;
	close((*cursor)->fd);
	free(*cursor);
	*cursor = NULL;
}
