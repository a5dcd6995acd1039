/* pid_reuse PROGRAM MARKER TIMES: runs `PROGRAM MARKER-0`, waits for its end, and runs
 * `PROGRAM MARKER-1` and so on under the very same pid. Prints that pid. Needs CAP_SYS_ADMIN, or
 * CAP_CHECKPOINT_RESTORE, for clone3's set_tid (since 5.5). */
#include <err.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t fork_as(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (wanted) {
		args.set_tid = (uint64_t)(uintptr_t)&wanted;
		args.set_tid_size = 1;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t run_as(pid_t wanted, char *program, const char *marker, long number)
{
	char argument[128];
	char *argv[] = { program, argument, NULL };
	pid_t pid;

	snprintf(argument, sizeof(argument), "%s-%ld", marker, number);
	pid = fork_as(wanted);
	if (pid < 0)
		err(99, "clone3");
	if (pid == 0) {
		execv(program, argv);
		_exit(99);
	}
	if (waitpid(pid, NULL, 0) != pid)
		err(99, "waitpid");
	return pid;
}

int main(int argc, char **argv)
{
	pid_t pid = 0;

	if (argc != 4)
		errx(99, "usage: pid_reuse PROGRAM MARKER TIMES");
	for (long i = 0; i < strtol(argv[3], NULL, 10); i++)
		pid = run_as(pid, argv[1], argv[2], i);
	printf("%d\n", (int)pid);
	return 0;
}
