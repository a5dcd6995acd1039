/* thread_exec PROGRAM [ARGUMENT...]: a thread that is not the leader prints its own thread id and
 * then executes PROGRAM; the kernel ends the other threads and gives it the leader's id. */
#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *execute(void *arg)
{
	char **argv = arg;

	printf("%ld\n", syscall(SYS_gettid));
	fflush(stdout);
	execv(argv[0], argv);
	err(99, "%s", argv[0]);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2)
		errx(99, "usage: thread_exec PROGRAM [ARGUMENT...]");
	if (pthread_create(&thread, NULL, execute, argv + 1))
		errx(99, "pthread_create");
	for (;;)
		pause();
}
