/* outputs/system_files.h: the files of the system that the forwarder needs for names, time zones
 * and certificates. Landlock lets the files themselves through, not their paths: what is put in the
 * place of one later (by an editor, by a DHCP client) is out of the process's reach for good.
 * Looking at it is not, so that is noticed, and a new process takes over (outputs/forwarder.c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SYSTEM_FILES_MAX 16

/* Ended by NULL. */
extern const char *const system_files_paths[];

struct system_files {
	struct {
		dev_t device;
		ino_t inode; /* 0: was not there */
	} seen[SYSTEM_FILES_MAX];
};

/* What is let through: as the sandbox is entered. */
void system_files_note(struct system_files *files);
/* One that is there now and is not what was noted; NULL: none. */
const char *system_files_find_new(const struct system_files *files);
