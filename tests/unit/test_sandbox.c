/* What a process can still do after sandbox_enter(): each attempt is made in a child of its own,
 * which tells by its exit status or by the signal that ended it. */
#include "outputs/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char allowed_dir[64], other_dir[64];

static int setup(void **state)
{
	snprintf(allowed_dir, sizeof(allowed_dir), "/tmp/weir-sandbox-a-XXXXXX");
	snprintf(other_dir, sizeof(other_dir), "/tmp/weir-sandbox-b-XXXXXX");
	if (!mkdtemp(allowed_dir) || !mkdtemp(other_dir))
		return -1;
	return chmod(allowed_dir, 0777) || chmod(other_dir, 0777);
}

static int teardown(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/file", allowed_dir);
	unlink(path);
	return rmdir(allowed_dir) || rmdir(other_dir);
}

/* Runs attempt in a sandboxed child; it returns what the child exits with. */
static int attempt(int (*act)(void))
{
	struct sandbox_path paths[] = { { allowed_dir, true } };
	struct sandbox_user user;
	struct sandbox_settings settings = { .paths = paths, .path_count = 1 };
	struct errmsg em = { "" };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (geteuid() == 0) {
			if (sandbox_find_user("nobody", &user, &em) != 0)
				_exit(200);
			settings.user = &user;
		}
		if (sandbox_enter(&settings, &em) != 0) {
			dprintf(STDERR_FILENO, "sandbox_enter: %s\n", em.text);
			_exit(201);
		}
		_exit(act());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool exited_with(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static int read_shadow(void)
{
	return open("/etc/shadow", O_RDONLY) < 0 ? errno : 0;
}

/* Readable for everyone by its permissions: only Landlock stands before it. */
static int read_passwd(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int write_allowed(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/file", allowed_dir);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0 || fdatasync(fd) != 0)
		return errno;
	return unlink(path) == 0 ? 0 : errno;
}

static int write_elsewhere(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/file", other_dir);
	return open(path, O_RDWR | O_CREAT, 0600) < 0 ? errno : 0;
}

static int run_a_shell(void)
{
	execl("/bin/true", "true", NULL);
	return errno;
}

static int fork_a_child(void)
{
	return syscall(SYS_fork) < 0 ? errno : 0;
}

static int trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? errno : 0;
}

static int load_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0) < 0 ? errno : 0;
}

static int become_root(void)
{
	return setuid(0) != 0 ? errno : 0;
}

static int open_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0;
}

static int open_tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int type_for_the_user(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") < 0 ? errno : 0;
}

static int make_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? errno
		       : 0;
}

static void *thread_body(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int start_a_thread(void)
{
	pthread_t thread;
	int ran = 0, err = pthread_create(&thread, NULL, thread_body, &ran);

	if (err)
		return err;
	pthread_join(thread, NULL);
	return ran ? 0 : 1;
}

/* The line NAME:\tVALUE of /proc/self/status; read through a descriptor from before. */
static int status_fd = -1;

static bool status_says(const char *name, const char *value)
{
	char text[8192], line[128];
	ssize_t n = pread(status_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	snprintf(line, sizeof(line), "\n%s:\t%s\n", name, value);
	return strstr(text, line);
}

static int has_nothing_left(void)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sets); i++)
		if (!status_says(sets[i], "0000000000000000"))
			return 10 + i;
	if (!status_says("NoNewPrivs", "1") || !status_says("Seccomp", "2"))
		return 20;
	if (getuid() == 0 || geteuid() == 0 || getgid() == 0 || getgroups(0, NULL) != 0)
		return 30;
	return 0;
}

static void test_nothing_is_left(void **state)
{
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("skipped: needs root\n");
		skip();
	}
	/* /proc/self is the child's own only when the child opens it. */
	pid = fork();
	if (pid == 0) {
		struct sandbox_user user;
		struct sandbox_settings settings = { .user = &user };
		struct errmsg em;

		status_fd = open("/proc/self/status", O_RDONLY);
		if (sandbox_find_user("nobody", &user, &em) != 0 ||
		    sandbox_enter(&settings, &em) != 0)
			_exit(200);
		_exit(has_nothing_left());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_files(void **state)
{
	assert_true(exited_with(attempt(read_shadow), EACCES));
	assert_true(exited_with(attempt(write_allowed), 0));
}

static void test_landlock_guards_what_permissions_don_t(void **state)
{
	if (syscall(444 /* landlock_create_ruleset */, NULL, 0, 1) < 1) {
		print_message("skipped: this kernel has no Landlock\n");
		skip();
	}
	assert_true(exited_with(attempt(read_passwd), EACCES));
	assert_true(exited_with(attempt(write_elsewhere), EACCES));
}

static void test_hostile_calls_kill(void **state)
{
	assert_true(was_killed(attempt(run_a_shell)));
	assert_true(was_killed(attempt(fork_a_child)));
	assert_true(was_killed(attempt(trace_parent)));
	assert_true(was_killed(attempt(load_bpf)));
	assert_true(was_killed(attempt(become_root)));
}

static void test_useless_calls_fail(void **state)
{
	assert_true(exited_with(attempt(open_packet_socket), EPERM));
	assert_true(exited_with(attempt(type_for_the_user), EPERM));
	assert_true(exited_with(attempt(make_code), EPERM));
}

static void test_what_outputs_need_works(void **state)
{
	assert_true(exited_with(attempt(open_tcp_socket), 0));
	assert_true(exited_with(attempt(start_a_thread), 0));
}

static void test_root_is_no_user_to_become(void **state)
{
	struct sandbox_user user;
	struct errmsg em;

	assert_int_equal(sandbox_find_user("root", &user, &em), -EINVAL);
	assert_int_not_equal(sandbox_find_user("no-such-user", &user, &em), 0);
	assert_non_null(strstr(em.text, "no-such-user"));
	assert_int_equal(sandbox_find_user("", &user, &em), 0);
	assert_int_not_equal(user.uid, 0);
}

/* A file of passwd(5) entries, as found on hosts: with comments, NIS lines, and names that begin
 * with the one that is looked for. */
static void test_a_user_is_read_from_a_file(void **state)
{
	static const char text[] =
		"# local\nroot:x:0:0:root:/root:/bin/sh\nweird:x:7:8::/:/bin/sh\n"
		"weir:x:901:902:events:/nonexistent:/usr/sbin/nologin\n+::::::\n"
		"weir:x:1:1:a second one:/:/bin/sh\nno";
	char path[] = "/tmp/weir-passwd-XXXXXX";
	struct sandbox_user user = { .uid = 5 };
	int fd = mkstemp(path);

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(sandbox_read_user(path, "nobody", &user), -ENOENT);
	assert_int_equal(user.uid, 5);
	assert_int_equal(sandbox_read_user(path, "weir", &user), 0);
	assert_int_equal(user.uid, 901);
	assert_int_equal(user.gid, 902);
	assert_string_equal(user.name, "weir");
	unlink(path);
	assert_int_equal(sandbox_read_user(path, "weir", &user), -ENOENT);
}

/* The name service would load its libraries into both processes, for good. */
static void test_finding_the_user_loads_no_library(void **state)
{
	struct sandbox_user user;
	struct errmsg em = { "" };
	char line[512];
	FILE *maps;

	assert_int_equal(sandbox_find_user("", &user, &em), 0);
	maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "libnss_"))
			fail_msg("loaded: %s", line);
	fclose(maps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finding_the_user_loads_no_library), /* before others do */
		cmocka_unit_test(test_a_user_is_read_from_a_file),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_landlock_guards_what_permissions_don_t),
		cmocka_unit_test(test_hostile_calls_kill),
		cmocka_unit_test(test_useless_calls_fail),
		cmocka_unit_test(test_what_outputs_need_works),
		cmocka_unit_test(test_root_is_no_user_to_become),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
