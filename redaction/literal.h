/* redaction/literal.h: strings without which a regular expression cannot match.
 *
 * Read from the pattern's text, so that a rule costs nothing where none of its strings occurs.
 * Errs to one side only: a construct that is not understood gives no strings, and the rule is
 * then always tried. Runs once, when rules are loaded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LITERAL_MAX_BYTES 16
#define LITERALS_MAX	  24

struct literal {
	char text[LITERAL_MAX_BYTES]; /* ASCII letters are lower case; no white space */
	unsigned char length;	      /* at least 2 */
};

struct literal_set {
	struct literal v[LITERALS_MAX];
	size_t n;
};

/* True: every text that the pattern matches contains one of the strings, upper and lower case
 * of ASCII letters taken as equal. For patterns on bytes; in UTF-8 mode case folding reaches
 * beyond ASCII, so those have none. */
bool literals_required(const char *pattern, struct literal_set *set_r);

/* Where in the literal the `width` bytes begin that are the rarest in command lines; 0 when it is
 * not longer. */
size_t literal_rarest(const struct literal *literal, size_t width);

static inline unsigned char literal_fold(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}
