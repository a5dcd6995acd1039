/* outputs/log_file.h: a file of lines that is appended to, rotated by size and by time, and
 * reopened when somebody else moved it. Used by the `file` output and for dead letters, from one
 * thread at a time. Calls wait for the disk.
 *
 * The files are PATH, PATH.1 (the newest rotated one) up to PATH.<keep>. Lines are written whole
 * or not at all: a write that fails in the middle is cut off again, and a line that a crash left
 * half-written is ended before the next one follows. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct log_file_settings {
	const char *path;   /* borrowed */
	uint64_t max_bytes; /* rotate before a write that would pass it; 0: never */
	uint64_t
		max_age_ns; /* rotate when the file was begun longer ago, by wall clock; 0: never */
	unsigned int keep;  /* rotated files kept; 0: a full file is removed */
	mode_t mode;
};

struct log_file;

/* now_wall_ns: for the age of a file that is new. */
WARN_UNUSED int log_file_open(const struct log_file_settings *settings, uint64_t now_wall_ns,
			      struct log_file **file_r, struct errmsg *em);
/* Rotates when due, then appends whole lines. -errno: nothing of them is there. */
WARN_UNUSED int log_file_append(struct log_file *file, struct str lines, uint64_t now_wall_ns);
WARN_UNUSED int log_file_sync(struct log_file *file);
/* Opens the path anew, since what it named was moved away. */
WARN_UNUSED int log_file_reopen(struct log_file *file, uint64_t now_wall_ns);
/* Rotations so far that removed an old file. */
uint64_t log_file_removed(const struct log_file *file);
void log_file_close(struct log_file **file);
