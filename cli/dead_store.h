/* cli/dead_store.h: the dead letters of all outputs, as their files say (outputs/dead_letters.h):
 * read whole, without the forwarder, which may be writing them. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/dead_letters.h"

#include <stdbool.h>
#include <stddef.h>

struct dead_entry {
	struct dead_letter_line letter;
	struct str line; /* as it stands in the file */
	size_t place;	 /* in the order of the files: the older the lower */
};

/* Letters that are not settled, each once, by output and in the order of their refusal. */
struct dead_store {
	struct dead_entry *entries;
	size_t n;
	char **texts; /* the files */
	size_t text_count;
};

/* output NULL: of all that have a file. That there are none is no error. */
WARN_UNUSED int dead_store_open(const char *state_directory, const char *output,
				struct dead_store *store_r, struct errmsg *em);
void dead_store_close(struct dead_store *store);
/* Keeps those that `keeps` says. */
void dead_store_keep(struct dead_store *store,
		     bool (*keeps)(const void *ctx, const struct dead_entry *entry),
		     const void *ctx);
