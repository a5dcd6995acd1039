#include "outputs/http_client.h"

#include "base/clock.h"
#include "base/secret.h"
#include "outputs/http_profile.h"
#include "outputs/http_tls.h"

#include <errno.h>
#include <event2/event.h>

/* What libcurl asks the body for at a time, and writes: stays in the processor's cache. */
#define UPLOAD_BYTES (64L * 1024)
/* A connection is not used for ever: the peer's addresses change, and load balancers want turns. */
#define CONNECTION_MAX_S 3600L

/* A shorter one would be found in ordinary words. */
#define SECRET_BYTES 4u

struct http_client {
	const struct http_settings *set;
	struct event_base *base;
	struct event *timer;
	struct clock clock;
	CURLM *multi;
	CURLSH *cookies;      /* shared by the requests; NULL: none are kept */
	struct http_tls *tls; /* NULL: plain HTTP */
	char host[256];
};

struct http_request {
	struct http_client *client;
	http_done_fn done;
	void *ctx;
	CURL *easy;
	struct curl_slist *headers;
	struct http_body_reader reader;
	struct buf answer;
	size_t max_answer;
	bool is_busy, is_too_long;
	uint64_t started_ns;
	char error[CURL_ERROR_SIZE];
};

/* ---- sockets and timer: what libcurl waits for, libevent watches ---- */

static void collect(struct http_client *client);

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *client = arg;
	int running, flags = 0;

	flags |= what & EV_READ ? CURL_CSELECT_IN : 0;
	flags |= what & EV_WRITE ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(client->multi, fd, flags, &running);
	collect(client);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *client = arg;
	int running;

	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(client);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_client *client = arg;
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	if (timeout_ms < 0)
		return event_del(client->timer);
	return evtimer_add(client->timer, &tv);
}

static int watch(struct http_client *client, curl_socket_t fd, short events, struct event *watched)
{
	struct event *event = watched;

	if (event)
		event_del(event);
	else
		event = event_new(client->base, fd, events, on_socket, client);
	if (!event)
		return -1;
	if (watched && event_assign(event, client->base, fd, events, on_socket, client) != 0)
		return -1;
	curl_multi_assign(client->multi, fd, event);
	return event_add(event, NULL);
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watched)
{
	struct http_client *client = arg;
	short events = EV_PERSIST;

	if (what == CURL_POLL_REMOVE) {
		if (watched)
			event_free(watched);
		curl_multi_assign(client->multi, fd, NULL);
		return 0;
	}
	events |= what != CURL_POLL_OUT ? EV_READ : 0;
	events |= what != CURL_POLL_IN ? EV_WRITE : 0;
	return watch(client, fd, events, watched);
}

/* ---- one request ---- */

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct http_request *request = arg;

	return http_body_read(&request->reader, to, size * n);
}

/* A connection that was idle for too long breaks with the first bytes: libcurl sends them again. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_request *request = arg;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	return http_body_seek(&request->reader, offset) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static size_t on_write(char *bytes, size_t size, size_t n, void *arg)
{
	struct http_request *request = arg;

	n *= size;
	if (request->answer.len + n > request->max_answer) {
		request->is_too_long = true;
		return 0;
	}
	buf_put(&request->answer, bytes, n);
	return buf_ok(&request->answer) ? n : 0;
}

static long version_of(int version)
{
	switch ((enum http_version)version) {
	case HTTP_VERSION_AUTO:
		return CURL_HTTP_VERSION_2TLS;
	case HTTP_VERSION_1_1:
		return CURL_HTTP_VERSION_1_1;
	case HTTP_VERSION_2:
		return CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	}
	return CURL_HTTP_VERSION_2TLS;
}

/* A secret is terminated for libcurl, which keeps a copy of its own; ours is wiped. */
static void set_secret(CURL *easy, CURLoption option, const struct secret *secret)
{
	struct str bytes = secret ? secret_reveal(secret) : (struct str){ "", 0 };
	char *text = secret ? strndup(bytes.p, bytes.n) : NULL;

	if (!text)
		return;
	curl_easy_setopt(easy, option, text);
	secret_wipe(text, bytes.n);
	free(text);
}

static void set_identity(CURL *easy, const struct http_settings *set)
{
	if (*set->user) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, set->user);
		set_secret(easy, CURLOPT_PASSWORD, set->password);
	}
	/* Empty: none, whatever the environment says. */
	curl_easy_setopt(easy, CURLOPT_PROXY, set->proxy);
	if (*set->proxy_user) {
		curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, set->proxy_user);
		set_secret(easy, CURLOPT_PROXYPASSWORD, set->proxy_password);
	}
}

/* What is the same for every request of this slot. */
static int set_up(struct http_request *request, struct errmsg *em)
{
	struct http_client *client = request->client;
	const struct http_settings *set = client->set;
	CURL *easy = request->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* don't wait for a lookup given up */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version_of(set->version));
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, request);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, request);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_MAX_S);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(set->timeout_ns / NSEC_PER_MSEC));
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(set->connect_timeout_ns / NSEC_PER_MSEC));
	set_identity(easy, set);
	if (client->cookies) {
		curl_easy_setopt(easy, CURLOPT_SHARE, client->cookies);
		curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
	}
	return client->tls ? http_tls_apply(client->tls, easy, em) : 0;
}

struct http_request *http_request_create(struct http_client *client, http_done_fn done, void *ctx,
					 struct errmsg *em)
{
	struct http_request *request = calloc(1, sizeof(*request));

	errmsg_set(em, "no memory for a request");
	if (!request)
		return NULL;
	request->client = client;
	request->done = done;
	request->ctx = ctx;
	request->answer = buf_growable(0);
	request->easy = curl_easy_init();
	if (!request->easy || set_up(request, em) != 0)
		http_request_free(&request);
	return request;
}

int http_request_start(struct http_request *request, const char *url, struct curl_slist *headers,
		       const struct http_body *body, size_t max_answer, struct errmsg *em)
{
	struct http_client *client = request->client;

	http_headers_free(&request->headers);
	request->headers = headers;
	http_body_rewind(&request->reader, body);
	request->answer.limit = max_answer + 1;
	buf_reset(&request->answer);
	request->max_answer = max_answer;
	request->is_too_long = false;
	request->error[0] = '\0';
	request->started_ns = clock_boot_ns(&client->clock);
	if (curl_easy_setopt(request->easy, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
	    curl_easy_setopt(request->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->bytes) !=
		    CURLE_OK ||
	    curl_multi_add_handle(client->multi, request->easy) != CURLM_OK) {
		errmsg_set(em, "no memory for a request");
		return -ENOMEM;
	}
	request->is_busy = true;
	return 0;
}

bool http_request_is_busy(const struct http_request *request)
{
	return request->is_busy;
}

uint64_t http_request_started_ns(const struct http_request *request)
{
	return request->started_ns;
}

void http_headers_free(struct curl_slist **headers)
{
	struct curl_slist *line;

	for (line = *headers; line; line = line->next)
		secret_wipe(line->data, strlen(line->data));
	curl_slist_free_all(*headers);
	*headers = NULL;
}

void http_request_free(struct http_request **request)
{
	struct http_request *r = *request;

	*request = NULL;
	if (!r)
		return;
	if (r->is_busy)
		curl_multi_remove_handle(r->client->multi, r->easy);
	if (r->easy)
		curl_easy_cleanup(r->easy);
	http_headers_free(&r->headers);
	buf_free(&r->answer);
	free(r);
}

/* ---- how a request ended ---- */

/* Whether libcurl's words are about a TLS that both sides understood and one of them refused; a
 * connection that breaks during a handshake has no such words. */
static bool is_tls_refusal(CURLcode code, const char *words)
{
	if (code != CURLE_SSL_CONNECT_ERROR && code != CURLE_RECV_ERROR && code != CURLE_SEND_ERROR)
		return false;
	return strstr(words, "alert") || strstr(words, "wrong version number") ||
	       strstr(words, "unsupported protocol") || strstr(words, "no protocols available");
}

static enum output_verdict transport_verdict(CURLcode code, const char *words)
{
	/* libcurl's enum has a hundred members: only those that can be helped by the
	 * configuration are told apart. */
	static const CURLcode held[] = {
		CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
		CURLE_SSL_CACERT_BADFILE,	CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR,
		CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_URL_MALFORMAT,   CURLE_NOT_BUILT_IN,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (code == held[i])
			return OUTPUT_HELD;
	return is_tls_refusal(code, words) ? OUTPUT_HELD : OUTPUT_LOST;
}

/* What a proxy answered to CONNECT; 0: it was not asked, or agreed. */
static int proxy_status(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status >= 200 && status < 300 ? 0 : status;
}

static void fail(struct http_request *request, CURLcode code, struct http_result *result)
{
	const char *words = request->error[0] ? request->error : curl_easy_strerror(code);
	const char *tls = request->client->tls ? http_tls_failure(request->client->tls) : NULL;
	struct http_answer proxy = { .status = proxy_status(request->easy) };

	result->timed_out = code == CURLE_OPERATION_TIMEDOUT;
	result->broke_off = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR;
	if (tls) {
		errmsg_set(&result->em, "%s", tls);
		result->transport = OUTPUT_HELD;
	} else if (request->is_too_long) {
		errmsg_set(&result->em, "the answer is longer than the %zu bytes that it may have",
			   request->max_answer);
		result->transport = OUTPUT_LATER;
	} else if (proxy.status) {
		result->transport = http_answer_verdict(&proxy, &result->em);
		errmsg_prefix(&result->em, "proxy");
		if (result->transport == OUTPUT_REFUSED)
			result->transport = OUTPUT_LATER; /* it was not about the events */
	} else {
		errmsg_set(&result->em, "%s", http_words_of(str_of(words)).text);
		result->transport = transport_verdict(code, words);
	}
}

static void hide(struct buf *said, const struct secret *secret)
{
	struct str bytes = secret ? secret_reveal(secret) : (struct str){ "", 0 };
	char *from = said->p, *at;
	size_t left = said->len;

	while (bytes.n >= SECRET_BYTES && left >= bytes.n &&
	       (at = memmem(from, left, bytes.p, bytes.n))) {
		memset(at, '*', bytes.n);
		left -= at + bytes.n - from;
		from = at + bytes.n;
	}
}

/* What a peer repeats of our own secrets is for nobody: not for a log, not for a dead letter. */
static void hide_secrets(struct http_request *request)
{
	const struct http_settings *set = request->client->set;

	hide(&request->answer, set->token);
	hide(&request->answer, set->password);
	hide(&request->answer, set->proxy_password);
	hide(&request->answer, set->generic.signature_key);
}

static void succeed(struct http_request *request, struct http_result *result)
{
	curl_off_t retry_after_s = 0;
	char *redirect = NULL;
	long status = 0;

	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &redirect);
	curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	hide_secrets(request);
	result->transport = OUTPUT_SENT;
	result->answer = (struct http_answer){ .status = status,
					       .body = buf_str(&request->answer),
					       .redirect = redirect };
	if (retry_after_s > 0 && retry_after_s < 86400)
		result->retry_after_ns = (uint64_t)retry_after_s * NSEC_PER_SEC;
}

/* A peer that says no may do so before it has read the body, and break the connection then. A yes
 * has to be whole. */
static bool has_refused(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 300;
}

static void finish(struct http_client *client, CURL *easy, CURLcode code)
{
	struct http_result result = { .em = { "" } };
	struct http_request *request = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request);
	curl_multi_remove_handle(client->multi, easy);
	request->is_busy = false;
	if (code == CURLE_OK || (has_refused(easy) && !request->is_too_long))
		succeed(request, &result);
	else
		fail(request, code, &result);
	request->done(request->ctx, request, &result);
}

static void collect(struct http_client *client)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(client->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			finish(client, message->easy_handle, message->data.result);
}

/* ---- life ---- */

static int set_cookies(struct http_client *client)
{
	client->cookies = curl_share_init();
	if (!client->cookies)
		return -ENOMEM;
	return curl_share_setopt(client->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) ==
			       CURLSHE_OK
		       ? 0
		       : -ENOMEM;
}

/* The host of the URL as certificates have it: without the brackets of an address. */
static int read_host(struct http_client *client, struct errmsg *em)
{
	CURLU *url = curl_url();
	char *host = NULL;
	struct str name;
	int err = -EINVAL;

	if (url && curl_url_set(url, CURLUPART_URL, client->set->url, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		name = str_of(host);
		if (name.n > 2 && name.p[0] == '[')
			name = (struct str){ name.p + 1, name.n - 2 };
		snprintf(client->host, sizeof(client->host), "%.*s", STR_FMT(name));
		err = 0;
	}
	curl_free(host);
	curl_url_cleanup(url);
	if (err)
		errmsg_set(em, "url can't be read");
	return err;
}

static int open_multi(struct http_client *client, struct errmsg *em)
{
	const struct http_settings *set = client->set;
	long connections = (long)set->concurrency + 2;

	errmsg_set(em, "no memory for libcurl");
	client->timer = evtimer_new(client->base, on_timer, client);
	client->multi = curl_multi_init();
	if (!client->timer || !client->multi)
		return -ENOMEM;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, connections);
	if (http_settings_profile(set)->has_cookies && set_cookies(client) != 0)
		return -ENOMEM;
	return http_settings_is_tls(set) ? http_tls_create(&set->tls, set->common.name,
							   client->host, &client->tls, em)
					 : 0;
}

int http_client_create(const struct http_settings *settings, struct event_base *base,
		       struct http_client **client_r, struct errmsg *em)
{
	struct http_client *client;
	int err;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		errmsg_set(em, "libcurl can't be initialised");
		return -ENOMEM;
	}
	client = calloc(1, sizeof(*client));
	if (!client) {
		curl_global_cleanup();
		return -ENOMEM;
	}
	client->set = settings;
	client->base = base;
	clock_init(&client->clock);
	*client_r = client;
	err = read_host(client, em);
	if (!err)
		err = open_multi(client, em);
	if (err)
		http_client_free(client_r);
	return err;
}

void http_client_reload(struct http_client *client)
{
	if (client->tls)
		http_tls_reload(client->tls);
}

void http_client_free(struct http_client **client)
{
	struct http_client *c = *client;

	*client = NULL;
	if (!c)
		return;
	curl_multi_cleanup(c->multi);
	if (c->cookies)
		curl_share_cleanup(c->cookies);
	if (c->timer)
		event_free(c->timer);
	http_tls_free(&c->tls);
	free(c);
	curl_global_cleanup();
}
