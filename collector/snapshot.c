#include "collector/snapshot.h"

#include "base/clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A process takes some 500 bytes; so this is some hundred thousand of them. */
#define SNAPSHOT_MAX_BYTES (256u << 20)
#define READ_BYTES	   (64 << 10)

/* -- the iterator -- */

static int iterator_open(const struct bpf_program *iterator, struct bpf_link **link_r,
			 struct errmsg *em)
{
	struct bpf_link *link = bpf_program__attach_iter(iterator, NULL);
	int fd, err;

	if (!link) {
		err = -errno;
		errmsg_set(em, "iterator %s: attach: %s", bpf_program__name(iterator),
			   strerror(-err));
		return err;
	}
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		errmsg_set(em, "iterator %s: open: %s", bpf_program__name(iterator), strerror(-fd));
		bpf_link__destroy(link);
		return fd;
	}
	*link_r = link;
	return fd;
}

static int iterator_read(const struct bpf_program *iterator, struct buf *out, struct errmsg *em)
{
	struct bpf_link *link = NULL;
	int fd = iterator_open(iterator, &link, em), err = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	do {
		if (!buf_reserve(out, READ_BYTES)) {
			err = -E2BIG;
			break;
		}
		n = read(fd, out->p + out->len, READ_BYTES);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			err = -errno;
		if (n > 0)
			out->len += n;
	} while (n && !err);
	if (err)
		errmsg_set(em, "iterator %s: read: %s", bpf_program__name(iterator),
			   strerror(-err));
	close(fd);
	bpf_link__destroy(link);
	return err;
}

int snapshot_keys(const struct bpf_program *iterator, struct buf *keys, struct errmsg *em)
{
	return iterator_read(iterator, keys, em);
}

int snapshot_run(const struct bpf_program *iterator, struct errmsg *em)
{
	struct buf nothing = buf_growable(READ_BYTES);
	int err = iterator_read(iterator, &nothing, em);

	buf_free(&nothing);
	return err;
}

/* -- /proc -- */

/* Field 22 of /proc/PID/stat, in clock ticks, and field 48, an address. */
enum { STAT_START_TICKS = 22, STAT_ARG_START = 48 };

/* A number of /proc/PID/stat: the comm before it may hold anything, but what follows the last
 * parenthesis does not. 0: not readable. */
static uint64_t proc_stat(int proc_fd, int wanted)
{
	int fd = openat(proc_fd, "stat", O_RDONLY | O_CLOEXEC);
	char text[1024], *at;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Is what /proc shows under this pid the process of the record? The pid may have been given to
 * another, and /proc may be that of another pid namespace. */
static bool proc_is_process(int proc_fd, const struct event_exec *exec)
{
	uint64_t ticks_per_s = sysconf(_SC_CLK_TCK);

	return proc_stat(proc_fd, STAT_START_TICKS) ==
	       exec->task_start_ns / (NSEC_PER_SEC / ticks_per_s);
}

/* Is the memory that /proc shows that of the record? It changes early in an execve, before a hook
 * tells of it. Without the right to see addresses there is nothing to compare. */
static bool is_same_memory(int proc_fd, uint64_t arg_start)
{
	uint64_t shown = proc_stat(proc_fd, STAT_ARG_START);

	return !shown || shown == arg_start;
}

/* Has it executed something else since? Then its text is that of the new image, which has its own
 * record in the ring. */
static bool is_same_image(const struct snapshot_settings *settings, const struct event_exec *exec)
{
	uint32_t pid = exec->header.process.pid;
	struct task_entry entry;

	if (bpf_map_lookup_elem(settings->tasks_fd, &pid, &entry))
		return true; /* the map had no room for it */
	return entry.start_ns == exec->header.process.start_ns;
}

/* Appends at most max bytes of the file; returns how many. *more_r: there are more. */
static size_t proc_append(int proc_fd, const char *name, size_t max, struct buf *out, bool *more_r)
{
	size_t begin = out->len;
	ssize_t n = 0;
	int fd;

	*more_r = false;
	if (!buf_reserve(out, max + 1))
		return 0;
	fd = openat(proc_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (out->len - begin <= max) {
		n = read(fd, out->p + out->len, max + 1 - (out->len - begin));
		if (n <= 0)
			break;
		out->len += n;
	}
	close(fd);
	if (out->len - begin > max) {
		*more_r = true;
		out->len = begin + max;
	}
	return out->len - begin;
}

/* -- one record -- */

static struct event_exec *record_in(struct buf *out)
{
	return (struct event_exec *)out->p;
}

/* The binary's path stands first of the texts; what is behind it moves up. */
static void forget_binary(struct buf *out)
{
	struct event_exec *record = record_in(out);
	size_t at = sizeof(*record) + record->filename_len;

	if (at + record->exe_len > out->len)
		return; /* not ours: the kernel program writes whole records */
	memmove(out->p + at, out->p + at + record->exe_len, out->len - at - record->exe_len);
	out->len -= record->exe_len;
	record->exe_len = 0;
	record->exe_ino = 0;
	record->facts |= EXEC_FILENAME_UNREADABLE;
}

static void forget_texts(struct buf *out, size_t before)
{
	struct event_exec *record = record_in(out);

	out->len = before;
	record->args_len = 0;
	record->env_len = 0;
	record->facts &= ~(uint32_t)(EXEC_ARGS_TRUNCATED | EXEC_ENV_TRUNCATED);
	record->facts |= EXEC_ARGS_UNREADABLE;
}

/* Puts argv and environment behind the record, or says that they could not be read. What may be
 * the next image's is not said of this one. */
static void append_texts(const struct snapshot_settings *settings, int proc_fd, struct buf *out)
{
	uint64_t arg_start = record_in(out)->replaced.start_ns;
	bool more;
	size_t n, before = out->len;

	n = proc_append(proc_fd, "cmdline", settings->arguments_bytes, out, &more);
	record_in(out)->args_len = n;
	if (more)
		record_in(out)->facts |= EXEC_ARGS_TRUNCATED;
	if (settings->environment_bytes) {
		n = proc_append(proc_fd, "environ", settings->environment_bytes, out, &more);
		record_in(out)->env_len = n;
		if (more)
			record_in(out)->facts |= EXEC_ENV_TRUNCATED;
	}
	if (!is_same_image(settings, record_in(out)))
		record_in(out)->facts |= EXEC_CHANGING;
	if (record_in(out)->facts & EXEC_CHANGING || !is_same_memory(proc_fd, arg_start) ||
	    !proc_is_process(proc_fd, record_in(out)))
		forget_texts(out, before);
}

static void append_from_proc(const struct snapshot_settings *settings, struct buf *out)
{
	char path[32];
	int proc_fd;

	snprintf(path, sizeof(path), "/proc/%u", record_in(out)->header.process.pid);
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0) {
		record_in(out)->facts |= EXEC_ARGS_UNREADABLE;
		return;
	}
	append_texts(settings, proc_fd, out);
	close(proc_fd);
}

/* A kernel thread goes by its name in brackets, as ps(1) shows it. It has no other text than its
 * cgroup's name, which stays behind the new one. */
static void name_kernel_thread(struct buf *out)
{
	char name[sizeof(record_in(out)->comm) + 2], cgroup[256];
	size_t cgroup_len = record_in(out)->cgroup_len;
	int n = snprintf(name, sizeof(name), "[%.15s]", record_in(out)->comm);

	if (cgroup_len > sizeof(cgroup) || out->len != sizeof(struct event_exec) + cgroup_len)
		return;
	memcpy(cgroup, out->p + sizeof(struct event_exec), cgroup_len);
	out->len = sizeof(struct event_exec);
	buf_put(out, name, n);
	buf_put(out, cgroup, cgroup_len);
	record_in(out)->filename_len = n;
}

/* Gives one record, completed in `out`. */
static void give(const struct snapshot_settings *settings, const struct event_exec *exec,
		 struct buf *out, sensor_record_fn fn, void *ctx)
{
	buf_reset(out);
	buf_put(out, exec, exec->header.size);
	if (!buf_ok(out)) { /* no memory: better without argv than not at all */
		fn(ctx, exec, exec->header.size);
		return;
	}
	if (exec->facts & EXEC_KERNEL_THREAD)
		name_kernel_thread(out);
	else
		append_from_proc(settings, out);
	if (record_in(out)->facts & EXEC_CHANGING)
		forget_binary(out);
	record_in(out)->replaced.start_ns = 0;
	record_in(out)->header.size = out->len;
	fn(ctx, out->p, out->len);
}

/* -- all of them -- */

static int by_start(const void *a, const void *b)
{
	const struct event_exec *x = *(const struct event_exec *const *)a;
	const struct event_exec *y = *(const struct event_exec *const *)b;

	if (x->task_start_ns != y->task_start_ns)
		return x->task_start_ns < y->task_start_ns ? -1 : 1;
	return x->header.process.pid < y->header.process.pid ? -1 : 1;
}

/* Moves each record of `all` to a place where it is aligned, oldest first. Returns how many, or
 * negative errno; *records_r is one block for the caller to free. */
static ssize_t sort_records(const struct buf *all, struct event_exec ***records_r)
{
	size_t n = 0, room = all->len / sizeof(struct event_exec) + 1;
	struct event_exec **records = malloc(room * sizeof(*records) + all->len + room * 8);
	struct event_header header;
	char *to;

	if (!records)
		return -ENOMEM;
	to = (char *)(records + room);
	for (size_t at = 0; at + sizeof(struct event_exec) <= all->len; at += header.size) {
		memcpy(&header, all->p + at, sizeof(header));
		if (header.size < sizeof(struct event_exec) || header.size > all->len - at)
			break; /* not ours: the kernel program writes whole records */
		memcpy(to, all->p + at, header.size);
		records[n++] = (struct event_exec *)to;
		to += (header.size + 7) & ~7u;
	}
	qsort(records, n, sizeof(*records), by_start);
	*records_r = records;
	return n;
}

int snapshot_tasks(const struct snapshot_settings *settings, const struct bpf_program *iterator,
		   sensor_record_fn fn, void *ctx, struct errmsg *em)
{
	struct buf all = buf_growable(SNAPSHOT_MAX_BYTES);
	struct buf one = buf_growable(1 << 20);
	struct event_exec **records = NULL;
	ssize_t n;
	int err;

	err = iterator_read(iterator, &all, em);
	if (err)
		goto out;
	n = sort_records(&all, &records);
	if (n < 0) {
		err = n;
		errmsg_set(em, "no memory for the list of processes");
		goto out;
	}
	buf_free(&all);
	for (ssize_t i = 0; i < n; i++)
		if (!settings->wanted ||
		    settings->wanted(settings->wanted_ctx, &records[i]->header.process))
			give(settings, records[i], &one, fn, ctx);
out:
	free(records);
	buf_free(&all);
	buf_free(&one);
	return err;
}
