/* outputs/http_answer.h: what a peer has answered, and what its status means when nothing in the
 * body says better. Its words are shown to people: cut, and with everything but printable ASCII
 * taken out. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/output.h"

struct http_answer {
	int status;
	struct str body;      /* bounded; not terminated */
	const char *redirect; /* where a 3xx points to; NULL: nowhere */
};

static inline bool http_answer_is_ok(const struct http_answer *answer)
{
	return answer->status >= 200 && answer->status < 300;
}

/* The verdict that goes with the status alone, described in em: 401, 403, 404 and the like are HELD
 * and say what to do, 408, 429 and 5xx are LATER, 413 and what else the peer blames on the request
 * is REFUSED (bisected, as long as there is more than one event in it). 2xx is SENT. */
enum output_verdict http_answer_verdict(const struct http_answer *answer, struct errmsg *em);
/* Whether the peer says that it has too much. */
bool http_answer_is_overload(const struct http_answer *answer);
/* An answer that should have been success and can't be read: LATER. */
enum output_verdict http_answer_garbage(const struct http_answer *answer, const char *expected,
					struct errmsg *em);

struct http_words {
	char text[160];
};
/* The beginning of what a peer said, safe to show. */
struct http_words http_words_of(struct str said);
