#include "pipeline/journal_seal.h"

#include "base/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>

#define DIGEST_BYTES 64u
#define LABEL_BYTES  32u

/* Lives in a mapping of its own, so that MADV_DONTDUMP touches nothing else. */
struct journal_seal {
	struct journal_seal_keys keys;
	uint8_t salt[16];
	uint8_t batch_key[JOURNAL_KEY_BYTES];  /* K[epoch], once derived */
	uint8_t batch_next[JOURNAL_KEY_BYTES]; /* T[epoch] */
	bool derived;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *cipher_ctx;
	EVP_MD *digest;
	EVP_MD_CTX *digest_ctx;
};

struct journal_seal *journal_seal_create(const struct journal_seal_keys *keys)
{
	struct journal_seal *seal;

	seal = mmap(NULL, sizeof(*seal), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (seal == MAP_FAILED)
		return NULL;
	(void)madvise(seal, sizeof(*seal), MADV_DONTDUMP); /* advice: an old kernel may refuse */
	(void)mlock(seal, sizeof(*seal));		   /* as far as the limit allows */
	seal->keys = *keys;
	seal->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	seal->cipher_ctx = EVP_CIPHER_CTX_new();
	seal->digest = EVP_MD_fetch(NULL, "SHA512", NULL);
	seal->digest_ctx = EVP_MD_CTX_new();
	if (!seal->cipher || !seal->cipher_ctx || !seal->digest || !seal->digest_ctx)
		journal_seal_free(&seal);
	return seal;
}

void journal_seal_free(struct journal_seal **seal)
{
	if (!*seal)
		return;
	EVP_CIPHER_CTX_free((*seal)->cipher_ctx); /* wipes its key schedule */
	EVP_CIPHER_free((*seal)->cipher);
	EVP_MD_CTX_free((*seal)->digest_ctx);
	EVP_MD_free((*seal)->digest);
	secret_wipe(*seal, sizeof(**seal));
	munmap(*seal, sizeof(**seal));
	*seal = NULL;
}

const struct journal_seal_keys *journal_seal_keys(const struct journal_seal *seal)
{
	return &seal->keys;
}

/* SHA-512 over label (padded with zeros), number, key and tag (may be NULL). Every input of one
 * label has one length, so the plain hash is a sound one-way function of the key. */
static int derive(struct journal_seal *seal, const char *label, uint64_t number,
		  const uint8_t key[JOURNAL_KEY_BYTES], const uint8_t *tag,
		  uint8_t out[DIGEST_BYTES])
{
	char padded[LABEL_BYTES] = { 0 };
	EVP_MD_CTX *ctx = seal->digest_ctx;

	memcpy(padded, label, strnlen(label, sizeof(padded)));
	if (EVP_DigestInit_ex2(ctx, seal->digest, NULL) != 1 ||
	    EVP_DigestUpdate(ctx, padded, sizeof(padded)) != 1 ||
	    EVP_DigestUpdate(ctx, &number, sizeof(number)) != 1 ||
	    EVP_DigestUpdate(ctx, key, JOURNAL_KEY_BYTES) != 1 ||
	    (tag && EVP_DigestUpdate(ctx, tag, JOURNAL_TAG_BYTES) != 1) ||
	    EVP_DigestFinal_ex(ctx, out, NULL) != 1)
		return -EIO;
	return 0;
}

int journal_seal_segment(struct journal_seal *seal, const struct journal_segment_header *header)
{
	struct journal_seal_keys *keys = &seal->keys;
	uint8_t out[DIGEST_BYTES];
	int err = 0;

	if (header->number <= keys->number)
		return -EINVAL;
	while (keys->number < header->number) {
		err = derive(seal, "weir journal segment v1", keys->number + 1, keys->next_segment,
			     NULL, out);
		if (err)
			break;
		memcpy(keys->next_segment, out, JOURNAL_KEY_BYTES);
		memcpy(keys->link, out + JOURNAL_KEY_BYTES, JOURNAL_KEY_BYTES);
		keys->number++;
	}
	keys->epoch = 0;
	seal->derived = false;
	memcpy(seal->salt, header->salt, sizeof(seal->salt));
	memcpy(keys->tag, header->prev_tag, sizeof(keys->tag));
	secret_wipe(out, sizeof(out));
	return err;
}

void journal_seal_resume(struct journal_seal *seal, const struct journal_segment_header *header)
{
	memcpy(seal->salt, header->salt, sizeof(seal->salt));
}

static int derive_batch_key(struct journal_seal *seal)
{
	uint8_t out[DIGEST_BYTES];
	int err;

	if (seal->derived)
		return 0;
	err = derive(seal, "weir journal batch v1", seal->keys.epoch, seal->keys.link, NULL, out);
	if (err)
		return err;
	memcpy(seal->batch_key, out, JOURNAL_KEY_BYTES);
	memcpy(seal->batch_next, out + JOURNAL_KEY_BYTES, JOURNAL_KEY_BYTES);
	seal->derived = true;
	secret_wipe(out, sizeof(out));
	return 0;
}

int journal_seal_tag(struct journal_seal *seal, const void *bytes, size_t n,
		     uint8_t tag_r[JOURNAL_TAG_BYTES])
{
	EVP_CIPHER_CTX *ctx = seal->cipher_ctx;
	uint8_t none[16];
	int len;

	if (derive_batch_key(seal) < 0)
		return -EIO;
	if (EVP_EncryptInit_ex2(ctx, seal->cipher, seal->batch_key, seal->salt, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &len, seal->keys.tag, JOURNAL_TAG_BYTES) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &len, bytes, (int)n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, none, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, JOURNAL_TAG_BYTES, tag_r) != 1)
		return -EIO;
	return 0;
}

int journal_seal_advance(struct journal_seal *seal, const uint8_t tag[JOURNAL_TAG_BYTES])
{
	uint8_t out[DIGEST_BYTES];
	int err;

	err = derive_batch_key(seal);
	if (err)
		return err;
	err = derive(seal, "weir journal next v1", seal->keys.epoch, seal->batch_next, tag, out);
	if (err)
		return err;
	memcpy(seal->keys.link, out, JOURNAL_KEY_BYTES);
	memcpy(seal->keys.tag, tag, JOURNAL_TAG_BYTES);
	seal->keys.epoch++;
	seal->derived = false;
	secret_wipe(seal->batch_key, sizeof(seal->batch_key));
	secret_wipe(seal->batch_next, sizeof(seal->batch_next));
	secret_wipe(out, sizeof(out));
	/* The cipher's context still holds the expanded key. */
	return EVP_CIPHER_CTX_reset(seal->cipher_ctx) == 1 ? 0 : -EIO;
}

int journal_seal_check(struct journal_seal *seal, const void *bytes, size_t n,
		       const uint8_t tag[JOURNAL_TAG_BYTES])
{
	uint8_t expected[JOURNAL_TAG_BYTES];
	int err;

	err = journal_seal_tag(seal, bytes, n, expected);
	if (err)
		return err;
	if (CRYPTO_memcmp(expected, tag, sizeof(expected)) != 0)
		return -EBADMSG;
	return journal_seal_advance(seal, tag);
}

int journal_seal_header(struct journal_seal *seal, struct journal_segment_header *header)
{
	uint8_t tag[JOURNAL_TAG_BYTES];
	int err;

	header->crc = 0;
	memset(header->tag, 0, sizeof(header->tag));
	err = journal_seal_tag(seal, header, sizeof(*header), tag);
	memcpy(header->tag, tag, sizeof(tag));
	return err;
}

int journal_seal_check_header(struct journal_seal *seal,
			      const struct journal_segment_header *header)
{
	struct journal_segment_header bare = *header;

	bare.crc = 0;
	memset(bare.tag, 0, sizeof(bare.tag));
	return journal_seal_check(seal, &bare, sizeof(bare), header->tag);
}

int journal_seal_proof(struct journal_seal *seal, uint8_t proof_r[JOURNAL_TAG_BYTES])
{
	uint8_t out[DIGEST_BYTES];
	int err;

	err = derive(seal, "weir journal end v1", seal->keys.epoch, seal->keys.link, NULL, out);
	if (err == 0)
		memcpy(proof_r, out, JOURNAL_TAG_BYTES);
	secret_wipe(out, sizeof(out));
	return err;
}
