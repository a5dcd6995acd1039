/* From the bytes of a ring record to an event: the real decoder, table and ingest, with a pipeline
 * that writes down what it is given. Every test ends with the loss equation checked per kind. */
#include "collector/ingest.h"

#include <stdlib.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SEC	      NSEC_PER_SEC
#define KEY(p, start) ((struct event_process_key){ .start_ns = (start), .pid = (p) })

/* The pipeline's stand-in. */

struct seen {
	enum event_kind kind;
	uint64_t time_wall_ns;
	struct process_key process, parent;
	char binary[64], parent_binary[64], environment[64], loss_key[16];
	uint32_t tid, flags, exit_code;
	struct tcp_fields tcp;
	struct loss_fields loss;
	uint8_t ancestors;
};

static struct {
	struct seen events[64];
	size_t count;
	bool out_of_memory, refuse_notices;
	struct metrics_collector *metrics;
} pipe_;

static void copy_text(char *to, size_t size, struct str from)
{
	size_t n = from.n < size - 1 ? from.n : size - 1;

	if (n)
		memcpy(to, from.p, n);
	to[n] = '\0';
}

static void note_process(const struct process *process, struct process_key *key, char binary[64])
{
	*key = process->key;
	if (process->image)
		copy_text(binary, 64, process->image->binary.text);
}

static void note(const struct event *event)
{
	struct seen *seen = &pipe_.events[pipe_.count++];

	assert_in_range(pipe_.count, 1, ARRAY_SIZE(pipe_.events));
	*seen = (struct seen){ .kind = event->kind,
			       .time_wall_ns = event->time_wall_ns,
			       .tid = event->tid,
			       .ancestors = event->ancestors };
	if (event->process) {
		note_process(event->process, &seen->process, seen->binary);
		seen->flags = event->process->flags;
		if (event->process->image)
			copy_text(seen->environment, sizeof(seen->environment),
				  event->process->image->environment.text);
	}
	if (event->parent)
		note_process(event->parent, &seen->parent, seen->parent_binary);
	if (event->kind == KIND_PROCESS_EXIT)
		seen->exit_code = event->exit_code;
	else if (event->kind == KIND_WEIR_LOSS) {
		seen->loss = event->loss;
		copy_text(seen->loss_key, sizeof(seen->loss_key), event->loss.key);
	} else {
		seen->tcp = event->tcp;
	}
}

struct image *pipeline_image(struct pipeline *pipeline, struct process_draft *draft)
{
	(void)pipeline;
	return pipe_.out_of_memory ? NULL : image_create(draft, NULL);
}

bool pipeline_event(struct pipeline *pipeline, struct event *event)
{
	(void)pipeline;
	note(event);
	metric_add(&pipe_.metrics->journaled[event->kind], 1);
	return true;
}

bool pipeline_notice(struct pipeline *pipeline, struct event *event)
{
	(void)pipeline;
	if (pipe_.refuse_notices)
		return false;
	note(event);
	metric_add(&pipe_.metrics->captured[event->kind], 1);
	metric_add(&pipe_.metrics->journaled[event->kind], 1);
	return true;
}

/* The test bench. */

static struct clock fake;
static struct metrics_collector metrics;
static struct process_table *table;
static struct ingest *ingest;

static int open_bench(const struct ingest_settings *settings)
{
	struct process_table_settings bounds = { 1000, 1 << 20, 10 * SEC };

	clock_init_fake(&fake, 100 * SEC, 1000 * SEC);
	memset(&metrics, 0, sizeof(metrics));
	memset(&pipe_, 0, sizeof(pipe_));
	pipe_.metrics = &metrics;
	table = process_table_create(&bounds, &fake);
	ingest = ingest_create(settings, &fake, table, NULL, &metrics);
	return table && ingest ? 0 : -1;
}

static int setup(void **state)
{
	static const char *const names[] = { "KEEP" };

	(void)state;
	return open_bench(&(struct ingest_settings){ .environment = names,
						     .environment_count = 1,
						     .ancestors = 3,
						     .existing_processes = true });
}

static int teardown(void **state)
{
	struct accounting accounting;

	(void)state;
	accounting_read(&metrics, &accounting);
	for (int kind = 0; kind < EVENT_KINDS; kind++) {
		uint64_t sum = accounting.journaled[kind] + accounting.filtered[kind] +
			       accounting.limited[kind];

		for (int cause = 0; cause < LOSS_CAUSES; cause++)
			sum += accounting.lost[kind][cause];
		assert_int_equal(accounting.captured[kind], sum);
	}
	ingest_free(&ingest);
	process_table_free(&table);
	return 0;
}

/* Records as the kernel writes them. */

static struct event_header header_of(enum event_type type, size_t size,
				     struct event_process_key process)
{
	return (struct event_header){ .version = EVENT_LAYOUT_VERSION,
				      .type = (uint16_t)type,
				      .size = (uint32_t)size,
				      .time_ns = process.start_ns + 1,
				      .process = process,
				      .tid = process.pid + 1000 };
}

static void give_fork(struct event_process_key parent, struct event_process_key child)
{
	struct event_fork fork = { .header = header_of(EVENT_FORK, sizeof(fork), child),
				   .parent = parent,
				   .nspid = child.pid };

	ingest_record(ingest, &fork, sizeof(fork));
}

static void give_exec(enum event_type type, struct event_process_key key,
		      struct event_process_key parent, struct event_process_key replaced,
		      uint32_t facts, const char *filename)
{
	static const char env[] = "DROP=1\0KEEP=me";
	char mem[1024];
	struct buf out = buf_fixed(mem, sizeof(mem));
	size_t n = sizeof(struct event_exec) + strlen(filename) + sizeof(env);
	struct event_exec exec = { .header = header_of(type, n, key),
				   .parent = parent,
				   .replaced = replaced,
				   .facts = facts,
				   .filename_len = (uint32_t)strlen(filename),
				   .env_len = sizeof(env) };

	buf_put(&out, &exec, sizeof(exec));
	buf_puts(&out, str_of(filename));
	buf_put(&out, env, sizeof(env));
	assert_true(buf_ok(&out));
	ingest_record(ingest, mem, n);
}

static void give_exit(struct event_process_key key, uint32_t code)
{
	struct event_exit exit = { .header = header_of(EVENT_EXIT, sizeof(exit), key),
				   .code = code };

	ingest_record(ingest, &exit, sizeof(exit));
}

static void give_tcp(enum event_type type, struct event_process_key key)
{
	struct event_tcp tcp = { .header = header_of(type, sizeof(tcp), key),
				 .family = AF_INET,
				 .sport = 1,
				 .dport = 443,
				 .bytes_sent = 17 };

	ingest_record(ingest, &tcp, sizeof(tcp));
}

static const struct seen *last_seen(enum event_kind kind)
{
	const struct seen *seen = &pipe_.events[pipe_.count - 1];

	assert_int_not_equal(pipe_.count, 0);
	assert_int_equal(seen->kind, kind);
	return seen;
}

/* A shell forks, executes ls, which connects and exits; the shell was there before. */
static void test_a_life_is_told(void **state)
{
	const struct seen *seen;

	(void)state;
	give_exec(EVENT_TASK, KEY(10, 5), KEY(1, 1), KEY(0, 0), 0, "/bin/sh");
	seen = last_seen(KIND_PROCESS_EXEC);
	assert_int_equal(seen->flags, PROCESS_PROCFS);
	assert_string_equal(seen->environment, "KEEP=me");
	assert_int_equal(seen->parent.pid, 0);

	give_fork(KEY(10, 5), KEY(11, 20));
	assert_int_equal(pipe_.count, 1);
	give_exec(EVENT_EXEC, KEY(11, 30), KEY(10, 5), KEY(11, 20), EXEC_AFTER_FORK, "/bin/ls");
	seen = last_seen(KIND_PROCESS_EXEC);
	assert_string_equal(seen->binary, "/bin/ls");
	assert_string_equal(seen->parent_binary, "/bin/sh");
	assert_int_equal(seen->flags, PROCESS_EXECVE | PROCESS_CLONE);
	assert_int_equal(seen->time_wall_ns, 900 * SEC + 31);
	assert_int_equal(seen->tid, 1011);
	assert_int_equal(seen->ancestors, 3);

	give_tcp(EVENT_CONNECT, KEY(11, 30));
	seen = last_seen(KIND_PROCESS_CONNECT);
	assert_string_equal(seen->binary, "/bin/ls");
	assert_int_equal(seen->tcp.dport, 443);
	give_exit(KEY(11, 30), 9);
	seen = last_seen(KIND_PROCESS_EXIT);
	assert_string_equal(seen->parent_binary, "/bin/sh");
	assert_int_equal(seen->exit_code, 9);
	/* Its sockets are closed after it. */
	give_tcp(EVENT_CLOSE, KEY(11, 30));
	seen = last_seen(KIND_PROCESS_CLOSE);
	assert_string_equal(seen->binary, "/bin/ls");
	assert_int_equal(seen->tcp.bytes_sent, 17);

	assert_int_equal(metric_get(&metrics.captured[KIND_PROCESS_EXEC]), 2);
	assert_int_equal(metric_get(&metrics.captured[KIND_NONE]), 1);
	assert_int_equal(metric_get(&metrics.filtered[KIND_NONE]), 1);
}

static void test_exec_after_exec_names_the_image_before(void **state)
{
	const struct seen *seen;

	(void)state;
	give_exec(EVENT_EXEC, KEY(11, 30), KEY(10, 5), KEY(0, 0), 0, "/bin/sh");
	give_exec(EVENT_EXEC, KEY(11, 40), KEY(10, 5), KEY(11, 30), 0, "/bin/ls");
	seen = last_seen(KIND_PROCESS_EXEC);
	assert_string_equal(seen->parent_binary, "/bin/sh");
	assert_int_equal(seen->parent.pid, 11);
	assert_int_equal(seen->parent.start_ns, 30);
}

static void test_who_is_not_known_is_never_guessed(void **state)
{
	const struct seen *seen;

	(void)state;
	give_exec(EVENT_EXEC, KEY(11, 30), KEY(10, 5), KEY(0, 0), 0, "/bin/sh");
	give_exit(KEY(11, 31), 0);
	seen = last_seen(KIND_PROCESS_EXIT);
	assert_string_equal(seen->binary, "");
	assert_int_equal(seen->flags, PROCESS_UNKNOWN);
	assert_int_equal(seen->process.pid, 11);
	give_tcp(EVENT_CLOSE, KEY(0, 0));
	seen = last_seen(KIND_PROCESS_CLOSE);
	assert_int_equal(seen->flags, PROCESS_UNKNOWN);
	assert_int_equal(seen->process.pid, 0);
	/* The one that runs still does. */
	give_tcp(EVENT_LISTEN, KEY(11, 30));
	assert_string_equal(last_seen(KIND_PROCESS_LISTEN)->binary, "/bin/sh");
	give_tcp(EVENT_ACCEPT, KEY(11, 30));
	assert_string_equal(last_seen(KIND_PROCESS_ACCEPT)->binary, "/bin/sh");
}

static void test_existing_processes_can_be_known_only(void **state)
{
	(void)state;
	ingest_free(&ingest);
	process_table_free(&table);
	assert_int_equal(open_bench(&(struct ingest_settings){ 0 }), 0);
	give_exec(EVENT_TASK, KEY(10, 5), KEY(1, 1), KEY(0, 0), 0, "/bin/sh");
	assert_int_equal(pipe_.count, 0);
	assert_int_equal(metric_get(&metrics.captured[KIND_NONE]), 1);
	give_exit(KEY(10, 5), 0);
	assert_string_equal(last_seen(KIND_PROCESS_EXIT)->binary, "/bin/sh");
}

static void test_kernel_threads_are_known_only(void **state)
{
	(void)state;
	give_exec(EVENT_TASK, KEY(10, 5), KEY(2, 1), KEY(0, 0), EXEC_KERNEL_THREAD, "[kworker]");
	assert_int_equal(pipe_.count, 0);
	give_tcp(EVENT_CONNECT, KEY(10, 5));
	assert_string_equal(last_seen(KIND_PROCESS_CONNECT)->binary, "[kworker]");
}

static void test_what_does_not_decode_is_counted_and_told(void **state)
{
	struct sensor_counters counters = { 0 };
	struct event_exit exit = { .header = header_of(EVENT_EXIT, sizeof(exit), KEY(1, 1)) };
	const struct seen *seen;

	(void)state;
	ingest_record(ingest, "junk", 4);
	exit.header.type = 999;
	ingest_record(ingest, &exit, sizeof(exit));
	exit.header.type = EVENT_EXIT;
	ingest_record(ingest, &exit, sizeof(exit) - 1);
	exit.header.type = EVENT_NONE;
	ingest_record(ingest, &exit, sizeof(exit));
	assert_int_equal(metric_get(&metrics.lost[KIND_NONE][LOSS_MALFORMED]), 3);
	assert_int_equal(metric_get(&metrics.lost[KIND_PROCESS_EXIT][LOSS_MALFORMED]), 1);
	assert_int_equal(pipe_.count, 0);
	ingest_counters(ingest, &counters);
	assert_int_equal(pipe_.count, 2);
	seen = last_seen(KIND_WEIR_LOSS);
	assert_int_equal(seen->loss.cause, LOSS_MALFORMED);
	assert_int_equal(seen->loss.of, KIND_PROCESS_EXIT);
	assert_int_equal(seen->loss.count, 1);
}

static void test_kernel_losses_are_told_once_with_their_span(void **state)
{
	struct sensor_counters counters = { 0 };
	const struct seen *seen;

	(void)state;
	counters.fates[EVENT_EXEC][FATE_SUBMITTED] = 100;
	counters.fates[EVENT_EXEC][FATE_RING_FULL] = 7;
	fake.fake_wall_ns = 1005 * SEC;
	ingest_counters(ingest, &counters);
	seen = last_seen(KIND_WEIR_LOSS);
	assert_int_equal(seen->loss.cause, LOSS_RING_FULL);
	assert_int_equal(seen->loss.of, KIND_PROCESS_EXEC);
	assert_int_equal(seen->loss.count, 7);
	assert_int_equal(seen->loss.first_wall_ns, 1000 * SEC);
	assert_int_equal(seen->loss.last_wall_ns, 1005 * SEC);
	assert_int_equal(metric_get(&metrics.captured[KIND_PROCESS_EXEC]), 7);
	ingest_counters(ingest, &counters);
	assert_int_equal(pipe_.count, 1);

	counters.fates[EVENT_EXEC][FATE_RING_FULL] = 8;
	counters.fates[EVENT_EXIT][FATE_SCRATCH_BUSY] = 2;
	counters.fates[EVENT_FORK][FATE_RING_FULL] = 3;
	counters.fates[EVENT_FORK][FATE_TASK_MAP_FULL] = 4;
	counters.fates[EVENT_FORK][FATE_TASK_MAP_BUSY] = 6;
	counters.fates[EVENT_CLOSE][FATE_SOCKET_UNKNOWN] = 5;
	ingest_counters(ingest, &counters);
	assert_int_equal(pipe_.count, 4);
	assert_string_equal(pipe_.events[1].loss_key, "fork");
	assert_int_equal(pipe_.events[1].loss.of, KIND_NONE);
	assert_int_equal(pipe_.events[1].loss.count, 3);
	assert_int_equal(pipe_.events[2].loss.count, 1);
	assert_int_equal(pipe_.events[2].loss.first_wall_ns, 1005 * SEC);
	assert_int_equal(pipe_.events[3].loss.cause, LOSS_SCRATCH_BUSY);
	assert_int_equal(metric_get(&metrics.task_map_full), 4);
	assert_int_equal(metric_get(&metrics.task_map_busy), 6);
	assert_int_equal(metric_get(&metrics.socket_unknown), 5);
	assert_int_equal(metric_get(&metrics.lost[KIND_NONE][LOSS_RING_FULL]), 3);
}

static void test_a_loss_that_could_not_be_told_is_told_later(void **state)
{
	struct sensor_counters counters = { 0 };
	struct journal_loss loss = {
		.cause = LOSS_JOURNAL_FULL, .first_seq = 1, .last_seq = 1, .count = 1
	};
	const struct seen *seen;

	(void)state;
	pipe_.refuse_notices = true;
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 7;
	ingest_counters(ingest, &counters);
	fake.fake_wall_ns = 1002 * SEC;
	counters.fates[EVENT_EXIT][FATE_RING_FULL] = 9;
	for (loss.first_seq = 1; loss.first_seq <= 20; loss.first_seq++, loss.last_seq++)
		ingest_journal_loss(ingest, &loss);
	pipe_.refuse_notices = false;
	ingest_counters(ingest, &counters);
	assert_int_equal(pipe_.events[0].loss.count, 9);
	assert_int_equal(pipe_.events[0].loss.first_wall_ns, 1000 * SEC);
	assert_int_equal(pipe_.count, 9);
	seen = last_seen(KIND_WEIR_LOSS);
	assert_int_equal(seen->loss.cause, LOSS_JOURNAL_FULL);
	assert_int_equal(seen->loss.first_seq, 8);
	assert_int_equal(seen->loss.last_seq, 20);
	assert_int_equal(seen->loss.count, 13);
	ingest_counters(ingest, &counters);
	assert_int_equal(pipe_.count, 9);
	ingest_journal_loss(ingest, &loss);
	assert_int_equal(pipe_.count, 10);
}

static void test_no_memory_for_an_image_is_a_loss(void **state)
{
	struct sensor_counters counters = { 0 };

	(void)state;
	pipe_.out_of_memory = true;
	give_exec(EVENT_EXEC, KEY(11, 30), KEY(10, 5), KEY(0, 0), 0, "/bin/sh");
	give_exec(EVENT_TASK, KEY(12, 30), KEY(10, 5), KEY(0, 0), 0, "/bin/sh");
	assert_int_equal(metric_get(&metrics.lost[KIND_PROCESS_EXEC][LOSS_MEMORY]), 2);
	ingest_counters(ingest, &counters);
	assert_int_equal(last_seen(KIND_WEIR_LOSS)->loss.count, 2);
	assert_int_equal(pipe_.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(test_a_life_is_told),
		TEST(test_exec_after_exec_names_the_image_before),
		TEST(test_who_is_not_known_is_never_guessed),
		TEST(test_existing_processes_can_be_known_only),
		TEST(test_kernel_threads_are_known_only),
		TEST(test_what_does_not_decode_is_counted_and_told),
		TEST(test_kernel_losses_are_told_once_with_their_span),
		TEST(test_a_loss_that_could_not_be_told_is_told_later),
		TEST(test_no_memory_for_an_image_is_a_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
