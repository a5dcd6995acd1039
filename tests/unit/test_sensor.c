/* The kernel programs, live: do the real thing, and look at every record that comes of it.
 * Needs root and a kernel that can run weir; says why and is skipped where it can't. */
#include "collector/record.h"
#include "collector/sensor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#define EXIT_SKIPPED	77
#define ARGUMENTS_BYTES 8192
#define DEADLINE_NS	(10 * NSEC_PER_SEC)

struct kept {
	void *bytes;
	size_t n;
	struct record record; /* decoded; borrows the bytes */
};

static struct kernel_features features;
static struct sensor *sensor;
static struct clock wall;
static struct kept *kept;
static size_t kept_count, kept_room;
static uint64_t kept_of[EVENT_TYPES];
static pid_t child_before; /* ran when the sensor started */
static int listener_before = -1, client_before = -1, server_before = -1;

static void keep(void *ctx, const void *bytes, size_t n)
{
	struct kept *k;

	if (kept_count == kept_room) {
		kept_room = kept_room ? 2 * kept_room : 1024;
		kept = realloc(kept, kept_room * sizeof(*kept));
		assert_non_null(kept);
	}
	k = &kept[kept_count++];
	k->bytes = malloc(n);
	assert_non_null(k->bytes);
	memcpy(k->bytes, bytes, n);
	k->n = n;
	assert_int_equal(record_decode(k->bytes, n, &wall, &k->record), 0);
	kept_of[k->record.type]++;
}

static const struct event_exec *raw_exec(const struct kept *k)
{
	return k->bytes;
}

/* The nth (from 0) record of that type about that pid. Waits for it; fails the test when it does
 * not come. */
static struct kept *expect(enum event_type type, pid_t pid, int nth)
{
	uint64_t deadline = clock_boot_ns(&wall) + DEADLINE_NS;
	int left;

	for (;;) {
		sensor_drain(sensor, 100000, keep, NULL);
		left = nth;
		for (size_t i = 0; i < kept_count; i++)
			if (kept[i].record.type == type &&
			    kept[i].record.process.pid == (uint32_t)pid && !left--)
				return &kept[i];
		if (clock_boot_ns(&wall) > deadline)
			fail_msg("no record %d of type %d about pid %d", nth, type, pid);
		poll(NULL, 0, 1);
	}
}

static int count_of(enum event_type type, pid_t pid)
{
	int n = 0;

	for (size_t i = 0; i < kept_count; i++)
		n += kept[i].record.type == type && kept[i].record.process.pid == (uint32_t)pid;
	return n;
}

static pid_t spawn(void (*act)(const void *arg), const void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		act(arg);
		_exit(111);
	}
	return pid;
}

static int wait_status(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Runs an act in a child, to its end; its exit record must say what wait(2) says. */
static pid_t run(void (*act)(const void *arg), const void *arg)
{
	pid_t pid = spawn(act, arg);
	int status = wait_status(pid);

	assert_int_equal(expect(EVENT_EXIT, pid, 0)->record.exit_code, status);
	assert_int_equal(count_of(EVENT_EXIT, pid), 1);
	return pid;
}

static void assert_text(struct str s, const char *expected)
{
	if (s.n != strlen(expected) || memcmp(s.p, expected, s.n))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
}

static void act_exec(const void *arg)
{
	char *const *argv = (char *const *)arg;

	execv(argv[0], argv);
}

/* -- exec -- */

static void test_exec_tells_everything(void **state)
{
	char *argv[202], words[202][16], cwd[4096], exe[4096], expected[202 * 16];
	size_t n = 0;
	const struct kept *k;
	struct stat st;
	pid_t pid;

	for (int i = 0; i < 201; i++) {
		snprintf(words[i], sizeof(words[i]), "arg %d", i);
		if (i % 3 == 0)
			words[i][0] = '\0'; /* empty ones must survive */
		argv[i] = i ? words[i] : "/bin/true";
		memcpy(expected + n, argv[i], strlen(argv[i]) + 1);
		n += strlen(argv[i]) + 1;
	}
	argv[201] = NULL;
	pid = run(act_exec, argv);
	k = expect(EVENT_EXEC, pid, 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_non_null(realpath("/bin/true", exe));
	assert_int_equal(stat(exe, &st), 0);
	assert_text(k->record.exec.filename, "/bin/true");
	assert_text(k->record.exec.exe, exe);
	assert_text(k->record.exec.cwd, cwd);
	assert_int_equal(k->record.exec.args.n, n);
	assert_memory_equal(k->record.exec.args.p, expected, n);
	assert_int_equal(k->record.exec.args_total, n);
	assert_int_equal(k->record.exec.flags & ~PROCESS_ROOT_CWD, PROCESS_EXECVE | PROCESS_CLONE);
	assert_int_equal(k->record.exec.exe_ino, st.st_ino);
	assert_int_equal(k->record.exec.exe_nlink, st.st_nlink);
	assert_int_equal(k->record.exec.exe_mode, st.st_mode);
	assert_int_equal(k->record.exec.privileges, 0);
	assert_int_equal(k->record.exec.creds.uid, getuid());
	assert_int_equal(k->record.exec.nspid, pid);
	assert_int_equal(k->record.tid, pid);
	assert_string_equal(raw_exec(k)->comm, "true");
	assert_int_equal(k->record.exec.env.n, 0);
	assert_true(k->record.exec.env_total > 0);
}

static uint32_t ns_inode(const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) ? 0 : st.st_ino;
}

static void test_exec_tells_namespaces_and_capabilities(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	const struct kept *k = expect(EVENT_EXEC, run(act_exec, argv), 0);
	const struct namespaces *ns = &k->record.exec.ns;

	assert_int_equal(ns->uts, ns_inode("uts"));
	assert_int_equal(ns->ipc, ns_inode("ipc"));
	assert_int_equal(ns->mnt, ns_inode("mnt"));
	assert_int_equal(ns->pid, ns_inode("pid"));
	assert_int_equal(ns->pid_for_children, ns_inode("pid_for_children"));
	assert_int_equal(ns->net, ns_inode("net"));
	assert_int_equal(ns->time, ns_inode("time"));
	assert_int_equal(ns->time_for_children, ns_inode("time_for_children"));
	assert_int_equal(ns->cgroup, ns_inode("cgroup"));
	assert_int_equal(ns->user, ns_inode("user"));
	assert_int_equal(syscall(SYS_capget, &header, caps), 0);
	assert_int_equal(k->record.exec.creds.cap_permitted,
			 caps[0].permitted | (uint64_t)caps[1].permitted << 32);
	assert_int_equal(k->record.exec.creds.cap_effective,
			 caps[0].effective | (uint64_t)caps[1].effective << 32);
	assert_int_equal(k->record.exec.creds.cap_inheritable,
			 caps[0].inheritable | (uint64_t)caps[1].inheritable << 32);
}

static void test_long_arguments_are_cut_and_flagged(void **state)
{
	static char word[20000];
	const char *argv[] = { "/bin/true", word, NULL };
	const struct kept *k;

	memset(word, 'x', sizeof(word) - 1);
	k = expect(EVENT_EXEC, run(act_exec, argv), 0);
	assert_int_equal(k->record.exec.args.n, ARGUMENTS_BYTES);
	assert_int_equal(k->record.exec.args_total, sizeof("/bin/true") + sizeof(word));
	assert_true(k->record.exec.flags & PROCESS_TRUNC_ARGS);
}

static void test_parents_are_images(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", "/bin/true; exec /bin/true", NULL };
	pid_t pid = run(act_exec, argv);
	const struct kept *shell = expect(EVENT_EXEC, pid, 0), *again = expect(EVENT_EXEC, pid, 1);
	const struct kept *fork = expect(EVENT_FORK, pid, 0);
	const struct kept *child = NULL;

	assert_int_equal(fork->record.fork.parent.pid, getpid());
	assert_int_equal(shell->record.exec.parent.pid, getpid());
	assert_int_equal(shell->record.exec.parent.start_ns, fork->record.fork.parent.start_ns);
	assert_int_equal(shell->record.exec.replaced.start_ns, fork->record.process.start_ns);
	assert_true(shell->record.process.start_ns > fork->record.process.start_ns);
	assert_int_equal(again->record.exec.replaced.pid, pid);
	assert_int_equal(again->record.exec.replaced.start_ns, shell->record.process.start_ns);
	assert_false(again->record.exec.flags & PROCESS_CLONE);
	for (size_t i = 0; i < kept_count; i++)
		if (kept[i].record.type == EVENT_FORK &&
		    kept[i].record.fork.parent.pid == (uint32_t)pid)
			child = &kept[i];
	assert_non_null(child);
	assert_int_equal(child->record.fork.parent.start_ns, shell->record.process.start_ns);
	assert_int_equal(expect(EVENT_EXIT, pid, 0)->record.process.start_ns,
			 again->record.process.start_ns);
}

static void test_a_script_has_its_interpreter_as_exe(void **state)
{
	char path[] = "/tmp/weir-script-XXXXXX", exe[4096];
	const char *argv[] = { path, "one", NULL };
	int fd = mkstemp(path);
	const struct kept *k;

	assert_int_equal(write(fd, "#!/bin/sh\nexit 3\n", 17), 17);
	fchmod(fd, 0755);
	close(fd);
	k = expect(EVENT_EXEC, run(act_exec, argv), 0);
	unlink(path);
	assert_non_null(realpath("/bin/sh", exe));
	assert_text(k->record.exec.filename, path);
	assert_text(k->record.exec.exe, exe);
	assert_int_equal(strncmp(k->record.exec.args.p, "/bin/sh", 8), 0);
}

static int copy_of_true(void)
{
	int from = open("/bin/true", O_RDONLY), to = memfd_create("weir test", 0);
	char block[4096];
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		assert_int_equal(write(to, block, n), n);
	close(from);
	return to;
}

static void act_exec_fd(const void *arg)
{
	char *argv[] = { "hidden", NULL };

	fexecve(*(const int *)arg, argv, environ);
}

static void test_a_memfd_has_no_links(void **state)
{
	int fd = copy_of_true();
	const struct kept *k = expect(EVENT_EXEC, run(act_exec_fd, &fd), 0);

	close(fd);
	assert_int_equal(k->record.exec.exe_nlink, 0);
	assert_text(k->record.exec.exe, "/memfd:weir test");
}

static void act_exec_deep(const void *arg)
{
	char *argv[] = { "/bin/true", NULL };

	for (int i = 0; i < 300; i++)
		if (mkdir("ddddddddd", 0700) || chdir("ddddddddd"))
			_exit(100);
	execv(argv[0], argv);
}

static void test_a_deep_directory_is_whole(void **state)
{
	char top[] = "/tmp/weir-deep-XXXXXX", back[4096], command[64];
	const struct kept *k;

	assert_non_null(getcwd(back, sizeof(back)));
	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	k = expect(EVENT_EXEC, run(act_exec_deep, NULL), 0);
	assert_int_equal(chdir(back), 0);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	assert_int_equal(system(command), 0);
	assert_int_equal(k->record.exec.cwd.n, strlen(top) + 300 * 10);
	assert_int_equal(strncmp(k->record.exec.cwd.p, top, strlen(top)), 0);
	assert_false(k->record.exec.flags & PROCESS_ERROR_CWD);
}

static void *thread_exec(void *arg)
{
	act_exec(arg);
	_exit(112);
}

static void *thread_wait(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void act_exec_in_thread(const void *arg)
{
	pthread_t waiting, thread;

	pthread_create(&waiting, NULL, thread_wait, NULL);
	pthread_create(&thread, NULL, thread_exec, (void *)arg);
	pthread_join(thread, NULL);
}

static void test_a_thread_that_execs_becomes_the_leader(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	pid_t pid = run(act_exec_in_thread, argv);
	const struct kept *k = expect(EVENT_EXEC, pid, 0);

	assert_true(raw_exec(k)->facts & EXEC_BY_THREAD);
	assert_int_not_equal(raw_exec(k)->old_tid, pid);
	assert_int_equal(k->record.tid, pid);
	assert_int_equal(count_of(EVENT_FORK, pid), 1); /* threads are no processes */
}

/* -- exit -- */

static void *thread_exit_group(void *arg)
{
	_exit(7);
	return arg;
}

static void act_exit_from_thread(const void *arg)
{
	pthread_t waiting[8], thread;

	for (int i = 0; i < 8; i++)
		pthread_create(&waiting[i], NULL, thread_wait, NULL);
	pthread_create(&thread, NULL, thread_exit_group, NULL);
	pthread_join(thread, NULL);
}

static void *thread_return(void *arg)
{
	return arg;
}

/* The leader goes first; the group ends with its last thread, and wait(2) tells the leader's. */
static void act_leader_first(const void *arg)
{
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, thread_return, NULL);
	syscall(SYS_exit, 5);
}

static void act_kill(const void *arg)
{
	kill(getpid(), SIGKILL);
	pause();
}

static void test_a_group_exits_once_with_its_code(void **state)
{
	for (int i = 0; i < 20; i++) { /* run() compares with wait(2) and counts */
		run(act_exit_from_thread, NULL);
		run(act_leader_first, NULL);
		run(act_kill, NULL);
	}
}

/* -- privileges -- */

static char privileged[] = "/tmp/weir-privileged-XXXXXX";

struct unprivileged {
	bool no_new_privs;
};

static void act_exec_unprivileged(const void *arg)
{
	const struct unprivileged *how = arg;
	char *argv[] = { privileged, NULL };

	if (setgid(65534) || setuid(65534))
		_exit(100);
	if (how->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(101);
	execv(privileged, argv);
}

/* Runs a copy of true(1), with that mode and perhaps capabilities, as nobody. */
static const struct kept *run_privileged(mode_t mode, bool capabilities, bool no_new_privs)
{
	struct unprivileged how = { no_new_privs };
	struct vfs_cap_data caps = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data = { { .permitted = 1u << CAP_NET_RAW } },
	};
	const struct kept *k;
	char command[128];

	memcpy(privileged, "/tmp/weir-privileged-XXXXXX", sizeof(privileged));
	close(mkstemp(privileged));
	snprintf(command, sizeof(command), "cp /bin/true %s", privileged);
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod(privileged, mode), 0);
	if (capabilities)
		assert_int_equal(
			setxattr(privileged, "security.capability", &caps, XATTR_CAPS_SZ_2, 0), 0);
	k = expect(EVENT_EXEC, run(act_exec_unprivileged, &how), 0);
	unlink(privileged);
	return k;
}

static void test_setuid_counts_only_where_it_counts(void **state)
{
	const struct kept *k = run_privileged(04755, false, false);

	assert_int_equal(k->record.exec.privileges, PRIVILEGES_SETUID);
	assert_int_equal(k->record.exec.creds.uid, 65534);
	assert_int_equal(k->record.exec.creds.euid, 0);
	assert_int_equal(run_privileged(04755, false, true)->record.exec.privileges, 0);
	assert_int_equal(run_privileged(02755, false, false)->record.exec.privileges,
			 PRIVILEGES_SETGID);
	assert_int_equal(run_privileged(06755, false, false)->record.exec.privileges,
			 PRIVILEGES_SETUID | PRIVILEGES_SETGID);
	assert_int_equal(run_privileged(0755, false, false)->record.exec.privileges, 0);
}

static void test_file_capabilities(void **state)
{
	const struct kept *k = run_privileged(0755, true, false);

	assert_int_equal(k->record.exec.privileges, PRIVILEGES_FILE_CAP);
	assert_int_equal(k->record.exec.creds.cap_permitted, 1u << CAP_NET_RAW);
	k = run_privileged(0755, true, true);
	assert_int_equal(k->record.exec.privileges, 0);
	assert_int_equal(k->record.exec.creds.cap_permitted, 0);
}

/* -- what ran before -- */

static const struct kept *expect_task(pid_t pid)
{
	assert_int_equal(count_of(EVENT_TASK, pid), 1);
	return expect(EVENT_TASK, pid, 0);
}

static void test_the_snapshot_tells_of_us(void **state)
{
	const struct kept *k = expect_task(getpid());
	char exe[4096], cmdline[65536];
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n] = '\0';
	assert_text(k->record.exec.exe, exe);
	assert_text(k->record.exec.filename, exe);
	n = read(fd, cmdline, sizeof(cmdline));
	close(fd);
	assert_int_equal(k->record.exec.args.n, n);
	assert_memory_equal(k->record.exec.args.p, cmdline, n);
	assert_int_equal(k->record.exec.flags & PROCESS_PROCFS, PROCESS_PROCFS);
	assert_int_equal(k->record.exec.parent.pid, getppid());
	assert_int_equal(raw_exec(k)->task_start_ns, k->record.process.start_ns);
}

static void test_the_snapshot_is_in_order_and_without_doubles(void **state)
{
	const struct kept *child = expect_task(child_before), *us = expect_task(getpid());

	assert_true(child > us); /* parents come first */
	assert_int_equal(child->record.exec.parent.start_ns, us->record.process.start_ns);
	for (size_t i = 0; i < kept_count; i++)
		if (kept[i].record.type == EVENT_TASK)
			assert_int_equal(count_of(EVENT_TASK, kept[i].record.process.pid), 1);
}

static void test_kernel_threads_are_marked(void **state)
{
	size_t n = 0;

	for (size_t i = 0; i < kept_count; i++) {
		if (kept[i].record.type != EVENT_TASK || !kept[i].record.kernel_thread)
			continue;
		n++;
		assert_int_equal(kept[i].record.exec.filename.p[0], '[');
		assert_int_equal(kept[i].record.exec.args.n, 0);
	}
	assert_true(n > 0 || access("/proc/2", F_OK)); /* none in a pid namespace of its own */
}

static void test_one_that_ran_before_goes_by_the_same_key(void **state)
{
	const struct kept *task = expect_task(child_before), *exit;

	kill(child_before, SIGKILL);
	wait_status(child_before);
	exit = expect(EVENT_EXIT, child_before, 0);
	assert_int_equal(exit->record.process.start_ns, task->record.process.start_ns);
	assert_int_equal(count_of(EVENT_EXEC, child_before), 0);
}

/* -- TCP -- */

struct endpoint {
	struct sockaddr_storage address;
	socklen_t n;
};

static struct endpoint loopback(int family)
{
	struct endpoint e = { .n = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (void *)&e.address;
	struct sockaddr_in6 *in6 = (void *)&e.address;

	e.address.ss_family = family;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (family == AF_INET6) {
		e.n = sizeof(*in6);
		in6->sin6_addr = in6addr_loopback;
	}
	return e;
}

static uint16_t port_of(int fd, bool peer)
{
	struct endpoint e = { .n = sizeof(e.address) };

	assert_int_equal(peer ? getpeername(fd, (void *)&e.address, &e.n)
			      : getsockname(fd, (void *)&e.address, &e.n),
			 0);
	return ntohs(((struct sockaddr_in *)&e.address)->sin_port);
}

static int listen_on(struct endpoint *e)
{
	int fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (void *)&e->address, e->n), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (void *)&e->address, &e->n), 0);
	return fd;
}

static int connect_to(const struct endpoint *e)
{
	int fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const void *)&e->address, e->n), 0);
	return fd;
}

/* The record of that type with these ports; waits for it. 0: any port. */
static const struct kept *expect_tcp(enum event_type type, uint16_t sport, uint16_t dport)
{
	uint64_t deadline = clock_boot_ns(&wall) + DEADLINE_NS;

	for (;;) {
		sensor_drain(sensor, 100000, keep, NULL);
		for (size_t i = kept_count; i--;)
			if (kept[i].record.type == type &&
			    (!sport || kept[i].record.tcp.sport == sport) &&
			    kept[i].record.tcp.dport == dport)
				return &kept[i];
		if (clock_boot_ns(&wall) > deadline)
			fail_msg("no record of type %d for %d -> %d", type, sport, dport);
		poll(NULL, 0, 1);
	}
}

static void assert_owner(const struct kept *k, enum owner_source source)
{
	assert_int_equal(k->record.process.pid, getpid());
	assert_int_equal(k->record.process.start_ns,
			 expect_task(getpid())->record.process.start_ns);
	assert_int_equal(k->record.tcp.owner, source);
}

static void send_all(int fd, size_t n)
{
	static const char block[1000];

	for (size_t done = 0; done < n;) {
		size_t part = n - done < sizeof(block) ? n - done : sizeof(block);

		assert_int_equal(send(fd, block, part, MSG_NOSIGNAL), part);
		done += part;
	}
}

static void receive_all(int fd, size_t n)
{
	char block[4096];
	ssize_t got;

	for (size_t done = 0; done < n; done += got) {
		got = recv(fd, block, n - done < sizeof(block) ? n - done : sizeof(block), 0);
		assert_true(got > 0);
	}
}

static void receive_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static enum owner_source accept_source(void)
{
	return features.fentry ? OWNED_BY_CALLER : OWNED_BY_LISTENER;
}

/* The whole life of a connection, as both ends see it: 3,000 bytes one way, 70,000 the other. The
 * client closes first. */
static void check_connection(struct endpoint e, uint16_t family)
{
	int listener = listen_on(&e), client, server;
	uint16_t port = port_of(listener, false), client_port;
	const struct kept *k, *established;

	client = connect_to(&e);
	client_port = port_of(client, false);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	send_all(client, 3000);
	receive_all(server, 3000);
	send_all(server, 70000);
	receive_all(client, 70000);
	close(client);
	receive_end(server);
	close(server);
	close(listener);

	k = expect_tcp(EVENT_LISTEN, port, 0);
	assert_owner(k, OWNED_BY_CALLER);
	assert_int_equal(k->record.tcp.role, ROLE_LISTENER);
	assert_int_equal(k->record.tcp.backlog, 5);
	assert_int_equal(k->record.tid, syscall(SYS_gettid));

	established = expect_tcp(EVENT_CONNECT, client_port, port);
	assert_owner(established, OWNED_BY_SOCKET);
	assert_int_equal(established->record.tcp.role, ROLE_CLIENT);
	assert_int_equal(established->record.tcp.family, family);
	assert_int_equal(established->record.tcp.error, 0);
	assert_int_equal(established->record.tcp.netns, ns_inode("net"));
	assert_int_equal(established->record.tcp.uid, getuid());
	assert_true(established->record.tcp.duration_ns > 0);
	assert_true(established->record.tcp.duration_ns < DEADLINE_NS);
	assert_int_equal(established->record.tid, syscall(SYS_gettid));

	k = expect_tcp(EVENT_ACCEPT, port, client_port);
	assert_owner(k, accept_source());
	assert_int_equal(k->record.tcp.role, ROLE_SERVER);
	assert_int_equal(k->record.tcp.family, family);

	k = expect_tcp(EVENT_CLOSE, client_port, port);
	assert_owner(k, OWNED_BY_SOCKET);
	assert_int_equal(k->record.tcp.role, ROLE_CLIENT);
	assert_int_equal(k->record.tcp.bytes_sent, 3000);
	assert_int_equal(k->record.tcp.bytes_received, 70000);
	assert_int_equal(k->record.tcp.cookie, established->record.tcp.cookie);
	assert_true(k->record.tcp.cookie != 0);
	assert_int_equal(k->record.tcp.error, 0);
	assert_int_equal(k->record.tcp.duration_ns,
			 k->record.time_boot_ns - established->record.time_boot_ns);

	k = expect_tcp(EVENT_CLOSE, port, client_port);
	assert_int_equal(k->record.process.pid, getpid());
	assert_int_equal(k->record.tcp.role, ROLE_SERVER);
	assert_int_equal(k->record.tcp.bytes_sent, 70000);
	assert_int_equal(k->record.tcp.bytes_received, 3000);
	assert_true(k->record.tcp.duration_ns > 0);

	k = expect_tcp(EVENT_CLOSE, port, 0);
	assert_owner(k, OWNED_BY_SOCKET);
	assert_int_equal(k->record.tcp.role, ROLE_LISTENER);
	assert_true(k->record.tcp.duration_ns > 0);
}

static void test_a_connection_over_ipv4(void **state)
{
	static const uint8_t localhost[16] = { 127, 0, 0, 1 };
	const struct kept *k;

	check_connection(loopback(AF_INET), AF_INET);
	k = &kept[kept_count - 1];
	while (k->record.type != EVENT_CONNECT)
		k--;
	assert_memory_equal(k->record.tcp.saddr, localhost, 16);
	assert_memory_equal(k->record.tcp.daddr, localhost, 16);
}

static void test_a_connection_over_ipv6(void **state)
{
	const struct kept *k;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct endpoint e = loopback(AF_INET6);
	bool is_there = fd >= 0 && !bind(fd, (void *)&e.address, e.n);

	close(fd);
	if (!is_there) {
		print_message("skipped: no IPv6 on the loopback interface\n");
		skip();
	}
	check_connection(e, AF_INET6);
	k = &kept[kept_count - 1];
	while (k->record.type != EVENT_CONNECT)
		k--;
	assert_memory_equal(k->record.tcp.saddr, &in6addr_loopback, 16);
	assert_memory_equal(k->record.tcp.daddr, &in6addr_loopback, 16);
}

/* What an IPv6 socket speaks over IPv4 is IPv4. */
static void test_a_mapped_connection_is_told_as_ipv4(void **state)
{
	static const uint8_t localhost[16] = { 127, 0, 0, 1 };
	struct endpoint e = loopback(AF_INET), mapped = loopback(AF_INET6);
	struct sockaddr_in6 *in6 = (void *)&mapped.address;
	int listener = listen_on(&e), client;
	const struct kept *k;

	in6->sin6_port = ((struct sockaddr_in *)&e.address)->sin_port;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6->sin6_addr), 1);
	client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0) {
		print_message("skipped: this kernel has no IPv6\n");
		skip();
	}
	assert_int_equal(connect(client, (void *)in6, sizeof(*in6)), 0);
	k = expect_tcp(EVENT_CONNECT, port_of(client, false), ntohs(in6->sin6_port));
	assert_int_equal(k->record.tcp.family, AF_INET);
	assert_memory_equal(k->record.tcp.saddr, localhost, 16);
	assert_memory_equal(k->record.tcp.daddr, localhost, 16);
	close(client);
	close(listener);
}

/* The server closes first, and both have bytes in flight: the FIN counts on neither side. */
static void test_bytes_are_exact_whoever_closes_first(void **state)
{
	struct endpoint e = loopback(AF_INET);
	int listener = listen_on(&e), client = connect_to(&e), server;
	uint16_t port = port_of(listener, false), client_port = port_of(client, false);
	const struct kept *k;

	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	send_all(server, 1);
	close(server);
	receive_all(client, 1);
	receive_end(client);
	close(client);
	close(listener);
	k = expect_tcp(EVENT_CLOSE, client_port, port);
	assert_int_equal(k->record.tcp.bytes_sent, 0);
	assert_int_equal(k->record.tcp.bytes_received, 1);
	k = expect_tcp(EVENT_CLOSE, port, client_port);
	assert_int_equal(k->record.tcp.bytes_sent, 1);
	assert_int_equal(k->record.tcp.bytes_received, 0);
}

static void test_a_reset_is_an_error(void **state)
{
	struct endpoint e = loopback(AF_INET);
	struct linger at_once = { .l_onoff = 1 };
	int listener = listen_on(&e), client = connect_to(&e), server;
	uint16_t port = port_of(listener, false), client_port = port_of(client, false);
	char byte;

	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(server);
	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(expect_tcp(EVENT_CLOSE, client_port, port)->record.tcp.error, ECONNRESET);
	close(client);
	close(listener);
}

static void test_a_refused_connection(void **state)
{
	struct endpoint e = loopback(AF_INET);
	int listener = listen_on(&e), fd;
	uint16_t port = port_of(listener, false);
	const struct kept *k;

	close(listener); /* nobody else has the port now, as good as surely */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (void *)&e.address, e.n), -1);
	assert_int_equal(errno, ECONNREFUSED);
	k = expect_tcp(EVENT_CONNECT, 0, port);
	assert_owner(k, OWNED_BY_SOCKET);
	assert_int_equal(k->record.tcp.error, ECONNREFUSED);
	assert_true(k->record.tcp.sport != 0);
	close(fd);
}

/* 192.0.2.0/24 answers nobody (RFC 5737): half open until its process gives up. On a host without
 * a route, connect(2) fails at once and there is nothing to see. */
static void test_a_connection_that_is_given_up(void **state)
{
	struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct kept *k;
	uint16_t port;

	nobody.sin_addr.s_addr = inet_addr("192.0.2.1");
	if (!connect(fd, (void *)&nobody, sizeof(nobody)) || errno != EINPROGRESS) {
		close(fd);
		print_message("skipped: no route to 192.0.2.1\n");
		skip();
	}
	port = port_of(fd, false);
	close(fd);
	k = expect_tcp(EVENT_CONNECT, port, 9);
	assert_owner(k, OWNED_BY_SOCKET);
	if (k->record.tcp.error != ECANCELED) /* some networks answer for the unreachable */
		assert_true(k->record.tcp.error == EHOSTUNREACH ||
			    k->record.tcp.error == ENETUNREACH ||
			    k->record.tcp.error == ECONNREFUSED);
}

/* More sockets at once than find a slot each (bpf/sock.h): those that don't have storage. */
#define MANY_SOCKETS 400

static void allow_many_files(void)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_cur > 2 * MANY_SOCKETS + 100);
}

static void test_many_sockets_have_owners(void **state)
{
	struct endpoint e = loopback(AF_INET);
	int listener = listen_on(&e), clients[MANY_SOCKETS], servers[MANY_SOCKETS];
	uint16_t port = port_of(listener, false), ports[MANY_SOCKETS];
	const struct kept *k;

	allow_many_files();
	for (int i = 0; i < MANY_SOCKETS; i++) {
		clients[i] = connect_to(&e);
		ports[i] = port_of(clients[i], false);
		servers[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
	for (int i = 0; i < MANY_SOCKETS; i++) {
		close(servers[i]);
		close(clients[i]);
	}
	close(listener);
	for (int i = 0; i < MANY_SOCKETS; i++) {
		assert_owner(expect_tcp(EVENT_CONNECT, ports[i], port), OWNED_BY_SOCKET);
		k = expect_tcp(EVENT_CLOSE, ports[i], port);
		assert_owner(k, OWNED_BY_SOCKET);
		assert_int_equal(k->record.tcp.role, ROLE_CLIENT);
		assert_true(k->record.tcp.duration_ns > 0);
		assert_owner(expect_tcp(EVENT_ACCEPT, port, ports[i]), accept_source());
		k = expect_tcp(EVENT_CLOSE, port, ports[i]);
		assert_int_equal(k->record.process.pid, getpid());
		assert_int_equal(k->record.tcp.role, ROLE_SERVER);
		assert_true(k->record.tcp.duration_ns > 0);
	}
}

static int listen_beside(struct endpoint *e)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (void *)&e->address, e->n), 0);
	assert_int_equal(listen(fd, MANY_SOCKETS), 0);
	assert_int_equal(getsockname(fd, (void *)&e->address, &e->n), 0);
	return fd;
}

/* Takes what waits, and says how many there were. */
static int accept_waiting(int listener)
{
	int n = 0, fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		close(fd);
		n++;
	}
	return n;
}

struct beside {
	struct endpoint *e;
	int ready, go;
};

static void act_listen_beside(const void *arg)
{
	const struct beside *beside = arg;
	int listener = listen_beside(beside->e);
	char byte = 0;

	if (write(beside->ready, &byte, 1) != 1 || read(beside->go, &byte, 1) != 1)
		_exit(255);
	_exit(accept_waiting(listener));
}

/* Two processes listen on one port: who is connected to which is told exactly. */
static void test_listeners_of_one_port_are_told_apart(void **state)
{
	struct endpoint e = loopback(AF_INET);
	int ready[2], go[2], own = listen_beside(&e), status, owned[2] = { 0, 0 };
	uint16_t port = port_of(own, false);
	struct beside beside = { .e = &e };
	int clients[100];
	pid_t other;
	char byte = 0;

	assert_int_equal(pipe2(ready, O_CLOEXEC) + pipe2(go, O_CLOEXEC), 0);
	beside.ready = ready[1];
	beside.go = go[0];
	other = spawn(act_listen_beside, &beside);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = connect_to(&e);
	assert_int_equal(write(go[1], &byte, 1), 1);
	status = wait_status(other);
	expect(EVENT_EXIT, other, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) > 0);
	assert_int_equal(accept_waiting(own) + WEXITSTATUS(status), ARRAY_SIZE(clients));
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		uint16_t client_port = port_of(clients[i], false);
		uint32_t pid = expect_tcp(EVENT_ACCEPT, port, client_port)->record.process.pid;

		assert_true(pid == (uint32_t)other || pid == (uint32_t)getpid());
		owned[pid == (uint32_t)other]++;
		close(clients[i]);
	}
	assert_int_equal(owned[1], WEXITSTATUS(status));
	close(own);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

static void test_sockets_from_before_have_owners(void **state)
{
	uint16_t port = port_of(listener_before, false);
	uint16_t client_port = port_of(client_before, false);
	struct endpoint e = { .n = sizeof(e.address) };
	const struct kept *k;
	int fd;

	close(client_before);
	receive_end(server_before);
	close(server_before);
	k = expect_tcp(EVENT_CLOSE, client_port, port);
	assert_owner(k, OWNED_BY_SOCKET);
	assert_int_equal(k->record.tcp.duration_ns, 0);
	assert_int_equal(k->record.tcp.role, ROLE_UNKNOWN);
	assert_owner(expect_tcp(EVENT_CLOSE, port, client_port), OWNED_BY_SOCKET);

	assert_int_equal(getsockname(listener_before, (void *)&e.address, &e.n), 0);
	fd = connect_to(&e);
	close(accept4(listener_before, NULL, NULL, SOCK_CLOEXEC));
	assert_owner(expect_tcp(EVENT_ACCEPT, port, port_of(fd, false)), accept_source());
	close(fd);
	close(listener_before);
	k = expect_tcp(EVENT_CLOSE, port, 0);
	assert_owner(k, OWNED_BY_SOCKET);
	assert_int_equal(k->record.tcp.role, ROLE_LISTENER);
}

/* -- after a loss -- */

static struct buf living;

static bool is_living(const struct event_process_key *key)
{
	for (size_t at = 0; at < living.len; at += sizeof(*key))
		if (!memcmp(living.p + at, key, sizeof(*key)))
			return true;
	return false;
}

/* The image of a pid as its last record says. */
static struct event_process_key key_of_last(enum event_type type, pid_t pid)
{
	struct process_key key = expect(type, pid, 0)->record.process;

	return (struct event_process_key){ .start_ns = key.start_ns, .pid = key.pid };
}

static bool is_pid(void *ctx, const struct event_process_key *key)
{
	return key->pid == *(uint32_t *)ctx;
}

static size_t told_again;

static void count_again(void *ctx, const void *bytes, size_t n)
{
	const struct event_exec *exec = bytes;
	struct record record;

	assert_int_equal(record_decode(bytes, n, &wall, &record), 0);
	assert_int_equal(record.type, EVENT_TASK);
	assert_int_equal(record.process.pid, *(uint32_t *)ctx);
	assert_true(exec->facts & EXEC_NO_FORK_SEEN);
	assert_int_equal(record.exec.parent.pid, getpid());
	assert_int_equal(record.exec.parent.start_ns,
			 expect_task(getpid())->record.process.start_ns);
	assert_true(is_living(&exec->header.process));
	told_again++;
}

static void test_what_runs_is_listed_and_told_again(void **state)
{
	pid_t gone = run(act_exec, (char *[]){ "/bin/true", NULL });
	pid_t sleeper = spawn(act_exec, (char *[]){ "/bin/sleep", "1000", NULL });
	struct event_process_key ended = key_of_last(EVENT_EXEC, gone);
	struct event_process_key forked = key_of_last(EVENT_FORK, sleeper);
	struct event_process_key runs = key_of_last(EVENT_EXEC, sleeper);
	struct event_process_key us = key_of_last(EVENT_TASK, getpid());
	struct errmsg em = { { 0 } };

	living = buf_growable(1 << 20);
	if (sensor_living(sensor, &living, &em))
		fail_msg("%s", em.text);
	assert_true(is_living(&us));
	assert_true(is_living(&runs));
	assert_false(is_living(&forked)); /* it has executed something since */
	assert_false(is_living(&ended));
	if (sensor_tell_again(sensor, is_pid, count_again, &sleeper, &em))
		fail_msg("%s", em.text);
	assert_int_equal(told_again, 1);
	buf_free(&living);
	kill(sleeper, SIGKILL);
	wait_status(sleeper);
}

/* -- the books -- */

static void test_what_was_submitted_arrived(void **state)
{
	struct sensor_counters counters;

	sensor_stop(sensor);
	sensor_drain(sensor, SIZE_MAX, keep, NULL);
	sensor_counters(sensor, &counters);
	for (int type = EVENT_FORK; type < EVENT_TYPES; type++) {
		assert_int_equal(counters.fates[type][FATE_SUBMITTED], kept_of[type]);
		assert_int_equal(counters.fates[type][FATE_RING_FULL], 0);
		assert_int_equal(counters.fates[type][FATE_SCRATCH_BUSY], 0);
		assert_int_equal(counters.fates[type][FATE_TASK_MAP_FULL], 0);
		assert_int_equal(counters.fates[type][FATE_TASK_MAP_BUSY], 0);
	}
	assert_int_equal(counters.ring_used_bytes, 0);
	assert_int_equal(counters.ring_bytes, 32 << 20);
}

static uint64_t other_records;

static void count_record(void *ctx, const void *bytes, size_t n)
{
	const struct event_header *header = bytes;

	if (header->type != EVENT_TASK)
		other_records++;
}

static void act_exit(const void *arg)
{
	_exit(0);
}

/* A ring that is too small and never drained: what is lost is counted, by type. */
static void test_a_full_ring_is_counted(void **state)
{
	struct sensor_settings settings = {
		.ring_bytes = 4096, .arguments_bytes = 4096, .task_entries = 1, /* too small, too */
	};
	struct sensor_counters counters;
	struct sensor *small = NULL;
	uint64_t submitted = 0;
	struct errmsg em = { { 0 } };

	if (sensor_open(&settings, &features, &small, &em))
		fail_msg("%s", em.text);
	if (sensor_start(small, count_record, NULL, &em))
		fail_msg("%s", em.text);
	for (int i = 0; i < 200; i++)
		wait_status(spawn(act_exit, NULL));
	sensor_stop(small);
	sensor_drain(small, SIZE_MAX, count_record, NULL);
	sensor_counters(small, &counters);
	for (int type = EVENT_FORK; type < EVENT_TYPES; type++)
		if (type != EVENT_TASK)
			submitted += counters.fates[type][FATE_SUBMITTED];
	assert_int_equal(submitted, other_records);
	assert_true(counters.fates[EVENT_FORK][FATE_RING_FULL] >= 150);
	assert_true(counters.fates[EVENT_EXIT][FATE_RING_FULL] >= 150);
	assert_true(counters.fates[EVENT_FORK][FATE_TASK_MAP_FULL] > 0);
	assert_int_equal(counters.fates[EVENT_FORK][FATE_TASK_MAP_BUSY], 0);
	sensor_close(&small);
	assert_null(small);
}

/* -- the group -- */

static void act_pause(const void *arg)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int setup(void **state)
{
	struct sensor_settings settings = {
		.ring_bytes = 30000000, /* becomes a power of two */
		.arguments_bytes = ARGUMENTS_BYTES,
		.task_entries = 32768,
		.tcp = true,
	};
	struct endpoint e = loopback(AF_INET);
	struct errmsg em = { { 0 } };

	listener_before = listen_on(&e);
	client_before = connect_to(&e);
	server_before = accept4(listener_before, NULL, NULL, SOCK_CLOEXEC);
	child_before = spawn(act_pause, NULL);
	if (sensor_open(&settings, &features, &sensor, &em) ||
	    sensor_start(sensor, keep, NULL, &em)) {
		print_error("%s\n", em.text);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	sensor_close(&sensor);
	for (size_t i = 0; i < kept_count; i++)
		free(kept[i].bytes);
	free(kept);
	return 0;
}

static bool can_run(void)
{
	probe_kernel(&features);
	if (!features.may_load)
		print_message("skipped: %s\n", features.may_load_why);
	else if (!features.btf || !features.ring_buffer || !features.tp_btf ||
		 !features.task_iterator || !features.socket_storage)
		print_message("skipped: Linux %s lacks what weir needs\n", features.release);
	else
		return true;
	return false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_snapshot_tells_of_us),
		cmocka_unit_test(test_the_snapshot_is_in_order_and_without_doubles),
		cmocka_unit_test(test_kernel_threads_are_marked),
		cmocka_unit_test(test_exec_tells_everything),
		cmocka_unit_test(test_exec_tells_namespaces_and_capabilities),
		cmocka_unit_test(test_long_arguments_are_cut_and_flagged),
		cmocka_unit_test(test_parents_are_images),
		cmocka_unit_test(test_a_script_has_its_interpreter_as_exe),
		cmocka_unit_test(test_a_memfd_has_no_links),
		cmocka_unit_test(test_a_deep_directory_is_whole),
		cmocka_unit_test(test_a_thread_that_execs_becomes_the_leader),
		cmocka_unit_test(test_a_group_exits_once_with_its_code),
		cmocka_unit_test(test_setuid_counts_only_where_it_counts),
		cmocka_unit_test(test_file_capabilities),
		cmocka_unit_test(test_one_that_ran_before_goes_by_the_same_key),
		cmocka_unit_test(test_a_connection_over_ipv4),
		cmocka_unit_test(test_a_connection_over_ipv6),
		cmocka_unit_test(test_a_mapped_connection_is_told_as_ipv4),
		cmocka_unit_test(test_bytes_are_exact_whoever_closes_first),
		cmocka_unit_test(test_a_reset_is_an_error),
		cmocka_unit_test(test_a_refused_connection),
		cmocka_unit_test(test_a_connection_that_is_given_up),
		cmocka_unit_test(test_many_sockets_have_owners),
		cmocka_unit_test(test_listeners_of_one_port_are_told_apart),
		cmocka_unit_test(test_sockets_from_before_have_owners),
		cmocka_unit_test(test_what_runs_is_listed_and_told_again),
		cmocka_unit_test(test_what_was_submitted_arrived),
		cmocka_unit_test(test_a_full_ring_is_counted),
	};

	clock_init(&wall);
	if (!can_run())
		return EXIT_SKIPPED;
	return cmocka_run_group_tests(tests, setup, teardown);
}
