/* pipeline/process_text.h: paths and argument lists as Tetragon shows them. Works on bytes of any
 * kind, raw or redacted; writes into the caller's buf, keeps nothing. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Appends the path given to execve: as it is when absolute; else behind cwd, with ".", ".." and
 * doubled slashes taken out by text alone (filepath.Join of Go). */
void path_absolute(struct str cwd, struct str path, struct buf *out);
/* What follows the last slash. */
struct str path_name(struct str path);

/* Takes the first element off a list whose elements end by NUL; the last may lack it. False: the
 * list is empty. */
bool list_take(struct str *list, struct str *element_r);
/* Appends elements 1.. of the list joined as Tetragon joins them: by one space, an element that
 * holds a space between quotes, nothing escaped. Two quirks are kept, since filters were written
 * against them: a quoted first element has a space in front, and empty first elements vanish. */
void arguments_join(struct str list, struct buf *out);
/* The list can't be recovered from the joined string, given which binary runs. */
bool arguments_are_lossy(struct str list, struct str binary);
/* arguments_join() of a list that is not lossy and lies at `at`, without a copy: the NULs between
 * the elements become spaces. Returns the line, which is part of what the list was. */
struct str arguments_join_in_place(struct str list, char *at);
