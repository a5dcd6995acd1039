/* The supervisor over a forwarder of the test's own: it starts /proc/self/exe with `forward`, which
 * is this program again. What that child met is on the board's other half. */
#include "collector/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "outputs/forwarder.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define CHILD_CONTROL_FD 3
#define CHILD_BOARD_FD	 4
#define PATIENCE	 20000
#define DEAF		 404 /* told to drain up to this number the child does nothing */
#define LINE_BYTES	 512

/* Counters of the first output, with meanings of this test's own. */
#define drains	delivered
#define reopens skipped
#define drained acked_seq

struct fixture {
	struct metrics_board *board;
	struct metrics_fds fds;
	struct event_base *base;
	struct supervisor *supervisor;
};

/* --- the child --- */

/* Reads nothing until told how far to drain (the board says so before the socket does), so that
 * whatever comes meanwhile fills the socket. A hundredth of what comes is read when hasty. */
static int child_main(void)
{
	const struct metrics_fds fds = { CHILD_BOARD_FD, CHILD_BOARD_FD + 1 };
	struct metrics_board *board = metrics_map(&fds);
	struct metrics_output *met = &board->forwarder.output[0];
	char messages[64];
	ssize_t n = 1;

	metric_add(&board->forwarder.ready, 1);
	while (!metric_get(&board->collector.drain_seq))
		poll(NULL, 0, 1);
	while (metric_get(&board->collector.drain_seq) == DEAF)
		poll(NULL, 0, PATIENCE);
	while (n > 0 && !metric_get(&met->drains)) {
		struct pollfd readable = { CHILD_CONTROL_FD, POLLIN, 0 };

		poll(&readable, 1, PATIENCE);
		n = recv(CHILD_CONTROL_FD, messages, sizeof(messages), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++) {
			metric_add(&met->drains, messages[i] == FORWARDER_DRAIN);
			metric_add(&met->reopens, messages[i] == FORWARDER_REOPEN);
		}
	}
	if (n == 0)
		metric_add(&met->drains, 1);
	metric_set(&met->drained, metric_get(&board->collector.drain_seq));
	return 0;
}

/* --- the test --- */

static int setup_with(void **state, uint64_t drain_timeout_ns)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct supervisor_settings settings = { .config_fd = -1,
						.drain_timeout_ns = drain_timeout_ns };
	struct errmsg em;

	f->board = metrics_create(&f->fds);
	f->base = event_base_new();
	settings.board_fds = f->fds;
	settings.board = f->board;
	*state = f;
	return supervisor_create(&settings, f->base, &f->supervisor, &em);
}

static int setup(void **state)
{
	return setup_with(state, 10 * NSEC_PER_SEC);
}

static int setup_hasty(void **state)
{
	return setup_with(state, 1);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	supervisor_free(&f->supervisor);
	event_base_free(f->base);
	metrics_unmap(&f->board);
	metrics_close_fds(&f->fds);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	supervisor_start(f->supervisor);
	for (unsigned int i = 0; metric_get(&f->board->forwarder.ready) == 0; i++) {
		assert_true(i < PATIENCE);
		poll(NULL, 0, 1);
	}
}

static uint64_t met(const metric_t *metric)
{
	return metric_get(metric);
}

static void test_a_stop_tells_how_far_to_drain(void **state)
{
	struct fixture *f = *state;
	struct metrics_output *child = &f->board->forwarder.output[0];

	start(f);
	supervisor_stop(f->supervisor, 1234);
	assert_int_equal(met(&child->drains), 1);
	assert_int_equal(met(&child->drained), 1234);
}

/* A forwarder that is busy for a few seconds finds hundreds of wake-ups; the drain came behind them
 * and was dropped. */
static void test_a_drain_is_heard_behind_a_full_socket(void **state)
{
	struct fixture *f = *state;
	struct metrics_output *child = &f->board->forwarder.output[0];

	start(f);
	for (unsigned int i = 0; i < 100000; i++)
		supervisor_wake(f->supervisor);
	supervisor_stop(f->supervisor, 7);
	assert_int_equal(met(&child->drains), 1);
	assert_int_equal(met(&child->drained), 7);
}

static void keep_line(void *ctx, enum log_level level, const char *line)
{
	char *last = ctx;

	snprintf(last, LINE_BYTES, "%d %s", (int)level, line);
}

static void test_a_forwarder_that_does_not_end_is_killed_and_said(void **state)
{
	struct fixture *f = *state;
	char last[LINE_BYTES] = "";

	start(f);
	log_capture(keep_line, last);
	supervisor_stop(f->supervisor, DEAF);
	log_capture(NULL, NULL);
	assert_int_equal(met(&f->board->forwarder.output[0].drains), 0);
	assert_non_null(strstr(last, "did not end within forwarder.drain_timeout and is killed"));
}

static void test_a_stop_without_a_forwarder_is_none(void **state)
{
	struct fixture *f = *state;

	supervisor_wake(f->supervisor);
	supervisor_reopen(f->supervisor);
	supervisor_stop(f->supervisor, 7);
	assert_int_equal(met(&f->board->collector.forwarder_starts), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_a_stop_tells_how_far_to_drain),
		T(test_a_drain_is_heard_behind_a_full_socket),
		cmocka_unit_test_setup_teardown(
			test_a_forwarder_that_does_not_end_is_killed_and_said, setup_hasty,
			teardown),
		T(test_a_stop_without_a_forwarder_is_none),
	};

	if (argc > 1 && strcmp(argv[1], "forward") == 0)
		return child_main();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
