#include "outputs/log_file.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

struct log_file {
	struct log_file_settings settings;
	int fd;
	uint64_t bytes;
	uint64_t begun_wall_ns;
	uint64_t removed;
};

/* A crash may have left half a line: what follows must not become part of it. */
static int end_last_line(struct log_file *file)
{
	char last;

	if (file->bytes == 0)
		return 0;
	if (pread(file->fd, &last, 1, file->bytes - 1) != 1)
		return errno ? -errno : -EIO;
	if (last == '\n')
		return 0;
	if (write(file->fd, "\n", 1) != 1)
		return -errno;
	file->bytes++;
	return 0;
}

/* The age of a file counts from when it was made; file systems without a birth time give the last
 * change, which only delays the rotation. */
static uint64_t birth_ns(int fd, uint64_t now_wall_ns)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &stx) != 0)
		return now_wall_ns;
	if (stx.stx_mask & STATX_BTIME)
		return stx.stx_btime.tv_sec * NSEC_PER_SEC + stx.stx_btime.tv_nsec;
	return stx.stx_mtime.tv_sec * NSEC_PER_SEC + stx.stx_mtime.tv_nsec;
}

static int open_path(struct log_file *file, uint64_t now_wall_ns)
{
	/* O_NONBLOCK: a FIFO in its place must not hold us before we have seen what it is. */
	int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, err;
	struct stat st;

	file->fd = open(file->settings.path, flags, file->settings.mode);
	if (file->fd < 0)
		return -errno;
	if (fstat(file->fd, &st) != 0)
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -EMEDIUMTYPE;
	else {
		file->bytes = st.st_size;
		file->begun_wall_ns = st.st_size ? birth_ns(file->fd, now_wall_ns) : now_wall_ns;
		err = end_last_line(file);
	}
	if (err) {
		close(file->fd);
		file->fd = -1;
	}
	return err;
}

int log_file_open(const struct log_file_settings *settings, uint64_t now_wall_ns,
		  struct log_file **file_r, struct errmsg *em)
{
	struct log_file *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return -ENOMEM;
	file->settings = *settings;
	err = open_path(file, now_wall_ns);
	if (err == -EMEDIUMTYPE)
		errmsg_set(em, "%s is not a regular file", settings->path);
	else if (err)
		errmsg_set(em, "can't open %s: %s", settings->path, strerror(-err));
	if (err)
		log_file_close(&file);
	*file_r = file;
	return err;
}

static int numbered_path(const struct log_file *file, unsigned int number, char path_r[PATH_MAX])
{
	int n;

	if (number == 0)
		n = snprintf(path_r, PATH_MAX, "%s", file->settings.path);
	else
		n = snprintf(path_r, PATH_MAX, "%s.%u", file->settings.path, number);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int rename_numbered(const struct log_file *file, unsigned int from, unsigned int to)
{
	char from_path[PATH_MAX], to_path[PATH_MAX];

	if (numbered_path(file, from, from_path) || numbered_path(file, to, to_path))
		return -ENAMETOOLONG;
	if (rename(from_path, to_path) == 0 || errno == ENOENT)
		return 0;
	return -errno;
}

static int remove_oldest(struct log_file *file)
{
	char path[PATH_MAX];

	if (numbered_path(file, file->settings.keep, path))
		return -ENAMETOOLONG;
	if (unlink(path) == 0)
		file->removed++;
	else if (errno != ENOENT)
		return -errno;
	return 0;
}

/* What can't be renamed is written on: a file that grows is better than lines that are lost. */
static int rotate(struct log_file *file, uint64_t now_wall_ns)
{
	unsigned int i;
	int err = remove_oldest(file);

	for (i = file->settings.keep; !err && i > 0; i--)
		err = rename_numbered(file, i - 1, i);
	return err ? err : log_file_reopen(file, now_wall_ns);
}

static bool rotation_is_due(const struct log_file *file, size_t n, uint64_t now_wall_ns)
{
	const struct log_file_settings *settings = &file->settings;

	if (file->bytes == 0)
		return false;
	if (settings->max_bytes && file->bytes + n > settings->max_bytes)
		return true;
	return settings->max_age_ns && now_wall_ns > file->begun_wall_ns &&
	       now_wall_ns - file->begun_wall_ns >= settings->max_age_ns;
}

static int write_all(int fd, struct str lines)
{
	while (lines.n) {
		ssize_t n = write(fd, lines.p, lines.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		lines.p += n;
		lines.n -= n;
	}
	return 0;
}

int log_file_append(struct log_file *file, struct str lines, uint64_t now_wall_ns)
{
	int err = 0;

	if (file->fd < 0)
		err = open_path(file, now_wall_ns);
	else if (rotation_is_due(file, lines.n, now_wall_ns))
		err = rotate(file, now_wall_ns);
	if (err && file->fd < 0)
		return err;
	err = write_all(file->fd, lines);
	if (err) {
		/* Opened again later, it ends the half line should the cut fail as well. */
		if (ftruncate(file->fd, file->bytes) != 0) {
			close(file->fd);
			file->fd = -1;
		}
		return err;
	}
	file->bytes += lines.n;
	return 0;
}

int log_file_sync(struct log_file *file)
{
	return file->fd < 0 || fdatasync(file->fd) == 0 ? 0 : -errno;
}

int log_file_reopen(struct log_file *file, uint64_t now_wall_ns)
{
	int old = file->fd, err = open_path(file, now_wall_ns);

	if (err) {
		file->fd = old;
		return err;
	}
	if (old >= 0)
		close(old);
	return 0;
}

uint64_t log_file_removed(const struct log_file *file)
{
	return file->removed;
}

void log_file_close(struct log_file **file)
{
	if (!*file)
		return;
	if ((*file)->fd >= 0)
		close((*file)->fd);
	free(*file);
	*file = NULL;
}
