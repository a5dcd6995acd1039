/* exec_chain N [OTHER]: executes itself with N-1, in the same process, until N is 0. With OTHER, a
 * copy of this program, the two take turns, so that each image has another binary than the last. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char next[32];
	char *args[] = { argc == 3 ? argv[2] : argv[0], next, argc == 3 ? argv[0] : NULL, NULL };
	long n;

	if (argc < 2 || argc > 3)
		errx(99, "usage: exec_chain N [OTHER]");
	n = strtol(argv[1], NULL, 10);
	if (n <= 0)
		return 0;
	snprintf(next, sizeof(next), "%ld", n - 1);
	execv(args[0], args);
	err(99, "%s", args[0]);
}
