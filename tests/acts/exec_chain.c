/* exec_chain N: executes itself with N-1, in the same process, until N is 0. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char next[32];
	char *args[] = { argv[0], next, NULL };
	long n;

	if (argc != 2)
		errx(99, "usage: exec_chain N");
	n = strtol(argv[1], NULL, 10);
	if (n <= 0)
		return 0;
	snprintf(next, sizeof(next), "%ld", n - 1);
	execv(argv[0], args);
	err(99, "%s", argv[0]);
}
