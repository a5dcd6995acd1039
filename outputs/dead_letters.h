/* outputs/dead_letters.h: where events go that a destination refuses for good: a file of JSON lines
 * per output, STATE_DIRECTORY/NAME.dead, of bounded size. A line is a letter, with what is needed
 * to send the event again, or says that the letter of that id is settled:
 *   {"time":..,"output":..,"id":..,"seq":..,"reason":..,"attempts":..,"event":{..}}
 *   {"time":..,"output":..,"id":..,"removed":"acknowledged"}
 * The file is only ever appended to: of the lines with one id the last one counts. Made by delivery
 * when the first event is refused. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define DEAD_LETTER_MAX_BYTES (1024u * 1024) /* of a line */

struct dead_letter {
	uint64_t time_wall_ns; /* of the refusal */
	uint64_t seq;	       /* 0: a notice, which has none */
	struct str output, id, reason;
	unsigned int attempts;
	struct str event; /* as journaled */
};

struct dead_letters;

/* Nothing is opened before the first letter. */
WARN_UNUSED struct dead_letters *dead_letters_create(const char *state_directory,
						     const char *output, uint64_t max_bytes);
/* -errno: it is not there. */
WARN_UNUSED int dead_letters_append(struct dead_letters *letters, const struct dead_letter *letter,
				    struct errmsg *em);
/* The event of that id, a letter so far, has been acknowledged. */
WARN_UNUSED int dead_letters_remove(struct dead_letters *letters, struct str id,
				    uint64_t now_wall_ns, struct errmsg *em);
/* How many files full of letters were removed to keep the bound. */
uint64_t dead_letters_removed(const struct dead_letters *letters);
void dead_letters_free(struct dead_letters **letters);

/* A line of the file, as views into it: texts are still escaped as JSON. */
struct dead_letter_line {
	bool is_removed;
	uint64_t attempts;
	struct str time, output, id, reason;
	struct str event; /* of n 0: it is no object, and can't be sent again */
};

/* False: it is none. */
bool dead_letter_parse(struct str line, struct dead_letter_line *line_r);
