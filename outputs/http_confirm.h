/* outputs/http_confirm.h: batches that a receiver has taken and not yet confirmed, each with its
 * ticket: asks for them at intervals, all in one request, and settles what is confirmed. What is
 * not confirmed in time goes out again. Questions of the profile's (struct http_confirmation),
 * requests of the output's client; one per output, on the loop. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/http_client.h"
#include "outputs/http_profile.h"

struct http_confirm;

/* How a batch came out; LATER: it was never confirmed, or can't be any more. */
typedef void (*http_confirmed_fn)(void *ctx, struct batch *batch, enum output_verdict verdict,
				  const struct errmsg *em);

struct http_confirm_settings {
	struct http_client *client;
	struct event_base *base;
	const struct http_context *context;
	uint64_t interval_ns, timeout_ns;
	size_t max; /* tickets at once */
	http_confirmed_fn confirmed;
	void *ctx;
};

WARN_UNUSED int http_confirm_create(const struct http_confirm_settings *settings,
				    struct http_confirm **confirm_r, struct errmsg *em);
void http_confirm_free(struct http_confirm **confirm);
/* Holds a reference on the batch until confirmed() or the end. False: no room. */
WARN_UNUSED bool http_confirm_add(struct http_confirm *confirm, struct batch *batch,
				  uint64_t ticket);
