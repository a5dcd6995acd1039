/* exiter HOW N: ends in a particular way.
 *   status N             exit status N
 *   signal N             by its own signal N
 *   core N               by its own signal N, with core dumps allowed
 *   leader-first N       the leader ends first with status N (it alone), its thread with N + 1
 *                        after that; which one the group gets is the kernel's affair
 *   group-from-thread N  a thread ends the whole group with status N
 *   crowd N              N threads and the leader end at the same time, each alone */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void end_by_signal(int signum)
{
	signal(signum, SIG_DFL);
	raise(signum);
	errx(99, "signal %d did not end it", signum);
}

static void allow_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit))
		err(99, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_CORE, &limit))
		err(99, "setrlimit");
}

/* The state letter of the leader stands after the command's closing bracket. */
static char leader_state(void)
{
	char path[64], text[512];
	const char *bracket;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(99, "%s", path);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		err(99, "%s", path);
	text[n] = '\0';
	bracket = strrchr(text, ')');
	return bracket && bracket[1] ? bracket[2] : '\0';
}

static void *end_after_leader(void *arg)
{
	const int *status = arg;

	while (leader_state() != 'Z')
		sched_yield();
	syscall(SYS_exit, *status + 1);
	return NULL;
}

static void *end_group(void *arg)
{
	const int *status = arg;

	syscall(SYS_exit_group, *status);
	return NULL;
}

static pthread_barrier_t crowd;

static void *end_with_crowd(void *arg)
{
	pthread_barrier_wait(&crowd);
	syscall(SYS_exit, 0);
	return arg;
}

static void start_thread(void *(*fn)(void *), int *status)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, status))
		errx(99, "pthread_create");
}

int main(int argc, char **argv)
{
	static int n; /* outlives the leader's stack */

	if (argc != 3)
		errx(99, "usage: exiter HOW N");
	n = (int)strtol(argv[2], NULL, 10);
	if (!strcmp(argv[1], "status"))
		_exit(n);
	if (!strcmp(argv[1], "core"))
		allow_core();
	if (!strcmp(argv[1], "signal") || !strcmp(argv[1], "core"))
		end_by_signal(n);
	if (!strcmp(argv[1], "leader-first")) {
		start_thread(end_after_leader, &n);
		syscall(SYS_exit, n);
	}
	if (!strcmp(argv[1], "group-from-thread")) {
		start_thread(end_group, &n);
		for (;;)
			pause();
	}
	if (!strcmp(argv[1], "crowd")) {
		pthread_barrier_init(&crowd, NULL, (unsigned int)n + 1);
		for (int i = 0; i < n; i++)
			start_thread(end_with_crowd, &n);
		end_with_crowd(NULL);
	}
	errx(99, "no way of ending called %s", argv[1]);
}
