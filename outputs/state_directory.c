#include "outputs/state_directory.h"

#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY_MODE 0750
#define LOCK_POLL_NS   20000000

static int failed(struct errmsg *em, const char *what, const char *path)
{
	int err = -errno;

	errmsg_set(em, "can't %s %s: %s", what, path, strerror(-err));
	return err;
}

static int give(const char *path, const struct sandbox_user *user, struct errmsg *em)
{
	if (user && lchown(path, user->uid, user->gid) != 0)
		return failed(em, "give away", path);
	return 0;
}

/* Those above the last are root's, and passable for everyone. */
static int make_above(const char *path, struct errmsg *em)
{
	char above[PATH_MAX];
	char *slash;

	if (snprintf(above, sizeof(above), "%s", path) >= (int)sizeof(above)) {
		errmsg_set(em, "%.80s... is too long a path", path);
		return -ENAMETOOLONG;
	}
	for (slash = strchr(above + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(above, 0755) != 0 && errno != EEXIST)
			return failed(em, "make", above);
		*slash = '/';
	}
	return 0;
}

/* *made_r: it was not there before. */
static int make(const char *path, bool *made_r, struct errmsg *em)
{
	int err = make_above(path, em);

	if (err)
		return err;
	*made_r = mkdir(path, DIRECTORY_MODE) == 0;
	if (!*made_r && errno != EEXIST)
		return failed(em, "make", path);
	return 0;
}

/* Giving /tmp or /var/log away would break the host. */
static int check_own(const char *path, struct errmsg *em)
{
	static const char *const own[] = { "lock", "*.cursor", "*.dead", NULL };
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	if (fd < 0)
		return failed(em, "open", path);
	err = directory_may_take(fd, own);
	close(fd);
	if (err == -ENOTEMPTY)
		errmsg_set(em,
			   "%s holds other files; the outputs' state needs a directory of its own "
			   "(%s/weir, say)",
			   path, path);
	else if (err)
		errmsg_set(em, "can't read %s: %s", path, strerror(-err));
	return err;
}

int state_directory_make(const char *path, const struct sandbox_user *user, struct errmsg *em)
{
	bool made;
	int err = make(path, &made, em);

	if (!err && !made)
		err = check_own(path, em);
	return err ? err : give(path, user, em);
}

int state_directory_make_parent(const char *file_path, const struct sandbox_user *user,
				struct errmsg *em)
{
	char path[PATH_MAX];
	const char *slash = strrchr(file_path, '/');
	bool made = false;
	int err;

	if (!slash || slash == file_path)
		return 0;
	if (slash - file_path >= (ptrdiff_t)sizeof(path)) {
		errmsg_set(em, "%.80s... is too long a path", file_path);
		return -ENAMETOOLONG;
	}
	snprintf(path, sizeof(path), "%.*s", (int)(slash - file_path), file_path);
	err = make(path, &made, em);
	return err || !made ? err : give(path, user, em);
}

static void read_holder(int fd, char holder_r[32])
{
	ssize_t n = pread(fd, holder_r, 31, 0);

	holder_r[n > 0 ? strspn(holder_r, "0123456789") : 0] = '\0';
}

static int await_lock(int fd, const char *path, unsigned int timeout_ms, struct errmsg *em)
{
	struct timespec pause = { 0, LOCK_POLL_NS };
	unsigned int waited_ms = 0;
	char holder[32] = "";

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return failed(em, "lock", path);
		if (waited_ms >= timeout_ms) {
			read_holder(fd, holder);
			errmsg_set(em, "another forwarder (pid %s) uses %s",
				   *holder ? holder : "unknown", path);
			return -EBUSY;
		}
		nanosleep(&pause, NULL);
		waited_ms += LOCK_POLL_NS / 1000000;
	}
	return 0;
}

int state_directory_lock(const char *path, const struct sandbox_user *user, unsigned int timeout_ms,
			 int *fd_r, struct errmsg *em)
{
	char lock_path[PATH_MAX];
	int fd, err;

	if (snprintf(lock_path, sizeof(lock_path), "%s/lock", path) >= (int)sizeof(lock_path))
		return -ENAMETOOLONG;
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return failed(em, "open", lock_path);
	err = await_lock(fd, path, timeout_ms, em);
	if (!err && user && fchown(fd, user->uid, user->gid) != 0)
		err = failed(em, "give away", lock_path);
	if (!err && (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0))
		err = failed(em, "write", lock_path);
	if (err)
		close(fd);
	else
		*fd_r = fd;
	return err;
}
