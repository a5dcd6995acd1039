/* outputs/key_value.h: text for formats of one line of KEY=VALUE (CEF, LEEF). A string of JSON is
 * unescaped and written so that it can end neither its field nor the line: every character that
 * moves a line (control characters, C1 included, U+2028 and U+2029) is written as a visible escape.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

struct key_value_rules {
	bool special[256];   /* bytes that are not copied; those of every format are among them */
	const char *escaped; /* characters that get a backslash before them */
	const char *control; /* what a control character begins with: "\\u" or "\\\\u" */
	bool has_tab;	     /* '\t' is written "\t", else as other control characters */
};

/* Of every format: control characters, DEL, the first bytes of C1 and of U+2028, the backslash. */
#define KEY_VALUE_SPECIAL \
	[0x00 ... 0x1f] = true, [0x7f] = true, [0xc2] = true, [0xe2] = true, ['\\'] = true

/* raw: of a JSON string, well-formed and without its quotes. */
void key_value_put(const struct key_value_rules *rules, struct str raw, struct buf *out);
/* Letters, digits and '_': what a key may be. */
bool key_value_is_name(struct str text);
