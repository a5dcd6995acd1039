#include "outputs/system_files.h"

#include "base/compiler.h"

#include <sys/stat.h>

const char *const system_files_paths[] = {
	"/etc/hosts",
	"/etc/resolv.conf",
	"/etc/nsswitch.conf",
	"/etc/gai.conf",
	"/etc/services",
	"/etc/host.conf",
	"/etc/localtime",
	"/etc/ssl",
	"/etc/pki",
	"/usr/share/zoneinfo",
	"/usr/lib/ssl",
	"/usr/share/ca-certificates",
	"/run/systemd/resolve",
	NULL,
};

_Static_assert(ARRAY_SIZE(system_files_paths) <= SYSTEM_FILES_MAX + 1, "each has its place");

void system_files_note(struct system_files *files)
{
	struct stat st;
	size_t i;

	*files = (struct system_files){ 0 };
	for (i = 0; system_files_paths[i]; i++) {
		if (stat(system_files_paths[i], &st) != 0)
			continue;
		files->seen[i].device = st.st_dev;
		files->seen[i].inode = st.st_ino;
	}
}

const char *system_files_find_new(const struct system_files *files)
{
	struct stat st;
	size_t i;

	for (i = 0; system_files_paths[i]; i++) {
		if (stat(system_files_paths[i], &st) == 0 &&
		    (st.st_dev != files->seen[i].device || st.st_ino != files->seen[i].inode))
			return system_files_paths[i];
	}
	return NULL;
}
