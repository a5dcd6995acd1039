#include "pipeline/metrics.h"

#include "base/memory_file.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOARD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* Tries to catch the forwarder between two writes; one that was killed in the middle of a write
 * leaves the version odd until its successor writes. */
#define LAST_ERROR_TRIES 100

/* ---- the board ---- */

#define COLLECTOR_BYTES offsetof(struct metrics_board, forwarder)
#define FORWARDER_BYTES (sizeof(struct metrics_board) - COLLECTOR_BYTES)

/* Addresses for a board, with its alignment, which is more than a page. MAP_FAILED: no memory. */
static char *reserve_board(void)
{
	const size_t bytes = sizeof(struct metrics_board), slack = METRICS_HALF_ALIGN;
	char *p = mmap(NULL, bytes + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return p;
	before = -(uintptr_t)p % slack;
	if (before)
		munmap(p, before);
	if (slack - before)
		munmap(p + before + bytes, slack - before);
	return p + before;
}

/* Both files side by side, in one stretch of addresses. collector_protection: of the first half. */
static struct metrics_board *map_halves(const struct metrics_fds *fds, int collector_protection)
{
	char *p = reserve_board();
	int err;

	if (p == MAP_FAILED)
		return NULL;
	if (mmap(p, COLLECTOR_BYTES, collector_protection, MAP_SHARED | MAP_FIXED, fds->collector,
		 0) != MAP_FAILED &&
	    mmap(p + COLLECTOR_BYTES, FORWARDER_BYTES, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fds->forwarder, 0) != MAP_FAILED)
		return (struct metrics_board *)p;
	err = errno;
	munmap(p, sizeof(struct metrics_board));
	errno = err;
	return NULL;
}

/* Returns the descriptor, or -1. */
static int create_half(size_t bytes)
{
	int fd = memory_file_create("weir-metrics"), err;

	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	if (ftruncate(fd, (off_t)bytes) == 0 && fcntl(fd, F_ADD_SEALS, BOARD_SEALS) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

struct metrics_board *metrics_create(struct metrics_fds *fds_r)
{
	struct metrics_board *board = NULL;
	int err;

	fds_r->collector = create_half(COLLECTOR_BYTES);
	fds_r->forwarder = fds_r->collector < 0 ? -1 : create_half(FORWARDER_BYTES);
	if (fds_r->forwarder >= 0)
		board = map_halves(fds_r, PROT_READ | PROT_WRITE);
	/* The mapping stays writable; no other can be made (5.1). */
	if (board && fcntl(fds_r->collector, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0)
		return board;
	err = errno;
	metrics_unmap(&board);
	metrics_close_fds(fds_r);
	errno = err;
	return NULL;
}

void metrics_close_fds(struct metrics_fds *fds)
{
	if (fds->collector >= 0)
		close(fds->collector);
	if (fds->forwarder >= 0)
		close(fds->forwarder);
	*fds = (struct metrics_fds){ -1, -1 };
}

/* Without its seals the other side could shrink the file, and reading it would be a SIGBUS. */
static bool is_half(int fd, size_t bytes)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || fstat(fd, &st) < 0)
		return false;
	if ((seals & BOARD_SEALS) == BOARD_SEALS && st.st_size == (off_t)bytes)
		return true;
	errno = EINVAL;
	return false;
}

struct metrics_board *metrics_map(const struct metrics_fds *fds)
{
	if (!is_half(fds->collector, COLLECTOR_BYTES) || !is_half(fds->forwarder, FORWARDER_BYTES))
		return NULL;
	return map_halves(fds, PROT_READ);
}

void metrics_unmap(struct metrics_board **board)
{
	if (!*board)
		return;
	munmap(*board, sizeof(**board));
	*board = NULL;
}

/* ---- the last error of an output: a sequence lock, since the writer never waits ---- */

void metrics_output_error(struct metrics_output *output, uint64_t wall_ns, struct str text)
{
	uint32_t odd = atomic_load_explicit(&output->error_version, memory_order_relaxed) | 1;
	size_t n = text.n < METRICS_TEXT_BYTES ? text.n : METRICS_TEXT_BYTES - 1;

	atomic_store_explicit(&output->error_version, odd, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < METRICS_TEXT_BYTES; i++)
		__atomic_store_n(&output->last_error[i], i < n ? text.p[i] : '\0',
				 __ATOMIC_RELAXED);
	metric_set(&output->last_error_wall_ns, wall_ns);
	atomic_store_explicit(&output->error_version, odd + 1, memory_order_release);
}

struct str metrics_text(const char *shared, char *copy, size_t n)
{
	for (size_t i = 0; i < n; i++)
		copy[i] = __atomic_load_n(&shared[i], __ATOMIC_RELAXED);
	return (struct str){ copy, strnlen(copy, n) };
}

static bool copy_last_error(const struct metrics_output *output, char copy[METRICS_TEXT_BYTES],
			    struct str *text_r)
{
	uint32_t before, after;

	for (int i = 0; i < LAST_ERROR_TRIES; i++) {
		before = atomic_load_explicit((_Atomic uint32_t *)&output->error_version,
					      memory_order_acquire);
		if (before & 1)
			continue;
		*text_r = metrics_text(output->last_error, copy, METRICS_TEXT_BYTES);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit((_Atomic uint32_t *)&output->error_version,
					     memory_order_relaxed);
		if (before == after)
			return true;
	}
	return false;
}

void metrics_output_last_error(const struct metrics_output *output, char text_r[METRICS_TEXT_BYTES])
{
	struct buf out = buf_fixed(text_r, METRICS_TEXT_BYTES - 1);
	char copy[METRICS_TEXT_BYTES];
	struct str text;

	if (copy_last_error(output, copy, &text))
		while (text.n > 0 && buf_ok(&out))
			buf_puts(&out, utf8_take_visible(&text));
	text_r[out.len] = '\0';
}

/* ---- how far behind an output is ---- */

struct metrics_lag metrics_output_lag(const struct metrics_board *board,
				      const struct metrics_output *output, uint64_t now_wall_ns)
{
	const struct metrics_collector *collector = &board->collector;
	uint64_t first = metric_get(&collector->journal_first_seq);
	uint64_t last = metric_get(&collector->journal_last_seq);
	uint64_t acked = metric_get(&output->acked_seq), acked_ns, records;
	struct metrics_lag lag = { 0 };

	if (metric_get(&output->state) == OUTPUT_STATE_CLOSED || last <= acked)
		return lag;
	lag.events = last - acked;
	records = last >= first ? last - first + 1 : 1;
	lag.bytes = (uint64_t)((double)metric_get(&collector->journal_size_bytes) /
			       (double)records * (double)lag.events);
	acked_ns = metric_get(&output->acked_wall_ns);
	if (acked_ns && now_wall_ns > acked_ns)
		lag.ns = now_wall_ns - acked_ns;
	return lag;
}

/* ---- states ---- */

static const char *const state_names[] = {
	[OUTPUT_STATE_STARTING] = "starting", [OUTPUT_STATE_UP] = "up",
	[OUTPUT_STATE_WAITING] = "waiting",   [OUTPUT_STATE_HELD] = "held",
	[OUTPUT_STATE_CLOSED] = "closed",
};

const char *metrics_state_name(uint64_t state)
{
	return state < METRICS_OUTPUT_STATES ? state_names[state] : "unknown";
}
