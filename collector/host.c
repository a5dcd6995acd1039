#include "collector/host.h"

#include "base/node.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return -errno;
	line[0] = '\0';
	if (!fgets(line, (int)size, file))
		err = -EIO;
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return err;
}

static uint32_t namespace_inode_of(unsigned int pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/ns/%s", pid, name);
	return stat(path, &st) < 0 ? 0 : (uint32_t)st.st_ino;
}

/* Where pid 1 is out of reach (a hardened kernel), its sibling kthreadd, which never leaves the
 * first namespaces. */
static bool is_kthreadd_there(void)
{
	char comm[32];

	return read_line("/proc/2/comm", comm, sizeof(comm)) == 0 && strcmp(comm, "kthreadd") == 0;
}

/* 0 where the kernel has no such namespace. */
static uint32_t namespace_inode(const char *name)
{
	uint32_t inode = namespace_inode_of(1, name);

	return inode || !is_kthreadd_there() ? inode : namespace_inode_of(2, name);
}

static void read_namespaces(struct namespaces *ns)
{
	*ns = (struct namespaces){
		.uts = namespace_inode("uts"),
		.ipc = namespace_inode("ipc"),
		.mnt = namespace_inode("mnt"),
		.pid = namespace_inode("pid"),
		.pid_for_children = namespace_inode("pid_for_children"),
		.net = namespace_inode("net"),
		.time = namespace_inode("time"),
		.time_for_children = namespace_inode("time_for_children"),
		.cgroup = namespace_inode("cgroup"),
		.user = namespace_inode("user"),
	};
}

int host_read(const char *configured_name, struct host *host_r, struct errmsg *em)
{
	int err;

	*host_r = (struct host){ 0 };
	node_name_read(configured_name, host_r->node_name, sizeof(host_r->node_name));
	err = node_boot_id_read(host_r->boot_id);
	if (err) {
		errmsg_set(em, "/proc/sys/kernel/random/boot_id can't be read; is /proc mounted?");
		return err;
	}
	read_namespaces(&host_r->ns);
	return 0;
}

int host_make_directory(const char *path, mode_t mode, struct errmsg *em)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part)) {
		errmsg_set(em, "'%s' is not a usable directory name", path);
		return -EINVAL;
	}
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, i == n ? mode : 0755) < 0 && errno != EEXIST) {
			int err = -errno;

			errmsg_set(em, "%s: can't create the directory: %s", part, strerror(-err));
			return err;
		}
	}
	return 0;
}

uint64_t host_resident_bytes(void)
{
	char line[128];
	unsigned long long total, resident;

	if (read_line("/proc/self/statm", line, sizeof(line)) < 0 ||
	    sscanf(line, "%llu %llu", &total, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
