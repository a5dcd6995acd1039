#include "outputs/kafka_token.h"

#include "base/clock.h"
#include "base/secret.h"
#include "outputs/json_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#define TOKEN_BYTES (16u * 1024)
/* Of a token that does not say when it ends: looked at again before then. */
#define LIFETIME_S 600

/* Base64 as tokens have it: '-' and '_', and nothing at the end. Returns the length. */
static size_t decode(struct str text, unsigned char *out, size_t size)
{
	char padded[4];
	size_t i, j, n = 0;

	for (i = 0; i < text.n && n + 3 < size; i += 4) {
		for (j = 0; j < 4; j++) {
			char c = i + j < text.n ? text.p[i + j] : 'A';

			padded[j] = c == '-' ? '+' : c == '_' ? '/' : c;
		}
		if (EVP_DecodeBlock(out + n, (unsigned char *)padded, 4) != 3)
			return 0;
		n += 3;
	}
	if (i < text.n)
		return 0;
	return n - (i - text.n);
}

static bool find_payload(struct str token, struct str *payload_r)
{
	const char *first = memchr(token.p, '.', token.n), *second;

	if (!first)
		return false;
	first++;
	second = memchr(first, '.', token.p + token.n - first);
	*payload_r = (struct str){ first, second ? (size_t)(second - first) : 0 };
	return second;
}

void kafka_token_claims(struct str token, struct kafka_token_claims *claims_r)
{
	unsigned char json[TOKEN_BYTES];
	struct json_value whole, subject, expires;
	struct buf out = buf_fixed(claims_r->subject, sizeof(claims_r->subject) - 1);
	struct str payload;
	uint64_t seconds;

	*claims_r = (struct kafka_token_claims){ 0 };
	if (!find_payload(token, &payload))
		return;
	if (!json_parse((struct str){ (char *)json, decode(payload, json, sizeof(json)) }, &whole))
		return;
	subject = json_get(&whole, "sub");
	expires = json_get(&whole, "exp");
	if (expires.type == JSON_NUMBER && json_u64(&expires, &seconds) && seconds < UINT32_MAX)
		claims_r->expires_s = seconds;
	if (subject.type == JSON_STRING)
		json_unescape(subject.raw, &out);
	claims_r->subject[buf_ok(&out) ? out.len : 0] = '\0';
}

static bool is_space(char c)
{
	return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* Terminated and without the space around it. 0 or what failed. */
static int read_token(const char *path, char *token, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, token, size - 1);
	int err = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	while (n > 0 && is_space(token[n - 1]))
		n--;
	token[n > 0 ? n : 0] = '\0';
	return !err && n == 0 ? -ENODATA : err;
}

static void give(rd_kafka_t *rk, const struct kafka_settings *settings, const char *token)
{
	struct kafka_token_claims claims;
	const char *principal = settings->sasl.user;
	int64_t ends_s = time(NULL) + LIFETIME_S;
	char why[256];

	kafka_token_claims(str_of(token), &claims);
	if (claims.expires_s)
		ends_s = claims.expires_s;
	if (*claims.subject)
		principal = claims.subject;
	if (rd_kafka_oauthbearer_set_token(rk, token, ends_s * 1000,
					   *principal ? principal : "weir", NULL, 0, why,
					   sizeof(why)) != RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_oauthbearer_set_token_failure(rk, why);
}

void kafka_token_show(rd_kafka_t *rk, const struct kafka_settings *settings)
{
	const char *path = settings->sasl.token_file;
	struct str fixed = settings->sasl.token ? secret_reveal(settings->sasl.token) : STR("");
	char token[TOKEN_BYTES];
	struct errmsg em;
	int err = 0;

	if (*path)
		err = read_token(path, token, sizeof(token));
	else
		snprintf(token, sizeof(token), "%.*s", STR_FMT(fixed));
	if (err) {
		errmsg_set(&em, "the token in %s can't be read: %s", path, strerror(-err));
		rd_kafka_oauthbearer_set_token_failure(rk, em.text);
	} else {
		give(rk, settings, token);
	}
	secret_wipe(token, sizeof(token));
}
