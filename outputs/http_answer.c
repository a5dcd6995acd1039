#include "outputs/http_answer.h"

#include "outputs/http_profile.h"

struct http_words http_words_of(struct str said)
{
	struct http_words words = { "" };
	size_t i, n = 0;

	for (i = 0; i < said.n && n + 1 < sizeof(words.text); i++) {
		unsigned char c = said.p[i];
		bool is_space = c <= ' ';

		if (is_space && (n == 0 || words.text[n - 1] == ' '))
			continue;
		words.text[n++] = is_space ? ' ' : c < 0x7f ? c : '?';
	}
	while (n && words.text[n - 1] == ' ')
		n--;
	words.text[n] = '\0';
	return words;
}

bool http_answer_is_overload(const struct http_answer *answer)
{
	return answer->status == 429 || answer->status == 503;
}

static const struct {
	int status;
	enum output_verdict verdict;
	const char *advice;
} known[] = {
	{ 401, OUTPUT_HELD,
	  "the peer does not accept who we say we are: check token, or user and "
	  "password" },
	{ 402, OUTPUT_HELD, "the account at the peer does not allow it" },
	{ 403, OUTPUT_HELD,
	  "what token, or user and password, stand for may not write there: give "
	  "it the right, or use another" },
	{ 404, OUTPUT_HELD, "nothing is there: check url, and what of this output goes into it" },
	{ 405, OUTPUT_HELD, "nothing can be posted there: check url" },
	{ 407, OUTPUT_HELD,
	  "the proxy wants to know who we are: check proxy_user and "
	  "proxy_password" },
	{ 408, OUTPUT_LATER, "the peer was tired of waiting for the request" },
	{ 410, OUTPUT_HELD, "nothing is there any more: check url" },
	{ 411, OUTPUT_HELD, "the peer does not speak HTTP as it should: check url" },
	{ 413, OUTPUT_REFUSED,
	  "too large for the peer: lower batch.max_bytes, or raise its limit" },
	{ 415, OUTPUT_HELD, "the peer does not read this: check profile, format and compression" },
	{ 421, OUTPUT_LATER, "it came to a server that is not meant" },
	{ 425, OUTPUT_LATER, "too early" },
	{ 426, OUTPUT_HELD, "the peer wants another protocol: check http_version and url" },
	{ 429, OUTPUT_LATER, "the peer has too much to do" },
	{ 431, OUTPUT_HELD, "the headers are too large: check headers and token" },
	{ 501, OUTPUT_HELD, "nothing can be posted there: check url" },
	{ 505, OUTPUT_HELD, "the peer does not speak this version of HTTP: check http_version" },
};

static enum output_verdict redirected(const struct http_answer *answer, struct errmsg *em)
{
	struct http_words to = http_words_of(str_of(answer->redirect));

	to.text[strcspn(to.text, "?#")] = '\0';
	errmsg_set(em,
		   "answered %d and points to %s: redirects are not followed, since they would "
		   "take the credentials along; if it is right, write it into url",
		   answer->status, to.text[0] ? to.text : "nowhere");
	return OUTPUT_HELD;
}

/* nginx answers 400 to what is wrong with the connection; no event can be blamed for that. */
static bool is_about_tls(const struct http_answer *answer)
{
	static const char *const words[] = { "SSL certificate", "sent to HTTPS port" };
	size_t i;

	for (i = 0; answer->status == 400 && i < ARRAY_SIZE(words); i++)
		if (memmem(answer->body.p, answer->body.n, words[i], strlen(words[i])))
			return true;
	return false;
}

enum output_verdict http_answer_verdict(const struct http_answer *answer, struct errmsg *em)
{
	struct http_words words = http_words_of(answer->body);
	const char *separator = words.text[0] ? ": " : "";
	int status = answer->status;
	size_t i;

	if (http_answer_is_ok(answer))
		return OUTPUT_SENT;
	if (status >= 300 && status < 400)
		return redirected(answer, em);
	if (is_about_tls(answer)) {
		errmsg_set(em,
			   "answered 400 (check tls.certificate, and that url says https where it "
			   "should): %s",
			   words.text);
		return OUTPUT_HELD;
	}
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].status != status)
			continue;
		errmsg_set(em, "answered %d (%s)%s%s", status, known[i].advice, separator,
			   words.text);
		return known[i].verdict;
	}
	errmsg_set(em, "answered %d%s%s", status, separator, words.text);
	if (status >= 400 && status < 500)
		return OUTPUT_REFUSED;
	return OUTPUT_LATER;
}

enum output_verdict http_answer_garbage(const struct http_answer *answer, const char *expected,
					struct errmsg *em)
{
	errmsg_set(em,
		   "answered %d and something that is not %s: it counts as not taken; check "
		   "that url leads to such a receiver: %s",
		   answer->status, expected, http_words_of(answer->body).text);
	return OUTPUT_LATER;
}

enum output_verdict http_judge_status(const struct http_context *ctx,
				      const struct http_answer *answer, struct batch *batch,
				      uint64_t *ticket_r, struct errmsg *em)
{
	return http_answer_verdict(answer, em);
}
