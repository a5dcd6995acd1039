/* outputs/landlock.c: which files the forwarder can reach, whatever their permissions say. The
 * kernel's rights grew with its versions: each bit is only asked for where it is known. */
#include "base/log.h"
#include "outputs/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of older distributions. */
#define ACCESS_FS_REFER	    (1ull << 13) /* ABI 2, kernel 5.19 */
#define ACCESS_FS_TRUNCATE  (1ull << 14) /* ABI 3, kernel 6.2 */
#define ACCESS_FS_IOCTL_DEV (1ull << 15) /* ABI 5, kernel 6.10 */
#define SCOPE_SIGNAL	    (1ull << 1)	 /* ABI 6, kernel 6.12 */

#define ACCESS_FS_ABI1 ((1ull << 13) - 1)
#define ACCESS_READ    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                   \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | ACCESS_FS_TRUNCATE)
#define ACCESS_OF_FILES                                                                      \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_EXECUTE | ACCESS_FS_IOCTL_DEV)

/* As of ABI 6; an older kernel is given the length it knows. */
struct ruleset_attr {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

static void fill_ruleset(int abi, struct ruleset_attr *attr, size_t *bytes_r)
{
	*attr = (struct ruleset_attr){ .handled_access_fs = ACCESS_FS_ABI1 };
	*bytes_r = sizeof(uint64_t);
	if (abi >= 2)
		attr->handled_access_fs |= ACCESS_FS_REFER;
	if (abi >= 3)
		attr->handled_access_fs |= ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		attr->handled_access_fs |= ACCESS_FS_IOCTL_DEV;
	if (abi >= 6) {
		attr->scoped = SCOPE_SIGNAL;
		*bytes_r = sizeof(*attr);
	}
}

/* A path that isn't there needs no rule: what is made beneath it later stays out of reach. */
static int add_path(int ruleset_fd, uint64_t handled, const struct sandbox_path *path,
		    struct errmsg *em)
{
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;
	int err = 0;

	rule.parent_fd = open(path->path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return 0;
	rule.allowed_access = handled & (ACCESS_READ | (path->is_written ? ACCESS_WRITE : 0));
	if (fstat(rule.parent_fd, &st) != 0 || !S_ISDIR(st.st_mode))
		rule.allowed_access &= ACCESS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
		err = -errno;
		errmsg_set(em, "Landlock does not take %s: %s", path->path, strerror(-err));
	}
	close(rule.parent_fd);
	return err;
}

int landlock_enter(const struct sandbox_path *paths, size_t n, struct errmsg *em)
{
	int abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset_attr attr;
	size_t bytes, i;
	int fd, err = 0;

	if (abi < 1)
		return -EOPNOTSUPP;
	fill_ruleset(abi, &attr, &bytes);
	fd = syscall(SYS_landlock_create_ruleset, &attr, bytes, 0);
	if (fd < 0) {
		err = -errno;
		errmsg_set(em, "can't make a Landlock ruleset: %s", strerror(-err));
		return err;
	}
	for (i = 0; !err && i < n; i++)
		err = add_path(fd, attr.handled_access_fs, &paths[i], em);
	if (!err && syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
		err = -errno;
		errmsg_set(em, "can't enter Landlock: %s", strerror(-err));
	}
	close(fd);
	return err;
}
