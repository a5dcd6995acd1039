/* base/file_io.h: reading and writing whole, whatever pieces the kernel does it in. For descriptors
 * that may wait; nothing for a loop. */
#pragma once

#include "base/compiler.h"
#include "base/str.h"

/* Up to the end of the file, or until `room` is full. 0 or a negative errno; *n_r is what was read,
 * also then. */
WARN_UNUSED int file_read_all(int fd, char *bytes, size_t room, size_t *n_r);
/* 0 or a negative errno; some of it may have been written then. */
WARN_UNUSED int file_write_all(int fd, struct str bytes);
