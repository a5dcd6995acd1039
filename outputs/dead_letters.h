/* outputs/dead_letters.h: where events go that a destination refuses for good: a file of JSON lines
 * per output, STATE_DIRECTORY/NAME.dead, of bounded size. Each line holds what is needed to send
 * the event again by hand:
 *   {"time":..,"output":..,"id":..,"seq":..,"reason":..,"attempts":..,"event":{..}}
 * Made by delivery when the first event is refused. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdint.h>

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
/* How many files full of letters were removed to keep the bound. */
uint64_t dead_letters_removed(const struct dead_letters *letters);
void dead_letters_free(struct dead_letters **letters);
