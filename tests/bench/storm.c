/* storm: the same act over and over, timed. What it costs with weir and without it is what weir
 * costs (tests/bench/sensor.py).
 *
 *   storm exec PROGRAM (for SECONDS | times N)   spawn PROGRAM (vfork, exec) and wait for its exit
 *   storm fork (for SECONDS | times N)           fork a child that ends at once
 *   storm tcp (for SECONDS | times N)            connect to a listener of its own on loopback,
 *                                                accept, close both
 *   storm calls (for SECONDS | times N)          make a thousand system calls that cost nothing
 *   storm (exec PROGRAM | fork | tcp | calls) steps N
 *                                                N rounds, and a line about them, for each byte
 *                                                that comes in (tests/bench/bench_sensor.c)
 *   storm idle N                                 keep N forked children until standard input ends
 *
 * Prints one line of JSON: iterations, wall_ns, and the CPU time of itself and of its children,
 * user and system. The loop's own work is a counter and, every 64 rounds, a look at the clock. */
#include <err.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct storm {
	bool (*round)(struct storm *storm);
	char *program;
	int listener;
	struct sockaddr_in address;
	uint64_t rounds, limit, until_ns; /* limit 0: until the time is up */
	bool stepwise;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool exec_round(struct storm *storm)
{
	char *argv[] = { storm->program, NULL };
	pid_t pid;

	if (posix_spawn(&pid, storm->program, NULL, NULL, argv, environ))
		return false;
	return waitpid(pid, NULL, 0) == pid;
}

static bool fork_round(struct storm *storm)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/* The client resets, so that no port is left waiting and the loop can go on for ever. */
static bool tcp_round(struct storm *storm)
{
	static const struct linger reset = { .l_onoff = 1 };
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server = -1;

	if (client < 0)
		return false;
	setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (!connect(client, (struct sockaddr *)&storm->address, sizeof(storm->address)))
		server = accept4(storm->listener, NULL, NULL, SOCK_CLOEXEC);
	close(client);
	if (server >= 0)
		close(server);
	return server >= 0;
}

/* A bystander: nothing that weir looks at. */
static bool calls_round(struct storm *storm)
{
	for (int i = 0; i < 1000; i++)
		syscall(SYS_getppid);
	return storm != NULL;
}

static void open_listener(struct storm *storm)
{
	socklen_t n = sizeof(storm->address);

	if (storm->listener >= 0)
		close(storm->listener);
	storm->address.sin_family = AF_INET;
	storm->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	storm->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (storm->listener < 0 || bind(storm->listener, (struct sockaddr *)&storm->address, n) ||
	    listen(storm->listener, 16) ||
	    getsockname(storm->listener, (struct sockaddr *)&storm->address, &n))
		err(99, "listen");
}

static bool is_over(const struct storm *storm)
{
	if (storm->limit)
		return storm->rounds >= storm->limit;
	return storm->rounds % 64 == 0 && now_ns() >= storm->until_ns;
}

static double cpu_ns(int who, bool system)
{
	struct rusage usage;
	const struct timeval *tv = system ? &usage.ru_stime : &usage.ru_utime;

	if (getrusage(who, &usage))
		err(99, "getrusage");
	return (double)tv->tv_sec * 1e9 + (double)tv->tv_usec * 1e3;
}

/* Of itself and of its children. */
static double all_cpu_ns(bool system)
{
	return cpu_ns(RUSAGE_SELF, system) + cpu_ns(RUSAGE_CHILDREN, system);
}

static void run(struct storm *storm)
{
	double user_ns = all_cpu_ns(false), system_ns = all_cpu_ns(true);
	uint64_t start_ns = now_ns();

	storm->rounds = 0;
	do {
		if (!storm->round(storm))
			err(99, "round %llu", (unsigned long long)storm->rounds);
		storm->rounds++;
	} while (!is_over(storm));
	printf("{\"iterations\":%llu,\"wall_ns\":%llu,\"user_ns\":%.0f,\"system_ns\":%.0f}\n",
	       (unsigned long long)storm->rounds, (unsigned long long)(now_ns() - start_ns),
	       all_cpu_ns(false) - user_ns, all_cpu_ns(true) - system_ns);
	fflush(stdout);
}

/* A listener for each step: what is remembered of one made before would go on into the next. */
static void run_steps(struct storm *storm)
{
	char byte;

	while (read(STDIN_FILENO, &byte, 1) == 1) {
		if (storm->listener >= 0)
			open_listener(storm);
		run(storm);
	}
}

static void keep_idle_children(long count)
{
	int alive[2];
	char byte;

	if (pipe(alive))
		err(99, "pipe");
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(99, "fork %ld", i);
		if (pid == 0) {
			close(alive[1]);
			close(STDIN_FILENO);
			close(STDOUT_FILENO);
			_exit(read(alive[0], &byte, 1) > 0); /* ends with the parent */
		}
	}
	printf("{\"children\":%ld}\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void read_limit(struct storm *storm, char **argv)
{
	char *end;
	double n = strtod(argv[1], &end);

	if (*end || n <= 0)
		errx(99, "%s is not a number above zero", argv[1]);
	storm->stepwise = !strcmp(argv[0], "steps");
	if (storm->stepwise || !strcmp(argv[0], "times"))
		storm->limit = (uint64_t)n;
	else if (!strcmp(argv[0], "for"))
		storm->until_ns = now_ns() + (uint64_t)(n * 1e9);
	else
		errx(99, "%s: neither for nor times nor steps", argv[0]);
}

int main(int argc, char **argv)
{
	struct storm storm = { .listener = -1 };

	if (argc == 3 && !strcmp(argv[1], "idle")) {
		keep_idle_children(strtol(argv[2], NULL, 10));
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "exec")) {
		storm.round = exec_round;
		storm.program = argv[2];
	} else if (argc == 4 && !strcmp(argv[1], "fork")) {
		storm.round = fork_round;
	} else if (argc == 4 && !strcmp(argv[1], "tcp")) {
		storm.round = tcp_round;
		open_listener(&storm);
	} else if (argc == 4 && !strcmp(argv[1], "calls")) {
		storm.round = calls_round;
	} else {
		errx(99, "usage: storm exec PROGRAM|fork|tcp|calls for SECONDS|times N|steps N, "
			 "or storm idle N");
	}
	read_limit(&storm, argv + argc - 2);
	if (storm.stepwise)
		run_steps(&storm);
	else
		run(&storm);
	return 0;
}
