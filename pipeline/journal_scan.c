#include "pipeline/journal_scan.h"

#include "pipeline/journal_directory.h"
#include "pipeline/journal_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A block that a processor's cache holds, so that the CRC finds what pread just copied. */
#define BLOCK_BYTES (256u * 1024)
/* At an end so little is read at once: what stands behind it may be older bytes. */
#define AHEAD_MIN_BYTES 4096u
/* So far one call looks for a sound batch in a live segment; the next one goes on there. */
#define SEARCH_BYTES (2u * JOURNAL_BATCH_MAX)

void journal_scan_init(struct journal_scan *scan)
{
	*scan = (struct journal_scan){ .fd = -1 };
}

void journal_scan_close(struct journal_scan *scan)
{
	if (scan->fd >= 0)
		close(scan->fd);
	scan->fd = -1;
	scan->block_bytes = 0;
	scan->searched = 0;
	scan->live = false;
}

void journal_scan_free(struct journal_scan *scan)
{
	journal_scan_close(scan);
	free(scan->block);
	journal_scan_init(scan);
}

static int read_header(struct journal_scan *scan, uint64_t first_seq)
{
	uint8_t bytes[JOURNAL_HEADER_BYTES];
	ssize_t n = journal_io_read_all(scan->fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return (int)n;
	if (!journal_header_parse(bytes, (size_t)n, &scan->header) ||
	    scan->header.first_seq != first_seq)
		return -EBADMSG;
	return 0;
}

/* Is this what the name stands for, still? The writer takes the name away before it asks whether
 * the file is open, so from here on the file stays what it is. */
static int check_name(const struct journal_scan *scan, int directory_fd, const char *name)
{
	struct stat opened, named;

	if (fstat(scan->fd, &opened) < 0 || !S_ISREG(opened.st_mode))
		return -EBADMSG;
	if (fstatat(directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return opened.st_ino == named.st_ino && opened.st_dev == named.st_dev ? 0 : -ENOENT;
}

int journal_scan_open(struct journal_scan *scan, int directory_fd, uint64_t first_seq)
{
	char name[JOURNAL_NAME_BYTES];
	int err;

	journal_scan_close(scan);
	journal_segment_name(first_seq, name);
	/* O_NONBLOCK: a fifo under that name must not hold us up; nor the writer's lease, which it
	 * takes on a file that has lost its name. */
	scan->fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (scan->fd < 0)
		return errno == EWOULDBLOCK ? -ENOENT : -errno;
	err = check_name(scan, directory_fd, name);
	if (err == 0)
		err = read_header(scan, first_seq);
	scan->offset = JOURNAL_HEADER_BYTES;
	scan->ahead = AHEAD_MIN_BYTES;
	if (err)
		journal_scan_close(scan);
	return err;
}

/* Makes the block at least that large, its contents kept. */
static bool block_grow(struct journal_scan *scan, size_t cap)
{
	uint8_t *grown;

	if (scan->block_cap >= cap)
		return true;
	grown = realloc(scan->block, cap);
	if (!grown) {
		scan->error = ENOMEM;
		return false;
	}
	scan->block = grown;
	scan->block_cap = cap;
	return true;
}

/* Fills the block from `offset` on; what it holds of that already is moved, not read again. Reads
 * twice as far each time, so that little is read in vain at the end and much at once elsewhere. */
static bool block_fill(struct journal_scan *scan, uint64_t offset, size_t want)
{
	uint64_t end = scan->block_offset + scan->block_bytes;
	size_t kept = 0, wanted = want > scan->ahead ? want : scan->ahead;
	ssize_t n;

	if (!block_grow(scan, want > BLOCK_BYTES ? want : BLOCK_BYTES))
		return false;
	if (offset >= scan->block_offset && offset < end) {
		kept = (size_t)(end - offset);
		memmove(scan->block, scan->block + (offset - scan->block_offset), kept);
	}
	scan->block_offset = offset;
	scan->block_bytes = kept;
	n = journal_io_read_all(scan->fd, scan->block + kept, wanted - kept,
				(off_t)(offset + kept));
	if (n < 0) {
		scan->error = (int)-n;
		return false;
	}
	scan->block_bytes += (size_t)n;
	scan->ahead = 2 * scan->ahead < BLOCK_BYTES ? 2 * scan->ahead : BLOCK_BYTES;
	return true;
}

/* The bytes from `offset` on, at least `want` of them unless the file ends before. False: I/O
 * error or no memory, in scan->error. */
static bool window(struct journal_scan *scan, uint64_t offset, size_t want, const uint8_t **p_r,
		   size_t *n_r)
{
	if ((offset < scan->block_offset ||
	     offset + want > scan->block_offset + scan->block_bytes) &&
	    !block_fill(scan, offset, want))
		return false;
	*p_r = scan->block + (offset - scan->block_offset);
	*n_r = scan->block_bytes - (size_t)(offset - scan->block_offset);
	return true;
}

/* Is there a whole, sound batch at that offset? */
static bool batch_at(struct journal_scan *scan, uint64_t offset, struct journal_batch *batch_r)
{
	const uint8_t *p;
	size_t n;

	if (!window(scan, offset, sizeof(batch_r->header), &p, &n) || n < sizeof(batch_r->header))
		return false;
	memcpy(&batch_r->header, p, sizeof(batch_r->header));
	if (!journal_batch_header_is_sound(&batch_r->header, scan->header.number))
		return false;
	if (n < batch_r->header.length &&
	    (!window(scan, offset, batch_r->header.length, &p, &n) || n < batch_r->header.length))
		return false;
	batch_r->bytes = p;
	batch_r->offset = offset;
	return journal_batch_is_sound(p);
}

/* The next offset at or behind `offset`, and before `to`, where the magic stands; false: none.
 * JSON has no such byte as its first, so this runs at memchr's speed over event text. */
static bool find_magic(struct journal_scan *scan, uint64_t *offset, uint64_t to)
{
	const uint64_t magic = JOURNAL_BATCH_MAGIC;
	const uint8_t *p, *hit;
	size_t n;

	while (*offset < to) {
		if (!window(scan, *offset, sizeof(magic), &p, &n) || n < sizeof(magic))
			return false;
		hit = memchr(p, (int)(magic & 0xff), n - sizeof(magic) + 1);
		if (!hit) {
			*offset += n - sizeof(magic) + 1;
			continue;
		}
		*offset += (uint64_t)(hit - p);
		if (memcmp(hit, &magic, sizeof(magic)) == 0)
			return *offset < to;
		++*offset;
	}
	return false;
}

/* The first sound batch that starts in that stretch. */
static bool find_batch(struct journal_scan *scan, uint64_t from, uint64_t to,
		       struct journal_batch *batch_r)
{
	for (uint64_t at = from; find_magic(scan, &at, to); at++) {
		if (batch_at(scan, at, batch_r))
			return true;
		if (scan->error)
			return false;
	}
	return false;
}

/* batch_at() on bytes read now. */
static bool batch_at_fresh(struct journal_scan *scan, struct journal_batch *batch_r)
{
	scan->block_bytes = 0;
	return batch_at(scan, scan->offset, batch_r);
}

/* Behind an edge stand older bytes, and nothing of this segment. */
static bool edge_at(struct journal_scan *scan, uint64_t offset)
{
	struct journal_edge edge;
	const uint8_t *p;
	size_t n;

	if (!window(scan, offset, sizeof(edge), &p, &n) || n < sizeof(edge))
		return false;
	memcpy(&edge, p, sizeof(edge));
	return journal_edge_is_sound(&edge, scan->header.number, offset);
}

/* Is there a sound batch behind the offset? In a live segment each call looks at one stretch and
 * the next call at the one behind it, from the front again after the last. */
static bool search(struct journal_scan *scan, uint64_t file_bytes, struct journal_batch *batch_r)
{
	uint64_t from = scan->searched > scan->offset ? scan->searched : scan->offset + 1;
	uint64_t to = file_bytes;

	if (scan->live && from + SEARCH_BYTES < to)
		to = from + SEARCH_BYTES;
	scan->searched = to < file_bytes ? to : 0;
	return find_batch(scan, from, to, batch_r);
}

/* No sound batch stands at the offset: it may be half-written this moment, or damaged with sound
 * ones behind it. What was half-written is whole once something stands behind it, so a batch
 * found further on is believed only after a second look at the offset. */
static enum journal_scan_result search_tail(struct journal_scan *scan,
					    struct journal_batch *batch_r)
{
	enum journal_scan_result nothing;
	struct stat st;

	if (fstat(scan->fd, &st) < 0) {
		scan->error = errno;
		return SCAN_ERROR;
	}
	if ((uint64_t)st.st_size <= scan->offset)
		return SCAN_END;
	scan->ahead = AHEAD_MIN_BYTES;
	if (batch_at_fresh(scan, batch_r))
		return SCAN_BATCH;
	nothing = edge_at(scan, scan->offset) ? SCAN_END : SCAN_TAIL;
	if (nothing == SCAN_END && scan->live)
		return SCAN_END;
	if (!scan->error && search(scan, (uint64_t)st.st_size, batch_r)) {
		if (batch_at_fresh(scan, batch_r) ||
		    find_batch(scan, scan->offset + 1, UINT64_MAX, batch_r))
			return SCAN_BATCH;
	}
	return scan->error ? SCAN_ERROR : nothing;
}

enum journal_scan_result journal_scan_next(struct journal_scan *scan, struct journal_batch *batch_r)
{
	enum journal_scan_result result = SCAN_BATCH;

	scan->error = 0;
	if (!batch_at(scan, scan->offset, batch_r))
		result = scan->error ? SCAN_ERROR : search_tail(scan, batch_r);
	if (result != SCAN_BATCH)
		return result;
	batch_r->skipped = batch_r->offset - scan->offset;
	scan->offset = batch_r->offset + batch_r->header.length;
	scan->searched = 0;
	return SCAN_BATCH;
}

static bool read_at(const struct journal_scan *scan, void *bytes, size_t n, uint64_t offset)
{
	return journal_io_read_all(scan->fd, bytes, n, (off_t)offset) == (ssize_t)n;
}

bool journal_scan_hop(struct journal_scan *scan, struct journal_batch_header *header_r)
{
	struct journal_batch_trailer trailer;

	/* The trailer is what is written last. */
	if (!read_at(scan, header_r, sizeof(*header_r), scan->offset) ||
	    !journal_batch_header_is_sound(header_r, scan->header.number) ||
	    !read_at(scan, &trailer, sizeof(trailer),
		     scan->offset + header_r->length - sizeof(trailer)) ||
	    !journal_batch_trailer_is_sound(&trailer, header_r))
		return false;
	scan->offset += header_r->length;
	return true;
}

bool journal_scan_tail_header(struct journal_scan *scan, struct journal_batch_header *header_r)
{
	const uint8_t *p;
	size_t n;

	scan->block_bytes = 0;
	if (!window(scan, scan->offset, sizeof(*header_r), &p, &n) || n < sizeof(*header_r))
		return false;
	memcpy(header_r, p, sizeof(*header_r));
	return journal_batch_header_is_sound(header_r, scan->header.number);
}
