#include "outputs/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(struct errmsg *em, const char *what)
{
	int err = -errno;

	errmsg_set(em, "can't %s: %s", what, strerror(-err));
	return err;
}

/* A capability that is not in the bounding set can't come back by any execve. */
static int drop_bounding_set(struct errmsg *em)
{
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return failed(em, "drop the bounding set");
	return 0;
}

static int drop_capabilities(struct errmsg *em)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
		return failed(em, "clear the ambient capabilities");
	if (syscall(SYS_capset, &header, none) != 0)
		return failed(em, "drop the capabilities");
	return 0;
}

static int become(const struct sandbox_user *user, struct errmsg *em)
{
	uid_t ruid, euid, suid;
	int err = drop_bounding_set(em);

	if (err)
		return err;
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) != 0)
		return failed(em, "lock the securebits");
	if (setgroups(0, NULL) != 0)
		return failed(em, "leave all groups");
	if (setresgid(user->gid, user->gid, user->gid) != 0)
		return failed(em, "change the group");
	if (setresuid(user->uid, user->uid, user->uid) != 0)
		return failed(em, "change the user");
	/* A setresuid() that says yes and does nothing would be the end of it all. */
	if (getresuid(&ruid, &euid, &suid) != 0 || ruid != user->uid || euid != user->uid ||
	    suid != user->uid) {
		errmsg_set(em, "is still user %u", (unsigned int)geteuid());
		return -EPERM;
	}
	return 0;
}

/* Its memory holds events and, with the network outputs, keys. */
static int hide_memory(struct errmsg *em)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return failed(em, "turn off core dumps");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return failed(em, "turn off attaching");
	return 0;
}

int sandbox_enter(const struct sandbox_settings *settings, struct errmsg *em)
{
	int err = settings->user ? become(settings->user, em) : 0;

	if (!err)
		err = drop_capabilities(em);
	if (!err)
		err = hide_memory(em);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err = failed(em, "set no_new_privs");
	if (err)
		return err;
	err = landlock_enter(settings->paths, settings->path_count, em);
	if (err == -EOPNOTSUPP)
		log_info("sandbox: this kernel has no Landlock: files are guarded by their "
			 "permissions alone");
	else if (err)
		return err;
	return syscalls_enter(em);
}
