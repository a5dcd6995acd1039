#include "pipeline/metrics.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* 6.3 */
#endif

#define BOARD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

/* Tries to catch the forwarder between two writes; one that was killed in the middle of a write
 * leaves the version odd until its successor writes. */
#define LAST_ERROR_TRIES 100

/* ---- the board ---- */

/* Hosts may demand that memory files say they hold no code (vm.memfd_noexec); older kernels don't
 * know the flag. */
static int create_memory_file(void)
{
	int fd = memfd_create("weir-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("weir-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static struct metrics_board *map_board(int fd)
{
	void *mem =
		mmap(NULL, sizeof(struct metrics_board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

struct metrics_board *metrics_create(int *fd_r)
{
	struct metrics_board *board = NULL;
	int fd = create_memory_file(), err;

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, sizeof(*board)) == 0 && fcntl(fd, F_ADD_SEALS, BOARD_SEALS) == 0)
		board = map_board(fd);
	if (!board) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	*fd_r = fd;
	return board;
}

/* Without its seals the other side could shrink the file, and reading it would be a SIGBUS. */
struct metrics_board *metrics_map(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || fstat(fd, &st) < 0)
		return NULL;
	if ((seals & BOARD_SEALS) != BOARD_SEALS || st.st_size != sizeof(struct metrics_board)) {
		errno = EINVAL;
		return NULL;
	}
	return map_board(fd);
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
