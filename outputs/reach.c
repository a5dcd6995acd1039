#include "outputs/reach.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool become(const struct sandbox_user *user)
{
	return setgroups(0, NULL) == 0 && setresgid(user->gid, user->gid, user->gid) == 0 &&
	       setresuid(user->uid, user->uid, user->uid) == 0;
}

/* In a process of its own: the kernel's answer, with access lists and all. Returns 0 or a negative
 * errno. */
static int ask_as(const struct sandbox_user *user, const struct reach *reach)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(become(user) && access(reach->path, reach->mode) == 0 ? 0 : errno);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

int reach_check(const struct reach *reach, const struct sandbox_user *user, struct errmsg *em)
{
	int err = 0;

	if (user)
		err = ask_as(user, reach);
	else if (access(reach->path, reach->mode) < 0)
		err = -errno;
	if (!err)
		return 0;
	errmsg_set(em,
		   "%s %s: the forwarder, which runs as %s, can't use it: %s; it must be able to "
		   "pass through every directory above it",
		   reach->setting, reach->path, user ? user->name : "who started it",
		   strerror(-err));
	return -EINVAL;
}
