/* outputs/http_client.h: libcurl's multi interface on libevent's loop, for one output. It owns the
 * connections; a request is a slot that is used again and again, with a body that is read from
 * where it lies. Names are looked up in a thread of libcurl's; nothing here waits. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/http_answer.h"
#include "outputs/http_body.h"
#include "outputs/http_settings.h"

#include <curl/curl.h>

struct event_base;
struct http_client;
struct http_request;

/* How it ended. Views live until the request is started again or freed. */
struct http_result {
	enum output_verdict transport; /* SENT: there is an answer; else why there is none */
	struct http_answer answer;
	uint64_t retry_after_ns; /* 0: the peer did not say */
	bool broke_off;		 /* the connection broke while the body was sent */
	bool timed_out;
	struct errmsg em;
};

/* On the loop, never from within http_request_start(). The request may be started again or freed.
 */
typedef void (*http_done_fn)(void *ctx, struct http_request *request,
			     const struct http_result *result);

WARN_UNUSED int http_client_create(const struct http_settings *settings, struct event_base *base,
				   struct http_client **client_r, struct errmsg *em);
/* Certificates are looked at anew. */
void http_client_reload(struct http_client *client);
/* After the last of its requests has been freed. */
void http_client_free(struct http_client **client);

WARN_UNUSED struct http_request *http_request_create(struct http_client *client, http_done_fn done,
						     void *ctx, struct errmsg *em);
/* Posts. headers: taken, wiped and freed with the request; body: borrowed until it is done.
 * max_answer: bytes beyond which an answer is no longer read (LATER). */
WARN_UNUSED int http_request_start(struct http_request *request, const char *url,
				   struct curl_slist *headers, const struct http_body *body,
				   size_t max_answer, struct errmsg *em);
bool http_request_is_busy(const struct http_request *request);
/* When it was started, boot clock. */
uint64_t http_request_started_ns(const struct http_request *request);
/* Breaks off what it does; done() is not called. */
void http_request_free(struct http_request **request);

/* Wipes and frees; headers may hold secrets. */
void http_headers_free(struct curl_slist **headers);
