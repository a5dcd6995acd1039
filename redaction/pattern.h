/* redaction/pattern.h: regular expressions whose cost is bounded whatever the subject is.
 *
 * A pattern is compiled once (PCRE2 with its JIT compiler where the host allows one). Patterns
 * that other tools write for RE2 (Tetragon's filters) mean the same here, or are refused with the
 * construct's name. Subjects are bytes; only a pattern that itself needs characters (non-ASCII
 * text, \p, \X, (*UTF)) sees UTF-8, and such a pattern can't be evaluated on invalid UTF-8.
 *
 * A matcher holds what matching needs (match block, JIT stack, limits). Two bounds act together:
 * PCRE2's match limit per starting position, and a budget of CPU time per field, looked at
 * between windows of starting positions. Short subjects never read the clock.
 * One matcher serves any number of patterns; it belongs to one thread. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;
struct matcher;

#define PATTERN_MAX_BYTES	    8192
#define MATCHER_DEFAULT_MATCH_LIMIT 50000u

/* Compiles. em says what is wrong and where in the pattern. Binaries and other conditions need no
 * capture group; who needs one asks pattern_groups(). */
WARN_UNUSED int pattern_compile(const char *text, struct pattern **pattern_r, struct errmsg *em);
/* Capture groups, the whole match not counted. */
unsigned int pattern_groups(const struct pattern *pattern);
bool pattern_needs_utf8(const struct pattern *pattern);
void pattern_free(struct pattern **pattern);

/* max_groups: the most that any pattern used with it has. match_limit 0: the default.
 * NULL: no memory. */
WARN_UNUSED struct matcher *matcher_create(unsigned int max_groups, uint32_t match_limit);
/* Starts a new field: its CPU budget is full again. */
void matcher_begin(struct matcher *matcher);

enum match_outcome {
	MATCH_NONE,
	MATCH_FOUND,
	MATCH_FAILED, /* not known: a limit, the budget, invalid UTF-8, no memory */
};

/* Looks for the pattern in subject from byte `from` on; what is before `from` is still seen by
 * lookbehind and \b. A subject is begun at 0 (its UTF-8 is checked then) and may be continued
 * behind a match. On MATCH_FOUND *offsets_r holds pairs of begin and end, the whole match first,
 * then each group; (size_t)-1 for a group that took no part. Borrowed until the next call. */
WARN_UNUSED enum match_outcome matcher_find(struct matcher *matcher, const struct pattern *pattern,
					    struct str subject, size_t from,
					    const size_t **offsets_r);
void matcher_free(struct matcher **matcher);
