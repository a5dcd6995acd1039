/* orphan PROGRAM [ARGUMENT...]: forks and ends at once; the child waits until its parent is gone,
 * prints its own pid and then executes PROGRAM. */
#include <err.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int alive[2];
	char byte;
	pid_t pid;

	if (argc < 2)
		errx(99, "usage: orphan PROGRAM [ARGUMENT...]");
	if (pipe(alive))
		err(99, "pipe");
	pid = fork();
	if (pid < 0)
		err(99, "fork");
	if (pid > 0)
		_exit(0);
	close(alive[1]);
	while (read(alive[0], &byte, 1) > 0) /* ends when the parent's end of the pipe does */
		;
	printf("%d\n", (int)getpid());
	fflush(stdout);
	execv(argv[1], argv + 1);
	err(99, "%s", argv[1]);
}
