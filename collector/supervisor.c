#include "collector/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "outputs/forwarder.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100u
#define BACKOFF_MAX_MS	 30000u
#define HEALTHY_NS	 (60 * NSEC_PER_SEC) /* running so long starts the backoff anew */
#define CONTROL_FD	 3
#define BOARD_FD	 4 /* the collector's half; the forwarder's is the next */
#define CONFIG_FD	 6
#define MAX_FDS		 (CONFIG_FD + 1)
#define MAX_ARGUMENTS	 20

struct supervisor {
	struct supervisor_settings settings;
	struct event *restart;
	struct clock clock;
	pid_t pid;	/* 0: none runs */
	int control_fd; /* -1: none runs */
	uint64_t started_ns;
	unsigned int backoff_ms;
	bool replacing;	  /* its end is wanted, a new one follows at once */
	bool owes_reopen; /* the socket had no room for it */
	bool stopping;
};

static void child_keep_fd(int fd, int as)
{
	if (fd < 0 || dup2(fd, as) < 0)
		_exit(EXIT_FAILED);
	if (fd == as)
		fcntl(fd, F_SETFD, 0);
}

static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. Everything but the standard streams, the control socket, the board's halves and the
 * configuration is close-on-exec or closed here. */
static void exec_forwarder(int control_fd, const struct supervisor_settings *settings, char **argv)
{
	const int wanted[] = { control_fd, settings->board_fds.collector,
			       settings->board_fds.forwarder, settings->config_fd };
	const size_t count = ARRAY_SIZE(wanted) - (settings->config_fd < 0 ? 1 : 0);
	int moved[ARRAY_SIZE(wanted)], null_fd = open("/dev/null", O_RDONLY);

	/* First out of the way of the numbers they will get. */
	for (size_t i = 0; i < count; i++)
		moved[i] = fcntl(wanted[i], F_DUPFD, MAX_FDS);
	child_keep_fd(null_fd, STDIN_FILENO);
	for (size_t i = 0; i < count; i++)
		child_keep_fd(moved[i], CONTROL_FD + (int)i);
	close_range(CONTROL_FD + (unsigned int)count, ~0u, 0);
	setpgid(0, 0); /* Ctrl-C at a terminal is the collector's to pass on, as a drain */
	unblock_signals();
	execv("/proc/self/exe", argv);
	_exit(EXIT_FAILED);
}

static void add_option(char **argv, size_t *argc, const char *name, const char *value)
{
	if (!value)
		return;
	argv[(*argc)++] = (char *)name;
	argv[(*argc)++] = (char *)value;
}

static int spawn(struct supervisor *supervisor, int control_fd)
{
	const struct supervisor_settings *settings = &supervisor->settings;
	char control[12], board[12], config[12], seq[24],
		*argv[MAX_ARGUMENTS] = { (char *)"weir", (char *)"forward" };
	size_t argc = 2;
	pid_t pid;

	snprintf(control, sizeof(control), "%d", CONTROL_FD);
	snprintf(board, sizeof(board), "%d", BOARD_FD);
	snprintf(config, sizeof(config), "%d", CONFIG_FD);
	snprintf(seq, sizeof(seq), "%llu", (unsigned long long)settings->session_first_seq);
	add_option(argv, &argc, "--control-fd", control);
	add_option(argv, &argc, "--board-fd", board);
	add_option(argv, &argc, "--session-seq", seq);
	add_option(argv, &argc, "--config", settings->config_path);
	add_option(argv, &argc, "--config-fd", settings->config_fd < 0 ? NULL : config);
	add_option(argv, &argc, "--journal", settings->journal_directory);
	add_option(argv, &argc, "--state", settings->state_directory);
	add_option(argv, &argc, "--format", settings->format);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		exec_forwarder(control_fd, settings, argv);
	supervisor->pid = pid;
	return 0;
}

static void arm(struct supervisor *supervisor, uint64_t delay_ms)
{
	struct timeval tv = { .tv_sec = (time_t)(delay_ms / 1000),
			      .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000) };

	event_add(supervisor->restart, &tv);
}

static void schedule_restart(struct supervisor *supervisor)
{
	unsigned int jitter = 0, delay_ms;

	/* Full jitter over the upper half, so that a fleet does not restart in step. */
	if (getrandom(&jitter, sizeof(jitter), GRND_NONBLOCK) < 0)
		jitter = 0;
	delay_ms = supervisor->backoff_ms / 2 + jitter % (supervisor->backoff_ms / 2 + 1);
	arm(supervisor, delay_ms);
	supervisor->backoff_ms *= 2;
	if (supervisor->backoff_ms > BACKOFF_MAX_MS)
		supervisor->backoff_ms = BACKOFF_MAX_MS;
}

void supervisor_start(struct supervisor *supervisor)
{
	int pair[2], err;

	if (supervisor->pid || supervisor->stopping)
		return;
	metric_set(&supervisor->settings.board->collector.drain_seq, 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		err = -errno;
	} else {
		err = spawn(supervisor, pair[1]);
		close(pair[1]);
		if (err)
			close(pair[0]);
	}
	if (err) {
		log_error("the forwarder can't be started: %s", strerror(-err));
		schedule_restart(supervisor);
		return;
	}
	supervisor->control_fd = pair[0];
	supervisor->owes_reopen = false; /* it has just opened them */
	supervisor->started_ns = clock_boot_ns(&supervisor->clock);
	metric_add(&supervisor->settings.board->collector.forwarder_starts, 1);
}

/* It has been told to drain and had its time. */
static void kill_late(struct supervisor *supervisor)
{
	log_warn("the forwarder (pid %d) did not end within forwarder.drain_timeout and is killed; "
		 "its cursors keep what is not delivered",
		 (int)supervisor->pid);
	kill(supervisor->pid, SIGKILL);
}

static void on_restart(evutil_socket_t fd, short what, void *ctx)
{
	struct supervisor *supervisor = ctx;

	(void)fd;
	(void)what;
	if (supervisor->pid)
		kill_late(supervisor); /* told to drain for a replacement */
	else
		supervisor_start(supervisor);
}

/* False: the socket is full of wake-ups that it has not read. */
static bool tell(struct supervisor *supervisor, enum forwarder_message message)
{
	char byte = (char)message;

	if (supervisor->control_fd < 0)
		return true;
	/* Another failure means that it is gone: SIGCHLD follows. */
	return send(supervisor->control_fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ||
	       errno != EAGAIN;
}

void supervisor_wake(struct supervisor *supervisor)
{
	if (supervisor->owes_reopen)
		supervisor_reopen(supervisor);
	(void)tell(supervisor, FORWARDER_WAKE); /* a full socket says the same */
}

void supervisor_reopen(struct supervisor *supervisor)
{
	supervisor->owes_reopen = !tell(supervisor, FORWARDER_REOPEN);
}

/* An end of file behind the wake-ups means the same as the message, and has always room. */
static void tell_drain(struct supervisor *supervisor, uint64_t last_seq)
{
	metric_set(&supervisor->settings.board->collector.drain_seq, last_seq);
	if (!tell(supervisor, FORWARDER_DRAIN))
		shutdown(supervisor->control_fd, SHUT_WR);
}

void supervisor_replace(struct supervisor *supervisor, int config_fd, uint64_t last_seq)
{
	supervisor->settings.config_fd = config_fd;
	supervisor->replacing = true;
	supervisor->backoff_ms = BACKOFF_FIRST_MS;
	if (supervisor->pid) {
		tell_drain(supervisor, last_seq);
		arm(supervisor, supervisor->settings.drain_timeout_ns / NSEC_PER_MSEC + 1000);
		return;
	}
	evtimer_del(supervisor->restart);
	supervisor->replacing = false;
	supervisor_start(supervisor);
}

static void log_end(pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		log_warn(
			"the forwarder (pid %d) was killed by signal %d (%s); it is started again and "
			"resumes from its cursors",
			(int)pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_warn("the forwarder (pid %d) ended with status %d; it is started again",
			 (int)pid, WEXITSTATUS(status));
}

static void ended(struct supervisor *supervisor, int status)
{
	pid_t pid = supervisor->pid;

	close(supervisor->control_fd);
	supervisor->control_fd = -1;
	supervisor->pid = 0;
	metric_set(&supervisor->settings.board->forwarder.ready, 0);
	if (supervisor->stopping)
		return;
	if (supervisor->replacing) {
		evtimer_del(supervisor->restart);
		supervisor->replacing = false;
		supervisor_start(supervisor);
		return;
	}
	log_end(pid, status);
	if (clock_boot_ns(&supervisor->clock) - supervisor->started_ns > HEALTHY_NS)
		supervisor->backoff_ms = BACKOFF_FIRST_MS;
	schedule_restart(supervisor);
}

void supervisor_reap(struct supervisor *supervisor)
{
	int status;

	if (supervisor->pid && waitpid(supervisor->pid, &status, WNOHANG) == supervisor->pid)
		ended(supervisor, status);
}

/* Waits for its end, bounded whatever signals come. */
static void wait_for_end(struct supervisor *supervisor, uint64_t timeout_ns)
{
	uint64_t now = clock_boot_ns(&supervisor->clock), deadline = now + timeout_ns;
	int n = -1, fd = pidfd_open(supervisor->pid, 0);
	/* Where that is forbidden: its end of the socket closes while it exits. */
	struct pollfd ended = { .fd = fd < 0 ? supervisor->control_fd : fd, .events = POLLIN };

	for (; n < 0 && now < deadline; now = clock_boot_ns(&supervisor->clock)) {
		n = poll(&ended, 1, (int)((deadline - now) / NSEC_PER_MSEC) + 1);
		if (n < 0 && errno != EINTR)
			break;
	}
	if (fd >= 0)
		close(fd);
}

void supervisor_stop(struct supervisor *supervisor, uint64_t last_seq)
{
	int status;

	supervisor->stopping = true;
	evtimer_del(supervisor->restart);
	if (!supervisor->pid)
		return;
	tell_drain(supervisor, last_seq);
	wait_for_end(supervisor, supervisor->settings.drain_timeout_ns + NSEC_PER_SEC);
	if (waitpid(supervisor->pid, &status, WNOHANG) != supervisor->pid) {
		kill_late(supervisor);
		waitpid(supervisor->pid, &status, 0);
	}
	ended(supervisor, status);
}

int supervisor_create(const struct supervisor_settings *settings, struct event_base *base,
		      struct supervisor **supervisor_r, struct errmsg *em)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));

	if (!supervisor)
		goto nomem;
	supervisor->settings = *settings;
	supervisor->control_fd = -1;
	supervisor->backoff_ms = BACKOFF_FIRST_MS;
	clock_init(&supervisor->clock);
	supervisor->restart = evtimer_new(base, on_restart, supervisor);
	if (!supervisor->restart)
		goto nomem;
	*supervisor_r = supervisor;
	return 0;
nomem:
	free(supervisor);
	errmsg_set(em, "out of memory");
	return -ENOMEM;
}

void supervisor_free(struct supervisor **supervisor)
{
	if (!*supervisor)
		return;
	event_free((*supervisor)->restart);
	free(*supervisor);
	*supervisor = NULL;
}
