/* outputs/syscalls.c: which system calls the forwarder can make. What it needs is allowed; what
 * only an attacker would call kills the process, at once and visibly (a crash of the forwarder
 * costs nothing: it is started again); all the rest answers EPERM and is left to the audit log, so
 * that a C library that learns a new call fails softly. */
#include "base/compiler.h"
#include "outputs/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* clang-format off */
static const char *const allowed[] = {
	/* the loop, time, signals */
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll",
	"ppoll", "select", "pselect6", "eventfd2", "timerfd_create", "timerfd_settime",
	"pipe2", "clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday",
	"nanosleep", "time", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigtimedwait", "sigaltstack", "tgkill", "restart_syscall",
	/* memory, threads */
	"brk", "munmap", "mremap", "madvise", "mincore", "futex", "set_robust_list",
	"get_robust_list", "rseq", "sched_yield", "sched_getaffinity", "sched_getparam",
	"sched_getscheduler", "set_tid_address", "exit", "exit_group", "membarrier",
	"getcpu",
	/* files; which ones is up to Landlock and permissions */
	"read", "readv", "pread64", "preadv", "write", "writev", "pwrite64", "pwritev",
	"open", "openat", "close", "close_range", "lseek", "fstat", "stat", "lstat",
	"newfstatat", "statx", "fstatfs", "statfs", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getdents64", "getcwd", "rename", "renameat", "renameat2",
	"unlink", "unlinkat", "ftruncate", "fallocate", "fsync", "fdatasync",
	"sync_file_range", "fchmod", "flock", "fcntl", "fadvise64", "dup", "dup2", "dup3",
	"umask",
	/* the network */
	"connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername",
	"setsockopt", "getsockopt", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg",
	"recvmmsg", "shutdown", "socketpair",
	/* who and where am I */
	"getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid",
	"getresuid", "getresgid", "getgroups", "uname", "sysinfo", "getrandom", "getrusage",
	"times", "capget", "getrlimit", "arch_prctl",
};
/* clang-format on */

/* clang-format off */
static const char *const hostile[] = {
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv",
	"process_vm_writev", "process_madvise", "pidfd_getfd", "bpf", "perf_event_open",
	"userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "mount",
	"umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "pivot_root", "chroot", "setns", "unshare", "init_module",
	"finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
	"swapon", "swapoff", "acct", "settimeofday", "clock_settime", "clock_adjtime",
	"adjtimex", "sethostname", "setdomainname", "iopl", "ioperm", "keyctl", "add_key",
	"request_key", "open_by_handle_at", "name_to_handle_at", "setuid", "setgid",
	"setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid",
	"setfsgid", "capset", "personality", "modify_ldt", "lookup_dcookie", "quotactl",
	"vhangup", "syslog",
};
/* clang-format on */

/* What argument number `arg` must be for a rule to apply. */
static struct scmp_arg_cmp equal(unsigned int arg, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){ .arg = arg, .op = SCMP_CMP_EQ, .datum_a = value };
}

static struct scmp_arg_cmp masked(unsigned int arg, scmp_datum_t mask, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){
		.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value
	};
}

/* A name that this libseccomp or this architecture doesn't know can't be called either. */
static int add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		int err = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action, number, 0);

		if (err && err != -EDOM)
			return err;
	}
	return 0;
}

/* Threads of our own; clone3 hides its flags behind a pointer, so the C library is told that there
 * is none and uses clone. */
static int add_threads(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				   masked(0, CLONE_THREAD, CLONE_THREAD));

	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return err;
}

static int add_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6,
					AF_NETLINK /* the resolver lists addresses */ };
	size_t i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(families); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       equal(0, families[i]));
	return err;
}

/* Terminal size, isatty(), non-blocking mode; never TIOCSTI, which types for the user. */
static int add_ioctls(scmp_filter_ctx ctx)
{
	static const unsigned long requests[] = { TCGETS,   TIOCGWINSZ, FIONBIO,
						  FIONREAD, FIOCLEX,	TIOCOUTQ };
	size_t i;
	int err = 0;

	for (i = 0; !err && i < ARRAY_SIZE(requests); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       equal(1, requests[i]));
	return err;
}

/* Memory never becomes code; limits are read, not set; prctl only names a thread. */
static int add_bounded(scmp_filter_ctx ctx)
{
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				   masked(2, PROT_EXEC, 0));

	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       masked(2, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, equal(2, 0));
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				       equal(0, PR_SET_NAME));
	return err;
}

int syscalls_enter(struct errmsg *em)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err;

	if (!ctx) {
		errmsg_set(em, "no memory for the seccomp filter");
		return -ENOMEM;
	}
	err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0); /* set already, for every thread */
	if (!err)
		err = add_all(ctx, SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed));
	if (!err)
		err = add_all(ctx, SCMP_ACT_KILL_PROCESS, hostile, ARRAY_SIZE(hostile));
	if (!err)
		err = add_threads(ctx);
	if (!err)
		err = add_sockets(ctx);
	if (!err)
		err = add_ioctls(ctx);
	if (!err)
		err = add_bounded(ctx);
	/* Where the kernel can: refused calls go to the audit log. */
	if (!err && seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1) != 0)
		errno = 0;
	if (!err)
		err = seccomp_load(ctx);
	if (err)
		errmsg_set(em, "can't load the seccomp filter: %s", strerror(-err));
	seccomp_release(ctx);
	return err;
}
