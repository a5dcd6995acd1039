/* outputs/http_profile.h: the contract between the HTTP output and one kind of receiver. A profile
 * is one file and one struct, listed in outputs/http_profiles.c: where it posts to, how events are
 * framed in a body, what an answer means for each of them. It opens nothing and keeps nothing: the
 * output (outputs/http.c) owns requests, compression, retries, waiting. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/http_answer.h"
#include "outputs/http_body.h"
#include "outputs/http_settings.h"
#include "outputs/http_templates.h"

/* What a profile knows when it writes. */
struct http_context {
	const struct http_settings *set;
	const struct http_templates *templates;
	struct str node;
	const char *channel; /* a GUID of this output's, drawn when it was opened */
	bool is_json;	     /* what the format writes is a JSON value */
};

/* A receiver that takes now and confirms later, each request by its ticket. Pure functions;
 * outputs/http_confirm.h asks. */
struct http_confirmation {
	bool (*is_on)(const struct http_settings *set);
	/* Behind the URL, as http_profile.path. */
	void (*path)(const struct http_context *ctx, struct buf *path);
	void (*ask)(const uint64_t *tickets, size_t n, struct buf *body);
	/* Fills confirmed_r[i]. OUTPUT_SENT: the answer could be read; else what it means for all
	 * that waits. */
	enum output_verdict (*read)(const struct http_answer *answer, const uint64_t *tickets,
				    size_t n, bool *confirmed_r, struct errmsg *em);
};

struct http_profile {
	const char *name, *help;
	const char *content_type; /* NULL: as configured, or as the format is */
	/* What the token stands behind when token_header is not given: "Authorization: Bearer ". */
	const char *token_header;
	bool has_cookies; /* a load balancer's cookies are sent back to it */
	bool needs_json;  /* no format but a JSON one can be sent */
	uint64_t max_batch_events, max_batch_bytes; /* 0: none; what the receiver takes at most */

	/* Optional: what a schema can't say. cfg: the output's node. */
	int (*check)(const struct config_node *cfg, const struct http_settings *set,
		     struct errmsg *em);
	/* Optional: appended to the path of the URL; and to its query, "name=value&...". */
	void (*path)(const struct http_context *ctx, const struct batch *batch, struct buf *path);
	void (*query)(const struct http_context *ctx, struct buf *query);
	/* Optional: lines "Name: value", each ended by a newline. */
	void (*headers)(const struct http_context *ctx, struct buf *lines);
	void (*frame)(const struct http_context *ctx, struct batch *batch, struct http_body *body);
	/* What an answer means: sets verdicts on single events where the answer tells. PENDING:
	 * taken, the ticket is in *ticket_r (only with `confirmation`). em says why when it is not
	 * SENT. */
	enum output_verdict (*judge)(const struct http_context *ctx,
				     const struct http_answer *answer, struct batch *batch,
				     uint64_t *ticket_r, struct errmsg *em);
	const struct http_confirmation *confirmation; /* optional */
};

/* All there are, ended by NULL. */
extern const struct http_profile *const http_profiles[];
const struct http_profile *http_profile_by_name(const char *name);

/* What fields are taken from; batch NULL: a request without events. */
struct template_source http_template_source(const struct http_context *ctx,
					    const struct batch *batch, size_t i);

/* For those whose only word is the status: any 2xx is SENT. */
enum output_verdict http_judge_status(const struct http_context *ctx,
				      const struct http_answer *answer, struct batch *batch,
				      uint64_t *ticket_r, struct errmsg *em);
