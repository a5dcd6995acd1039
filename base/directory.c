#include "base/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

static bool is_nothing(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

static bool is_own(const char *name, const char *const *own)
{
	for (; *own; own++)
		if (fnmatch(*own, name, 0) == 0)
			return true;
	return false;
}

/* A directory of others may be long: the first own name ends the search. */
static int look_through(DIR *dir, const char *const *own)
{
	const struct dirent *entry;
	bool is_empty = true;

	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (is_own(entry->d_name, own))
			return 0;
		is_empty &= is_nothing(entry->d_name);
	}
	if (errno)
		return -errno;
	return is_empty ? 0 : -ENOTEMPTY;
}

int directory_may_take(int fd, const char *const *own)
{
	/* A position of its own: the caller's descriptor is left as it is. */
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = -errno;
	DIR *dir;

	if (again < 0)
		return err;
	dir = fdopendir(again);
	if (!dir) {
		err = -errno;
		close(again);
		return err;
	}
	err = look_through(dir, own);
	closedir(dir);
	return err;
}
