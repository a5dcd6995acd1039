#include "base/file_io.h"

#include <errno.h>
#include <unistd.h>

int file_read_all(int fd, char *bytes, size_t room, size_t *n_r)
{
	for (*n_r = 0; *n_r < room;) {
		ssize_t got = read(fd, bytes + *n_r, room - *n_r);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		*n_r += (size_t)got;
	}
	return 0;
}

int file_write_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return 0;
}
