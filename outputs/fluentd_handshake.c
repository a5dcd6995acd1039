#include "outputs/fluentd_handshake.h"

#include "base/secret.h"
#include "outputs/msgpack_reader.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#define DIGEST_HEX 128 /* of SHA-512 */
#define WORD_BYTES 160 /* of a peer's, in a message */

/* A peer's words for a person: cut, and no byte but printable ASCII. */
struct words {
	char text[WORD_BYTES + 1];
};

static bool holds(struct str said, const struct secret *secret)
{
	struct str bytes = secret ? secret_reveal(secret) : STR("");

	return said.n && bytes.n && memmem(said.p, said.n, bytes.p, bytes.n);
}

static struct words words_of(const struct fluentd_identity *identity, struct str said)
{
	struct words words = { "" };
	size_t i;

	if (holds(said, identity->shared_key) || holds(said, identity->password))
		return (struct words){ "(words that repeat what only the two of us know)" };
	for (i = 0; i < said.n && i < WORD_BYTES; i++)
		words.text[i] = said.p[i] >= ' ' && said.p[i] <= '~' ? said.p[i] : '?';
	return words;
}

static void put_hex(const unsigned char *bytes, size_t n, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
}

/* Of all parts, one behind the other, in small hexadecimal digits. */
static bool digest_of(const struct str *parts, size_t n, char hex[DIGEST_HEX])
{
	unsigned char digest[DIGEST_HEX / 2];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha512(), NULL) == 1;
	size_t i;

	for (i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (ok)
		put_hex(digest, sizeof(digest), hex);
	return ok;
}

static bool key_digest(const struct fluentd_handshake *h, struct str hostname, char hex[DIGEST_HEX])
{
	const struct str parts[] = { { h->salt, sizeof(h->salt) },
				     hostname,
				     { h->nonce, h->nonce_len },
				     secret_reveal(h->identity->shared_key) };

	return digest_of(parts, ARRAY_SIZE(parts), hex);
}

static void put_str(struct buf *out, struct str text)
{
	buf_putc(out, (char)0xda);
	buf_putc(out, (char)(text.n >> 8));
	buf_putc(out, (char)text.n);
	buf_puts(out, text);
}

/* Moves `value` behind the head of an array that begins with that word; then *count_r elements are
 * left. */
static bool read_message(struct str *value, struct str word, uint32_t *count_r)
{
	struct msgpack_token head;
	struct str at = *value, first;

	if (msgpack_read(&at, &head) != MSGPACK_OK || head.type != MSGPACK_ARRAY ||
	    head.count == 0 || !msgpack_read_text(&at, &first) || !str_equal(first, word))
		return false;
	*value = at;
	*count_r = head.count - 1;
	return true;
}

bool fluentd_is_helo(struct str value)
{
	uint32_t count;

	return read_message(&value, STR("HELO"), &count);
}

/* What the HELO says; *auth_r is empty when no user is asked for. */
static bool read_helo(struct fluentd_handshake *h, struct str value, struct str *auth_r)
{
	struct str nonce_at, auth_at, keep_at, nonce;
	struct msgpack_token keep;
	uint32_t count;

	if (!read_message(&value, STR("HELO"), &count) || count == 0)
		return false;
	nonce_at = auth_at = keep_at = value;
	if (!msgpack_find(&nonce_at, STR("nonce")) || !msgpack_read_text(&nonce_at, &nonce) ||
	    nonce.n > sizeof(h->nonce))
		return false;
	memcpy(h->nonce, nonce.p, nonce.n);
	h->nonce_len = nonce.n;
	if (!msgpack_find(&auth_at, STR("auth")) || !msgpack_read_text(&auth_at, auth_r))
		*auth_r = STR("");
	/* Fluent Bit says nothing of it and keeps the connection. */
	h->keeps_alive = !msgpack_find(&keep_at, STR("keepalive")) ||
			 msgpack_read(&keep_at, &keep) != MSGPACK_OK || keep.type != MSGPACK_BOOL ||
			 keep.boolean;
	return true;
}

static bool user_digest(const struct fluentd_identity *identity, struct str auth,
			char hex[DIGEST_HEX])
{
	const struct str parts[] = { auth, str_of(identity->username),
				     secret_reveal(identity->password) };

	return digest_of(parts, ARRAY_SIZE(parts), hex);
}

static bool make_salt(struct fluentd_handshake *h)
{
	unsigned char bytes[FLUENTD_SALT_BYTES / 2];

	/* As text: servers written for text would change other bytes. */
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return false;
	put_hex(bytes, sizeof(bytes), h->salt);
	return true;
}

bool fluentd_handshake_begin(struct fluentd_handshake *h, struct str helo, struct buf *ping,
			     struct errmsg *em)
{
	const struct fluentd_identity *identity = h->identity;
	char key[DIGEST_HEX], user[DIGEST_HEX];
	struct str auth;

	if (!read_helo(h, helo, &auth)) {
		errmsg_set(em, "it began with something else than the HELO of a Fluentd server: is "
			       "this its port, and does it speak the Forward protocol?");
		return false;
	}
	if (auth.n && !identity->password) {
		errmsg_set(em, "the server wants a user: set username and password");
		return false;
	}
	if (!make_salt(h) || !key_digest(h, str_of(identity->hostname), key) ||
	    (auth.n && !user_digest(identity, auth, user))) {
		errmsg_set(em, "no random numbers or no SHA-512 for the handshake");
		return false;
	}
	buf_lit(ping, "\x96\xa4PING");
	put_str(ping, str_of(identity->hostname));
	put_str(ping, (struct str){ h->salt, sizeof(h->salt) });
	put_str(ping, (struct str){ key, sizeof(key) });
	put_str(ping, auth.n ? str_of(identity->username) : STR(""));
	put_str(ping, auth.n ? (struct str){ user, sizeof(user) } : STR(""));
	return true;
}

/* ["PONG", accepted, reason, hostname, digest]; a refusal may end after its reason. */
struct pong {
	bool is_accepted;
	struct str reason, hostname, digest;
};

static bool read_pong(struct str value, struct pong *pong)
{
	struct msgpack_token accepted;
	uint32_t count;

	*pong = (struct pong){ .is_accepted = false };
	if (!read_message(&value, STR("PONG"), &count) || count == 0 ||
	    msgpack_read(&value, &accepted) != MSGPACK_OK || accepted.type != MSGPACK_BOOL)
		return false;
	pong->is_accepted = accepted.boolean;
	if (count > 1 && !msgpack_read_text(&value, &pong->reason))
		return !pong->is_accepted;
	return !pong->is_accepted || (count >= 4 && msgpack_read_text(&value, &pong->hostname) &&
				      msgpack_read_text(&value, &pong->digest));
}

bool fluentd_handshake_end(const struct fluentd_handshake *h, struct str value, struct errmsg *em)
{
	char digest[DIGEST_HEX];
	struct pong pong;

	if (!read_pong(value, &pong)) {
		errmsg_set(em, "it answered our PING with something else than a PONG");
		return false;
	}
	if (!pong.is_accepted) {
		errmsg_set(em, "the server refused us: \"%s\": check shared_key%s",
			   words_of(h->identity, pong.reason).text,
			   h->identity->password ? ", username and password" : "");
		return false;
	}
	if (str_equal(pong.hostname, str_of(h->identity->hostname))) {
		errmsg_set(em,
			   "the server calls itself \"%s\", as we do: set self_hostname, here or "
			   "there",
			   h->identity->hostname);
		return false;
	}
	if (!key_digest(h, pong.hostname, digest) || pong.digest.n != sizeof(digest) ||
	    CRYPTO_memcmp(pong.digest.p, digest, sizeof(digest)) != 0) {
		errmsg_set(em, "the server has not proven that it knows shared_key: it is not the "
			       "one it should be, or its key is another");
		return false;
	}
	return true;
}
