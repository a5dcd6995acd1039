/* memfd_exec PROGRAM [ARGUMENT...]: copies PROGRAM into a file that exists in memory only and
 * executes that, as fileless malware does. */
#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static int memory_copy(const char *path)
{
	struct stat st;
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = memfd_create("payload", MFD_CLOEXEC);

	if (from < 0 || to < 0 || fstat(from, &st))
		err(99, "%s", path);
	for (off_t done = 0; done < st.st_size;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)(st.st_size - done));

		if (n <= 0)
			err(99, "copy of %s", path);
		done += n;
	}
	close(from);
	return to;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 2)
		errx(99, "usage: memfd_exec PROGRAM [ARGUMENT...]");
	fd = memory_copy(argv[1]);
	fexecve(fd, argv + 1, environ);
	err(99, "fexecve");
}
