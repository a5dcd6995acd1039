/* hold [ARGUMENT...]: is executed, says "ready" and stays until its standard input ends, so that
 * a test can compare what weir said of it with what /proc says. */
#include <err.h>
#include <unistd.h>

int main(void)
{
	static const char ready[] = "ready\n";
	char byte;

	if (write(STDOUT_FILENO, ready, sizeof(ready) - 1) != (ssize_t)sizeof(ready) - 1)
		err(99, "write");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
