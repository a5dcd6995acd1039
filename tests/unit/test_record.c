/* The decoder: every field arrives where it belongs, and no record that is not one gets through. */
#include "collector/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <cmocka.h>

#define WALL_MINUS_BOOT 1000000000000ull

static struct clock fake_clock;

/* An exec record with texts of known content; fields count up from their place. */
static size_t make_exec(void *memory, enum event_type type, uint32_t facts)
{
	static const char texts[] = "./run/usr/bin/run/homeleafrun\0-x\0A=1\0";
	struct event_exec *exec = memory;
	size_t n = sizeof(texts) - 1;

	memset(exec, 0, sizeof(*exec));
	exec->header = (struct event_header){
		.version = EVENT_LAYOUT_VERSION,
		.type = type,
		.size = sizeof(*exec) + n,
		.time_ns = 77,
		.process = { .start_ns = 500, .pid = 42 },
		.tid = 43,
	};
	exec->parent = (struct event_process_key){ .start_ns = 400, .pid = 41 };
	exec->replaced = (struct event_process_key){ .start_ns = 450, .pid = 42 };
	exec->creds = (struct event_credentials){
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	};
	exec->ns = (struct event_namespaces){ 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 };
	exec->cgroup_id = 31;
	exec->exe_ino = 32;
	exec->exe_dev = 33;
	exec->exe_nlink = 34;
	exec->exe_mode = 35;
	exec->exe_uid = 36;
	exec->exe_gid = 37;
	exec->facts = facts;
	exec->auid = 38;
	exec->session_id = 39;
	exec->nspid = 40;
	exec->args_total = 7;
	exec->env_total = 4;
	exec->filename_len = 5;
	exec->exe_len = 12;
	exec->cwd_len = 5;
	exec->cgroup_len = 4;
	exec->args_len = 7;
	exec->env_len = 4;
	memcpy(exec->data, texts, n);
	return sizeof(*exec) + n;
}

static void assert_text(struct str s, const char *expected, size_t n)
{
	assert_int_equal(s.n, n);
	assert_memory_equal(s.p, expected, n);
}

#define ASSERT_TEXT(s, literal) assert_text(s, literal, sizeof(literal) - 1)

static void test_exec(void **state)
{
	_Alignas(8) char bytes[1024];
	size_t n = make_exec(bytes, EVENT_EXEC, EXEC_AFTER_FORK);
	const struct credentials creds = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	const struct namespaces ns = { 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 };
	struct record r;

	assert_int_equal(record_decode(bytes, n, &fake_clock, &r), 0);
	assert_int_equal(r.type, EVENT_EXEC);
	assert_int_equal(r.time_boot_ns, 77);
	assert_int_equal(r.process.pid, 42);
	assert_int_equal(r.process.start_ns, 500);
	assert_int_equal(r.tid, 43);
	assert_false(r.kernel_thread);
	assert_int_equal(r.exec.key.start_ns, 500);
	assert_int_equal(r.exec.parent.pid, 41);
	assert_int_equal(r.exec.parent.start_ns, 400);
	assert_int_equal(r.exec.replaced.pid, 42);
	assert_int_equal(r.exec.replaced.start_ns, 450);
	assert_int_equal(r.exec.flags, PROCESS_EXECVE | PROCESS_CLONE);
	assert_memory_equal(&r.exec.creds, &creds, sizeof(creds));
	assert_memory_equal(&r.exec.ns, &ns, sizeof(ns));
	assert_int_equal(r.exec.cgroup_id, 31);
	assert_int_equal(r.exec.exe_ino, 32);
	assert_int_equal(r.exec.exe_dev, 33);
	assert_int_equal(r.exec.exe_nlink, 34);
	assert_int_equal(r.exec.exe_mode, 35);
	assert_int_equal(r.exec.exe_uid, 36);
	assert_int_equal(r.exec.exe_gid, 37);
	assert_int_equal(r.exec.auid, 38);
	assert_int_equal(r.exec.session_id, 39);
	assert_int_equal(r.exec.nspid, 40);
	assert_int_equal(r.exec.args_total, 7);
	assert_int_equal(r.exec.env_total, 4);
	assert_int_equal(r.exec.start_wall_ns, WALL_MINUS_BOOT + 500);
	ASSERT_TEXT(r.exec.filename, "./run");
	ASSERT_TEXT(r.exec.exe, "/usr/bin/run");
	ASSERT_TEXT(r.exec.cwd, "/home");
	ASSERT_TEXT(r.exec.cgroup, "leaf");
	ASSERT_TEXT(r.exec.args, "run\0-x\0");
	ASSERT_TEXT(r.exec.env, "A=1\0");
}

static void test_facts_become_flags_privileges_and_truncations(void **state)
{
	static const struct {
		uint32_t fact, flags, privileges, truncated;
	} cases[] = {
		{ EXEC_ARGS_TRUNCATED, PROCESS_TRUNC_ARGS, 0, 0 },
		{ EXEC_NO_FORK_SEEN, PROCESS_MISS, 0, 0 },
		{ EXEC_FILENAME_UNREADABLE, PROCESS_ERROR_FILENAME, 0, 0 },
		{ EXEC_ARGS_UNREADABLE, PROCESS_ERROR_ARGS, 0, 0 },
		{ EXEC_ENV_UNREADABLE, PROCESS_ERROR_ENVS, 0, 0 },
		{ EXEC_CWD_UNREADABLE, PROCESS_NO_CWD, 0, 0 },
		{ EXEC_CWD_TRUNCATED, PROCESS_ERROR_CWD, 0, TRUNCATED_CWD },
		{ EXEC_FILENAME_TRUNCATED, 0, 0, TRUNCATED_FILENAME },
		{ EXEC_EXE_TRUNCATED, 0, 0, TRUNCATED_EXE },
		{ EXEC_ENV_TRUNCATED, 0, 0, TRUNCATED_ENVIRONMENT },
		{ EXEC_ROOT_CWD, PROCESS_ROOT_CWD, 0, 0 },
		{ EXEC_IN_INIT_TREE, PROCESS_IN_INIT_TREE, 0, 0 },
		{ EXEC_CGROUP_UNREADABLE, PROCESS_ERROR_CGROUP_NAME, 0, 0 },
		{ EXEC_SETUID, 0, PRIVILEGES_SETUID, 0 },
		{ EXEC_SETGID, 0, PRIVILEGES_SETGID, 0 },
		{ EXEC_FILE_CAPS, 0, PRIVILEGES_FILE_CAP, 0 },
		{ EXEC_BY_THREAD, 0, 0, 0 },
	};
	_Alignas(8) char bytes[1024];
	struct record r;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = make_exec(bytes, EVENT_EXEC, cases[i].fact);

		assert_int_equal(record_decode(bytes, n, &fake_clock, &r), 0);
		assert_int_equal(r.exec.flags, PROCESS_EXECVE | cases[i].flags);
		assert_int_equal(r.exec.privileges, cases[i].privileges);
		assert_int_equal(r.exec.truncated, cases[i].truncated);
	}
}

static void test_task_has_no_filename_of_its_own(void **state)
{
	_Alignas(8) char bytes[1024];
	size_t n = make_exec(bytes, EVENT_TASK, EXEC_KERNEL_THREAD);
	struct event_exec *exec = (struct event_exec *)bytes;
	struct record r;

	exec->exe_len += exec->filename_len;
	exec->filename_len = 0;
	assert_int_equal(record_decode(bytes, n, &fake_clock, &r), 0);
	assert_int_equal(r.exec.flags, PROCESS_PROCFS);
	assert_true(r.kernel_thread);
	ASSERT_TEXT(r.exec.filename, "./run/usr/bin/run");
	ASSERT_TEXT(r.exec.exe, "./run/usr/bin/run");
}

static void test_fork_and_exit(void **state)
{
	struct event_fork fork = {
		.header = { .version = EVENT_LAYOUT_VERSION,
			    .type = EVENT_FORK,
			    .size = sizeof(fork),
			    .process = { .start_ns = 9, .pid = 8 } },
		.parent = { .start_ns = 7, .pid = 6 },
		.nspid = 5,
	};
	struct event_exit exit = {
		.header = { .version = EVENT_LAYOUT_VERSION,
			    .type = EVENT_EXIT,
			    .size = sizeof(exit),
			    .process = { .start_ns = 9, .pid = 8 } },
		.code = 0x8b,
	};
	struct record r;

	assert_int_equal(record_decode(&fork, sizeof(fork), &fake_clock, &r), 0);
	assert_int_equal(r.fork.parent.pid, 6);
	assert_int_equal(r.fork.parent.start_ns, 7);
	assert_int_equal(r.fork.nspid, 5);
	assert_int_equal(record_decode(&exit, sizeof(exit), &fake_clock, &r), 0);
	assert_int_equal(r.exit_code, 0x8b);
	exit.header.process.pid = 0; /* nobody can't exit */
	assert_int_equal(record_decode(&exit, sizeof(exit), &fake_clock, &r), -EBADMSG);
}

static struct event_tcp make_tcp(void)
{
	return (struct event_tcp){
		.header = { .version = EVENT_LAYOUT_VERSION,
			    .type = EVENT_CLOSE,
			    .size = sizeof(struct event_tcp),
			    .process = { .start_ns = 9, .pid = 8 } },
		.saddr = { 127, 0, 0, 1 },
		.daddr = { 10, 1, 2, 3 },
		.sport = 1,
		.dport = 2,
		.family = AF_INET,
		.role = SOCKET_ROLE_SERVER,
		.owner_source = OWNER_LISTENER,
		.old_state = 3,
		.new_state = 4,
		.error = 5,
		.netns = 6,
		.cookie = 7,
		.duration_ns = 8,
		.bytes_sent = 9,
		.bytes_received = 10,
		.uid = 11,
		.backlog = 12,
	};
}

static void test_tcp(void **state)
{
	struct event_tcp tcp = make_tcp();
	struct record r;

	assert_int_equal(record_decode(&tcp, sizeof(tcp), &fake_clock, &r), 0);
	assert_memory_equal(r.tcp.saddr, tcp.saddr, 16);
	assert_memory_equal(r.tcp.daddr, tcp.daddr, 16);
	assert_int_equal(r.tcp.sport, 1);
	assert_int_equal(r.tcp.dport, 2);
	assert_int_equal(r.tcp.family, AF_INET);
	assert_int_equal(r.tcp.role, ROLE_SERVER);
	assert_int_equal(r.tcp.owner, OWNED_BY_LISTENER);
	assert_int_equal(r.tcp.old_state, 3);
	assert_int_equal(r.tcp.new_state, 4);
	assert_int_equal(r.tcp.error, 5);
	assert_int_equal(r.tcp.netns, 6);
	assert_int_equal(r.tcp.cookie, 7);
	assert_int_equal(r.tcp.duration_ns, 8);
	assert_int_equal(r.tcp.bytes_sent, 9);
	assert_int_equal(r.tcp.bytes_received, 10);
	assert_int_equal(r.tcp.uid, 11);
	assert_int_equal(r.tcp.backlog, 12);
	tcp.header.process.pid = 0; /* an owner may be unknown */
	assert_int_equal(record_decode(&tcp, sizeof(tcp), &fake_clock, &r), 0);
}

static void test_refuses_what_tcp_can_not_be(void **state)
{
	struct event_tcp tcp;
	struct record r;

	tcp = make_tcp();
	tcp.family = AF_UNIX;
	assert_int_equal(record_decode(&tcp, sizeof(tcp), &fake_clock, &r), -EBADMSG);
	tcp = make_tcp();
	tcp.role = SOCKET_ROLE_LISTENER + 1;
	assert_int_equal(record_decode(&tcp, sizeof(tcp), &fake_clock, &r), -EBADMSG);
	tcp = make_tcp();
	tcp.owner_source = OWNER_LISTENER + 1;
	assert_int_equal(record_decode(&tcp, sizeof(tcp), &fake_clock, &r), -EBADMSG);
}

/* Cut at any place, whether or not the header's size is cut with it. */
static void test_refuses_every_other_length(void **state)
{
	_Alignas(8) char bytes[1024] = { 0 };
	size_t n = make_exec(bytes, EVENT_EXEC, 0);
	struct event_header *header = (struct event_header *)bytes;
	struct record r;

	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		if (cut == n)
			continue;
		header->size = n;
		assert_int_equal(record_decode(bytes, cut, &fake_clock, &r), -EBADMSG);
		header->size = cut;
		assert_int_equal(record_decode(bytes, cut, &fake_clock, &r), -EBADMSG);
	}
}

static void test_refuses_lengths_that_overflow(void **state)
{
	_Alignas(8) char bytes[1024];
	size_t n = make_exec(bytes, EVENT_EXEC, 0);
	struct event_exec *exec = (struct event_exec *)bytes;
	struct record r;

	exec->filename_len += 0x80000000u; /* two of these make 2^32 */
	exec->exe_len += 0x80000000u;
	assert_int_equal(record_decode(bytes, n, &fake_clock, &r), -EBADMSG);
}

static void test_refuses_other_versions_and_types(void **state)
{
	_Alignas(8) char bytes[1024];
	struct event_header *header = (struct event_header *)bytes;
	size_t n = make_exec(bytes, EVENT_EXEC, 0);
	struct record r;

	header->version = EVENT_LAYOUT_VERSION + 1;
	assert_int_equal(record_decode(bytes, n, &fake_clock, &r), -EBADMSG);
	header->version = EVENT_LAYOUT_VERSION;
	for (uint32_t type = EVENT_TYPES; type <= UINT16_MAX; type++) {
		header->type = type;
		assert_int_equal(record_decode(bytes, n, &fake_clock, &r), -EBADMSG);
	}
	header->type = EVENT_NONE;
	assert_int_equal(record_decode(bytes, n, &fake_clock, &r), -EBADMSG);
}

static void test_filters_the_environment(void **state)
{
	static const char env[] = "PATH=/bin\0AWS_KEY=k=v\0PATHS=no\0EMPTY=\0BARE\0\0LANG=C";
	static const char *const names[] = { "LANG", "AWS_KEY", "BARE", "EMPTY", "ABSENT" };
	struct buf out = buf_growable(4096);
	struct str all = { env, sizeof(env) - 1 }, kept;

	kept = record_filter_environment(all, names, ARRAY_SIZE(names), &out);
	ASSERT_TEXT(kept, "AWS_KEY=k=v\0EMPTY=\0BARE\0LANG=C\0");
	kept = record_filter_environment(all, names, 0, &out);
	assert_int_equal(kept.n, 0);
	kept = record_filter_environment((struct str){ NULL, 0 }, names, 2, &out);
	assert_int_equal(kept.n, 0);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_facts_become_flags_privileges_and_truncations),
		cmocka_unit_test(test_task_has_no_filename_of_its_own),
		cmocka_unit_test(test_fork_and_exit),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_refuses_what_tcp_can_not_be),
		cmocka_unit_test(test_refuses_every_other_length),
		cmocka_unit_test(test_refuses_lengths_that_overflow),
		cmocka_unit_test(test_refuses_other_versions_and_types),
		cmocka_unit_test(test_filters_the_environment),
	};

	clock_init_fake(&fake_clock, 0, WALL_MINUS_BOOT);
	clock_sample(&fake_clock);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
