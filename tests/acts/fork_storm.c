/* fork_storm COUNT PROGRAM MARKER: COUNT times in a row, a child executes
 * `PROGRAM MARKER-NUMBER` and is waited for; then COUNT children that only fork and end with
 * status NUMBER % 200 + 1. Prints "exec PID" or "fork PID" for each, in order. */
#include <err.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static pid_t spawn_one(char *program, const char *marker, long number)
{
	char argument[128];
	char *argv[] = { program, argument, NULL };
	pid_t pid;

	snprintf(argument, sizeof(argument), "%s-%ld", marker, number);
	if (posix_spawn(&pid, program, NULL, NULL, argv, environ))
		errx(99, "posix_spawn %s", program);
	return pid;
}

static pid_t fork_one(long number)
{
	pid_t pid = fork();

	if (pid < 0)
		err(99, "fork");
	if (pid == 0)
		_exit((int)(number % 200) + 1);
	return pid;
}

int main(int argc, char **argv)
{
	long count;

	if (argc != 4)
		errx(99, "usage: fork_storm COUNT PROGRAM MARKER");
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	count = strtol(argv[1], NULL, 10);
	for (long i = 0; i < 2 * count; i++) {
		pid_t pid = i < count ? spawn_one(argv[2], argv[3], i) : fork_one(i - count);

		printf("%s %d\n", i < count ? "exec" : "fork", (int)pid);
		if (waitpid(pid, NULL, 0) != pid)
			err(99, "waitpid");
		fflush(stdout);
	}
	return 0;
}
