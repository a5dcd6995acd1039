#include "base/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void node_name_read(const char *configured, char *name, size_t size)
{
	const char *candidates[] = { configured, getenv("HUBBLE_NODE_NAME"), getenv("NODE_NAME") };

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (candidates[i] && *candidates[i]) {
			snprintf(name, size, "%s", candidates[i]);
			return;
		}
	}
	if (gethostname(name, size) < 0)
		snprintf(name, size, "localhost");
	name[size - 1] = '\0';
}

int node_boot_id_read(char boot_id_r[37])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	boot_id_r[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, boot_id_r, 36);
	err = n < 0 ? -errno : n == 36 ? 0 : -EIO;
	boot_id_r[err ? 0 : 36] = '\0';
	close(fd);
	return err;
}
