/* The forwarder as a process of its own, over a real journal: what goes in comes out at real
 * destinations, one that is dead or slow holds up nobody, and a kill -9 loses nothing. The test
 * plays the collector: it writes the journal and holds the other end of the socket pair. */
#include "outputs/forwarder.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "outputs/sandbox.h"
#include "outputs/state_directory.h"
#include "pipeline/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define PATIENCE_MS 20000
#define BOOT_ID	    "11111111-2222-3333-4444-555555555555"

struct fixture {
	char dir[64], journal_dir[96], state_dir[96], out_dir[96];
	struct clock clock;
	struct journal *journal;
	struct metrics_board *board;
	struct metrics_fds board_fds;
	struct config_document *doc;
	struct settings settings;
	struct forwarder_settings forwarder;
	int control_fd, stdout_fd; /* ours; the child has the other ends */
	pid_t pid;
	char *text; /* scratch of read_file() */
};

static void on_loss(void *ctx, const struct journal_loss *loss)
{
}

/* The forwarder becomes nobody when the test is root: the group lets it read the journal. */
static gid_t reader_gid(void)
{
	struct sandbox_user user;
	struct errmsg em;

	if (geteuid() != 0 || sandbox_find_user("", &user, &em) != 0)
		return (gid_t)-1;
	return user.gid;
}

static void open_journal(struct fixture *f)
{
	struct journal_settings settings = {
		.directory = f->journal_dir,
		.max_bytes = 256ull << 20,
		.segment_bytes = 8 << 20,
		.sync_interval_ns = NSEC_PER_SEC,
		.memory_bytes = 16 << 20,
		.reader_gid = reader_gid(),
		.boot_id = BOOT_ID,
	};
	struct errmsg em;

	if (journal_open(&settings, &f->clock, on_loss, NULL, &f->journal, &em) != 0)
		fail_msg("%s", em.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/weir-forwarder-XXXXXX");
	if (!mkdtemp(f->dir) || chmod(f->dir, 0755) != 0)
		return -1;
	snprintf(f->journal_dir, sizeof(f->journal_dir), "%s/journal", f->dir);
	snprintf(f->state_dir, sizeof(f->state_dir), "%s/state/weir", f->dir);
	snprintf(f->out_dir, sizeof(f->out_dir), "%s/log/weir", f->dir);
	clock_init(&f->clock);
	f->board = metrics_create(&f->board_fds);
	f->text = malloc(64 << 20);
	open_journal(f);
	f->control_fd = f->stdout_fd = -1;
	*state = f;
	return f->board && f->text ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->pid > 0) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	journal_close(&f->journal, 1000);
	metrics_unmap(&f->board);
	config_document_free(&f->doc);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	metrics_close_fds(&f->board_fds);
	close(f->control_fd);
	close(f->stdout_fd);
	free(f->text);
	free(f);
	return 0;
}

/* Writes n events and waits until a reader can see them. */
static void write_events(struct fixture *f, unsigned int n)
{
	uint64_t last = 0;

	for (; n > 0; n--) {
		struct buf *out = journal_begin_record(f->journal, &last);

		assert_non_null(out);
		buf_printf(out,
			   "{\"process_exec\":{\"process\":{\"pid\":1,\"binary\":\"/bin/true\"}},"
			   "\"weir\":{\"seq\":\"%llu\"}}",
			   (unsigned long long)last);
		assert_int_equal(journal_end_record(f->journal, KIND_PROCESS_EXEC,
						    clock_wall_ns(&f->clock), 1),
				 0);
		if (n % 1000 == 1)
			journal_commit(f->journal);
	}
	while (journal_poll(f->journal) < last) {
		struct pollfd readable = { journal_fd(f->journal), POLLIN, 0 };

		assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
	}
}

static void configure(struct fixture *f, const char *yaml)
{
	struct errmsg em;

	config_document_free(&f->doc);
	if (config_parse(str_of(yaml), "test.yaml", &f->doc, &em) != 0)
		fail_msg("%s", em.text);
	f->settings = (struct settings){
		.node_name = "node",
		.cluster_name = "",
		.journal.directory = f->journal_dir,
		.forwarder = { .user = "",
			       .state_directory = f->state_dir,
			       .drain_timeout_ns = 300 * NSEC_PER_MSEC },
		.outputs = config_root(f->doc),
		.metrics.listen = "",
	};
	f->forwarder = (struct forwarder_settings){ .settings = &f->settings,
						    .board = f->board,
						    .session_first_seq = 1 };
}

static void start(struct fixture *f)
{
	int control[2], out[2];

	close(f->control_fd);
	close(f->stdout_fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	f->pid = fork();
	if (f->pid == 0) {
		f->forwarder.control_fd = control[1];
		close(control[0]);
		close(out[0]);
		dup2(out[1], STDOUT_FILENO);
		log_init("forwarder", LOG_LEVEL_ERROR);
		_exit(forwarder_run(&f->forwarder));
	}
	close(control[1]);
	close(out[1]);
	f->control_fd = control[0];
	f->stdout_fd = out[0];
}

static void tell(struct fixture *f, enum forwarder_message message)
{
	char byte = message;

	assert_int_equal(write(f->control_fd, &byte, 1), 1);
}

static int await_exit(struct fixture *f)
{
	int status;

	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	if (!WIFEXITED(status))
		fail_msg("ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int drain(struct fixture *f)
{
	tell(f, FORWARDER_DRAIN);
	return await_exit(f);
}

static struct metrics_output *counters(struct fixture *f, const char *name)
{
	size_t i;

	for (i = 0; i < METRICS_MAX_OUTPUTS; i++)
		if (strcmp(f->board->forwarder.output[i].name, name) == 0)
			return &f->board->forwarder.output[i];
	return NULL;
}

static uint64_t settled(struct fixture *f, const char *name)
{
	struct metrics_output *m = counters(f, name);

	return m ? metric_get(&m->delivered) + metric_get(&m->rejected) + metric_get(&m->missed)
		 : 0;
}

/* Waits for a state, not for a time. */
static void await_settled(struct fixture *f, const char *name, uint64_t n)
{
	unsigned int waited_ms = 0;

	while (settled(f, name) < n) {
		if (waited_ms++ > PATIENCE_MS)
			fail_msg("%s settled %llu of %llu", name,
				 (unsigned long long)settled(f, name), (unsigned long long)n);
		poll(NULL, 0, 1);
	}
}

static void await_state(struct fixture *f, const char *name, enum output_state state)
{
	unsigned int waited_ms = 0;

	while (!counters(f, name) || metric_get(&counters(f, name)->state) != state) {
		if (waited_ms++ > PATIENCE_MS)
			fail_msg("%s does not come to state %d", name, state);
		poll(NULL, 0, 1);
	}
}

static void await_file(const char *path)
{
	unsigned int waited_ms = 0;

	while (access(path, F_OK) != 0) {
		if (waited_ms++ > PATIENCE_MS)
			fail_msg("%s does not come", path);
		poll(NULL, 0, 1);
	}
}

static const char *read_file(struct fixture *f, const char *dir, const char *name)
{
	char path[192];
	size_t at = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	while (fd >= 0 && (n = read(fd, f->text + at, (64 << 20) - 1 - at)) > 0)
		at += n;
	if (fd >= 0)
		close(fd);
	f->text[at] = '\0';
	return f->text;
}

/* Each of first..last is there; returns how many lines there are. */
static size_t assert_has_all(const char *text, uint64_t first, uint64_t last)
{
	bool *seen = calloc(last + 1, 1);
	size_t lines = 0;
	uint64_t seq;

	for (; *text; text = strchr(text, '\n') + 1, lines++) {
		const char *at = strstr(text, "\"seq\":\"");

		assert_non_null(at);
		seq = strtoull(at + 7, NULL, 10);
		if (seq <= last)
			seen[seq] = true;
		assert_non_null(strchr(text, '\n'));
	}
	for (seq = first; seq <= last; seq++)
		if (!seen[seq])
			fail_msg("event %llu is missing", (unsigned long long)seq);
	free(seen);
	return lines;
}

static void read_stdout(struct fixture *f, size_t lines)
{
	size_t at = 0, seen = 0;

	while (seen < lines) {
		ssize_t n = read(f->stdout_fd, f->text + at, 65536);

		assert_true(n > 0);
		for (; n > 0; n--)
			seen += f->text[at++] == '\n';
	}
	f->text[at] = '\0';
}

static void test_stdout_gets_all_and_resumes(void **state)
{
	struct fixture *f = *state;

	configure(f, "- {name: out, type: stdout}\n");
	write_events(f, 2500);
	start(f);
	read_stdout(f, 2500);
	assert_int_equal(assert_has_all(f->text, 1, 2500), 2500);
	assert_true(metric_get(&f->board->forwarder.resident_bytes) > 0);
	assert_int_equal(drain(f), EXIT_OK);
	write_events(f, 10);
	start(f);
	read_stdout(f, 10);
	assert_int_equal(assert_has_all(f->text, 2501, 2510), 10);
	write_events(f, 5);
	tell(f, FORWARDER_WAKE);
	read_stdout(f, 5);
	assert_int_equal(drain(f), EXIT_OK);
	assert_int_equal(settled(f, "out"), 2515);
}

static void yaml_for(struct fixture *f, char *yaml_r, size_t bytes, const char *extra)
{
	snprintf(yaml_r, bytes,
		 "- {name: good, type: file, path: %s/good.json}\n"
		 "- {name: fault, type: fault, accepted_path: %s/accepted.json,"
		 " retry: {initial: 5ms, max: 20ms}, %s}\n"
		 "- {name: gone, type: 'null'}\n",
		 f->out_dir, f->out_dir, extra);
}

static void test_a_dead_output_holds_up_nobody_and_catches_up(void **state)
{
	struct fixture *f = *state;
	char yaml[1024], trigger[128], extra[256];
	int fd;

	snprintf(trigger, sizeof(trigger), "%s/dead", f->dir);
	fd = open(trigger, O_CREAT | O_WRONLY, 0644);
	close(fd);
	snprintf(extra, sizeof(extra), "dead_while_exists: %s", trigger);
	yaml_for(f, yaml, sizeof(yaml), extra);
	configure(f, yaml);
	write_events(f, 5000);
	start(f);
	await_settled(f, "good", 5000);
	await_settled(f, "gone", 5000);
	await_state(f, "fault", OUTPUT_STATE_WAITING);
	assert_int_equal(settled(f, "fault"), 0);
	unlink(trigger);
	await_settled(f, "fault", 5000);
	assert_int_equal(drain(f), EXIT_OK);
	assert_int_equal(assert_has_all(read_file(f, f->out_dir, "good.json"), 1, 5000), 5000);
	assert_int_equal(assert_has_all(read_file(f, f->out_dir, "accepted.json"), 1, 5000), 5000);
}

static void test_a_poison_event_goes_to_the_dead_letters(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	/* No other event's text holds this one, the notice of its loss included. */
	yaml_for(f, yaml, sizeof(yaml), "refuse_matching: '\"seq\":\"1234\"}'");
	configure(f, yaml);
	write_events(f, 3000);
	start(f);
	await_settled(f, "fault", 3000);
	assert_int_equal(drain(f), EXIT_OK);
	assert_int_equal(metric_get(&counters(f, "fault")->rejected), 1);
	assert_int_equal(metric_get(&counters(f, "fault")->delivered), 2999);
	assert_null(strstr(read_file(f, f->out_dir, "accepted.json"), "\"seq\":\"1234\"}}"));
	assert_non_null(strstr(read_file(f, f->state_dir, "fault.dead"),
			       "\"reason\":\"refused on demand\""));
	/* And downstream it is told. */
	assert_non_null(
		strstr(read_file(f, f->out_dir, "accepted.json"), "\"cause\":\"rejected\""));
}

static void test_lost_answers_make_doubles_and_no_gaps(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	yaml_for(f, yaml, sizeof(yaml),
		 "lose_ack_percent: 30, fail_percent: 20, batch: {max_events: 50}");
	configure(f, yaml);
	write_events(f, 2000);
	start(f);
	await_settled(f, "fault", 2000);
	assert_int_equal(drain(f), EXIT_OK);
	assert_true(assert_has_all(read_file(f, f->out_dir, "accepted.json"), 1, 2000) >= 2000);
	assert_int_equal(metric_get(&counters(f, "fault")->delivered), 2000);
}

static void test_every_nth_refused_by_name(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	yaml_for(f, yaml, sizeof(yaml), "refuse_every: 100");
	configure(f, yaml);
	write_events(f, 1000);
	start(f);
	await_settled(f, "fault", 1000);
	assert_int_equal(drain(f), EXIT_OK);
	assert_int_equal(metric_get(&counters(f, "fault")->rejected), 10);
}

static void test_held_shows_its_state_and_keeps_all(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	yaml_for(f, yaml, sizeof(yaml), "hold: true");
	configure(f, yaml);
	write_events(f, 10);
	start(f);
	await_state(f, "fault", OUTPUT_STATE_HELD);
	assert_int_equal(drain(f), EXIT_OK); /* bounded by the drain timeout */
	yaml_for(f, yaml, sizeof(yaml), "hold: false");
	configure(f, yaml);
	start(f);
	await_settled(f, "fault", 10);
	assert_int_equal(drain(f), EXIT_OK);
}

static void test_kill_9_loses_nothing(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	yaml_for(f, yaml, sizeof(yaml), "events_per_second: 20000, batch: {max_events: 100}");
	configure(f, yaml);
	write_events(f, 3000);
	start(f);
	await_settled(f, "fault", 500);
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	f->pid = 0;
	write_events(f, 1000);
	start(f);
	await_settled(f, "fault", 4000);
	await_settled(f, "good", 4000);
	assert_int_equal(drain(f), EXIT_OK);
	assert_true(assert_has_all(read_file(f, f->out_dir, "accepted.json"), 1, 4000) <= 4100);
	assert_has_all(read_file(f, f->out_dir, "good.json"), 1, 4000);
}

static void test_a_moved_file_is_opened_anew(void **state)
{
	struct fixture *f = *state;
	char yaml[1024], from[192], to[192];

	yaml_for(f, yaml, sizeof(yaml), "delay: 0s");
	configure(f, yaml);
	write_events(f, 10);
	start(f);
	await_settled(f, "good", 10);
	snprintf(from, sizeof(from), "%s/good.json", f->out_dir);
	snprintf(to, sizeof(to), "%s/moved.json", f->out_dir);
	assert_int_equal(rename(from, to), 0);
	tell(f, FORWARDER_REOPEN);
	await_file(from); /* before there is any event for it */
	write_events(f, 5);
	tell(f, FORWARDER_WAKE);
	await_settled(f, "good", 15);
	assert_int_equal(drain(f), EXIT_OK);
	assert_int_equal(assert_has_all(read_file(f, f->out_dir, "moved.json"), 1, 10), 10);
	assert_int_equal(assert_has_all(read_file(f, f->out_dir, "good.json"), 11, 15), 5);
}

static void test_a_reader_that_does_not_read_holds_up_stdout_alone(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	snprintf(yaml, sizeof(yaml),
		 "- {name: out, type: stdout}\n- {name: good, type: file, path: %s/good.json,"
		 " sync: batch, rotate_bytes: 64KiB, keep: 3}\n",
		 f->out_dir);
	configure(f, yaml);
	write_events(f, 20000);
	start(f);
	await_settled(f, "good", 20000);
	assert_true(settled(f, "out") < 20000);
	assert_int_equal(drain(f), EXIT_OK); /* its thread is interrupted */
	start(f);			     /* what was not read comes now */
	read_stdout(f, 20000 - settled(f, "out"));
	assert_int_equal(drain(f), EXIT_OK);
}

static void test_a_closed_pipe_is_an_outage_not_an_end(void **state)
{
	struct fixture *f = *state;

	configure(f, "- {name: out, type: stdout}\n");
	start(f);
	close(f->stdout_fd);
	f->stdout_fd = -1;
	write_events(f, 10);
	await_state(f, "out", OUTPUT_STATE_WAITING);
	assert_int_equal(drain(f), EXIT_OK);
	start(f);
	read_stdout(f, 10);
	assert_int_equal(drain(f), EXIT_OK);
}

static void test_end_of_the_collector_is_the_end(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	yaml_for(f, yaml, sizeof(yaml), "delay: 0s");
	configure(f, yaml);
	write_events(f, 100);
	start(f);
	shutdown(f->control_fd, SHUT_RDWR);
	assert_int_equal(await_exit(f), EXIT_OK);
	assert_int_equal(assert_has_all(read_file(f, f->out_dir, "good.json"), 1, 100), 100);
}

static void test_sigterm_drains(void **state)
{
	struct fixture *f = *state;

	configure(f, "- {name: n, type: 'null', batch: {max_age: 1h}}\n");
	write_events(f, 1000);
	start(f);
	await_settled(f, "n", 1000);
	write_events(f, 10); /* fewer than a batch: they would wait an hour */
	kill(f->pid, SIGTERM);
	assert_int_equal(await_exit(f), EXIT_OK);
	assert_int_equal(settled(f, "n"), 1010);
	assert_int_equal(metric_get(&counters(f, "n")->state), OUTPUT_STATE_CLOSED);
}

/* The collector knows how far its journal goes; here it says so before any of it can be read. */
static void test_drained_means_up_to_what_was_told(void **state)
{
	struct fixture *f = *state;
	char yaml[1024];

	yaml_for(f, yaml, sizeof(yaml), "delay: 0s");
	configure(f, yaml);
	f->settings.forwarder.drain_timeout_ns = PATIENCE_MS * NSEC_PER_MSEC;
	start(f);
	await_state(f, "fault", OUTPUT_STATE_UP);
	metric_set(&f->board->collector.drain_seq, 1000);
	tell(f, FORWARDER_DRAIN);
	write_events(f, 1500);
	assert_int_equal(await_exit(f), EXIT_OK);
	assert_int_equal(settled(f, "fault"), 1000);
	assert_int_equal(assert_has_all(read_file(f, f->out_dir, "good.json"), 1, 1000), 1000);
}

static void test_wrong_settings_end_at_once(void **state)
{
	struct fixture *f = *state;

	configure(f, "- {name: out, type: stdout, batch: {max_event: 1}}\n");
	start(f);
	assert_int_equal(await_exit(f), EXIT_CONFIG);
}

static void test_the_state_directory_has_one_user(void **state)
{
	struct fixture *f = *state;
	struct errmsg em = { "" };
	char pid[32];
	int fd, second;

	assert_int_equal(state_directory_make(f->state_dir, NULL, &em), 0);
	assert_int_equal(state_directory_lock(f->state_dir, NULL, 0, &fd, &em), 0);
	assert_int_equal(state_directory_lock(f->state_dir, NULL, 40, &second, &em), -EBUSY);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	assert_non_null(strstr(em.text, pid));
	close(fd);
	assert_int_equal(state_directory_lock(f->state_dir, NULL, 0, &fd, &em), 0);
	close(fd);
}

static void test_a_directory_of_others_is_not_taken(void **state)
{
	struct fixture *f = *state;
	struct errmsg em = { "" };
	const char *above = f->state_dir;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/somebodys", above);
	assert_int_equal(state_directory_make(above, NULL, &em), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(state_directory_make(above, NULL, &em), -ENOTEMPTY);
	assert_non_null(strstr(em.text, above));
	assert_non_null(strstr(em.text, "directory of its own"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(state_directory_make(above, NULL, &em), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_stdout_gets_all_and_resumes),
		T(test_a_dead_output_holds_up_nobody_and_catches_up),
		T(test_a_poison_event_goes_to_the_dead_letters),
		T(test_lost_answers_make_doubles_and_no_gaps),
		T(test_every_nth_refused_by_name),
		T(test_held_shows_its_state_and_keeps_all),
		T(test_kill_9_loses_nothing),
		T(test_a_moved_file_is_opened_anew),
		T(test_a_reader_that_does_not_read_holds_up_stdout_alone),
		T(test_a_closed_pipe_is_an_outage_not_an_end),
		T(test_end_of_the_collector_is_the_end),
		T(test_sigterm_drains),
		T(test_drained_means_up_to_what_was_told),
		T(test_wrong_settings_end_at_once),
		T(test_the_state_directory_has_one_user),
		T(test_a_directory_of_others_is_not_taken),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
