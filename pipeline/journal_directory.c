#include "pipeline/journal_directory.h"

#include "base/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_NAME    "lock"
#define MODE_BITS    07777u
#define NAME_DIGITS  20u
#define MAX_SEGMENTS (1u << 20) /* more names than that are not a journal of ours */
#define SEGMENT_EXT  ".weir"
/* File systems keep times as coarse as two seconds. */
#define STAMP_TICK_S 3

static int directory_tighten(int fd, const char *path, gid_t reader_gid, struct errmsg *em)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (reader_gid != (gid_t)-1 && st.st_gid != reader_gid &&
	    fchown(fd, (uid_t)-1, reader_gid) < 0) {
		int err = -errno;

		errmsg_set(em, "journal %s: cannot give it to group %u: %s", path, reader_gid,
			   strerror(-err));
		return err;
	}
	if ((st.st_mode & MODE_BITS) != 0750 && fchmod(fd, 0750) < 0) {
		int err = -errno;

		errmsg_set(em, "journal %s: mode is %03o and cannot be made 750: %s", path,
			   st.st_mode & MODE_BITS, strerror(-err));
		return err;
	}
	return 0;
}

static int take_directory(int fd, const char *path, struct errmsg *em)
{
	static const char *const own[] = { LOCK_NAME, "state", "*" SEGMENT_EXT, NULL };
	int err = directory_may_take(fd, own);

	if (err == -ENOTEMPTY)
		errmsg_set(em,
			   "journal %s: the directory holds other files; the journal needs one of "
			   "its own (%s/weir, say)",
			   path, path);
	else if (err)
		errmsg_set(em, "journal %s: cannot read the directory: %s", path, strerror(-err));
	return err;
}

int journal_directory_create(const char *path, gid_t reader_gid, struct errmsg *em)
{
	int fd, err;

	if (mkdir(path, 0750) < 0 && errno != EEXIST) {
		err = -errno;
		errmsg_set(em, "journal %s: cannot create the directory: %s", path, strerror(-err));
		return err;
	}
	fd = journal_directory_open(path, em);
	if (fd < 0)
		return fd;
	err = take_directory(fd, path, em);
	if (!err)
		err = directory_tighten(fd, path, reader_gid, em);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

int journal_directory_open(const char *path, struct errmsg *em)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = -errno;

	if (fd >= 0)
		return fd;
	errmsg_set(em, "journal %s: cannot open the directory: %s", path, strerror(-err));
	return err;
}

static void describe_holder(int fd, struct errmsg *em)
{
	char pid[16] = "";
	ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

	if (n < 0)
		n = 0;
	pid[strspn(pid, "0123456789")] = '\0';
	errmsg_set(em, "another weir writes this journal: process %s", pid[0] ? pid : "(unknown)");
}

int journal_directory_lock(int directory_fd, struct errmsg *em)
{
	int fd = openat(directory_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err = -errno;

	if (fd < 0) {
		errmsg_set(em, "cannot open the journal's lock: %s", strerror(-err));
		return err;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (err == -EBUSY)
			describe_holder(fd, em);
		else
			errmsg_set(em, "cannot lock the journal: %s", strerror(-err));
		close(fd);
		return err;
	}
	/* For a person who meets -EBUSY; the lock itself is the flock. */
	if (ftruncate(fd, 0) == 0)
		(void)!dprintf(fd, "%d\n", getpid());
	return fd;
}

void journal_segment_name(uint64_t first_seq, char name_r[JOURNAL_NAME_BYTES])
{
	snprintf(name_r, JOURNAL_NAME_BYTES, "%0*" PRIu64 SEGMENT_EXT, (int)NAME_DIGITS, first_seq);
}

/* 0: not the name of a segment. */
static uint64_t seq_of_name(const char *name)
{
	uint64_t seq = 0;

	if (strlen(name) != NAME_DIGITS + strlen(SEGMENT_EXT) ||
	    strcmp(name + NAME_DIGITS, SEGMENT_EXT) != 0)
		return 0;
	for (size_t i = 0; i < NAME_DIGITS; i++) {
		if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(seq, 10u, &seq) ||
		    __builtin_add_overflow(seq, (uint64_t)(name[i] - '0'), &seq))
			return 0;
	}
	return seq;
}

static DIR *directory_rewound(int directory_fd)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Adds to a list that doubles; -E2BIG at its bound. */
static int list_add(uint64_t **list, size_t *n, size_t *cap, uint64_t seq)
{
	if (*n == MAX_SEGMENTS)
		return -E2BIG;
	if (*n == *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		uint64_t *grown = reallocarray(*list, more, sizeof(**list));

		if (!grown)
			return -ENOMEM;
		*list = grown;
		*cap = more;
	}
	(*list)[(*n)++] = seq;
	return 0;
}

int journal_directory_list(int directory_fd, uint64_t **first_seqs_r, size_t *n_r)
{
	DIR *dir = directory_rewound(directory_fd);
	uint64_t *list = NULL, seq;
	struct dirent *entry;
	size_t n = 0, cap = 0;
	int err = 0;

	if (!dir)
		return -errno;
	while (err == 0 && (entry = readdir(dir)) != NULL) {
		seq = seq_of_name(entry->d_name);
		if (seq)
			err = list_add(&list, &n, &cap, seq);
	}
	closedir(dir);
	if (err) {
		free(list);
		return err;
	}
	if (n > 1)
		qsort(list, n, sizeof(*list), by_value);
	*first_seqs_r = list;
	*n_r = n;
	return 0;
}

int journal_directory_neighbours(int directory_fd, uint64_t seq,
				 struct journal_neighbours *neighbours_r)
{
	struct journal_neighbours near = { 0 };
	DIR *dir = directory_rewound(directory_fd);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		uint64_t first = seq_of_name(entry->d_name);

		if (first == 0)
			continue;
		if (near.oldest == 0 || first < near.oldest)
			near.oldest = first;
		if (first <= seq && first > near.at_or_below)
			near.at_or_below = first;
		if (first > seq && (near.above == 0 || first < near.above))
			near.above = first;
	}
	closedir(dir);
	*neighbours_r = near;
	return 0;
}

void journal_directory_stamp(int directory_fd, struct journal_directory_stamp *stamp_r)
{
	struct timespec now;
	struct stat st;

	*stamp_r = (struct journal_directory_stamp){ 0 };
	clock_gettime(CLOCK_REALTIME, &now); /* what the kernel stamps files with */
	if (fstat(directory_fd, &st) == 0 && st.st_mtim.tv_sec < now.tv_sec - STAMP_TICK_S)
		*stamp_r =
			(struct journal_directory_stamp){ st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
}

bool journal_directory_is_as_at(int directory_fd, const struct journal_directory_stamp *stamp)
{
	struct stat st;

	return stamp->sec && fstat(directory_fd, &st) == 0 && st.st_mtim.tv_sec == stamp->sec &&
	       st.st_mtim.tv_nsec == stamp->nsec;
}
