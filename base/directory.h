/* base/directory.h: whose a directory is. Weir gives the directories it keeps its own state in to
 * one user and closes them to others; done to a directory that others use (/tmp, /var/log), that
 * would break the host. */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>

/* May it be taken? Yes when it is empty (`lost+found` aside: a file system's root), or when it
 * holds a file whose name matches one of the patterns (fnmatch(3), ended by NULL): then it has been
 * taken before. 0: yes; -ENOTEMPTY: it is somebody else's; another negative errno. fd stays open,
 * where it stands in the directory does not matter. */
WARN_UNUSED int directory_may_take(int fd, const char *const *own);
