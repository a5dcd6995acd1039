#include "tests/bench/tcp_sink.h"

#include "base/compiler.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64
#define READ_BYTES  (1 << 20)

/* MSG_TRUNC: TCP throws the bytes away without copying them. */
static bool discard(int fd)
{
	return recv(fd, NULL, READ_BYTES, MSG_TRUNC | MSG_DONTWAIT) > 0 || errno == EAGAIN;
}

static void serve(int listen_fd)
{
	struct pollfd fds[CONNECTIONS] = { { listen_fd, POLLIN, 0 } };
	nfds_t i, n = 1;

	while (poll(fds, n, -1) > 0) {
		for (i = n - 1; i > 0; i--) {
			errno = 0;
			if (!fds[i].revents || discard(fds[i].fd))
				continue;
			close(fds[i].fd);
			fds[i] = fds[--n];
		}
		if (!fds[0].revents || n == CONNECTIONS)
			continue;
		fds[n] = (struct pollfd){ accept(listen_fd, NULL, NULL), POLLIN, 0 };
		n += fds[n].fd >= 0;
	}
}

pid_t tcp_sink_start(uint16_t *port_r)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    listen(fd, CONNECTIONS) != 0 || getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		return -errno;
	*port_r = ntohs(addr.sin_port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd);
		_exit(0);
	}
	close(fd);
	return pid;
}
