/* pipeline/journal_key.h: the verification key as text,
 * `weir-journal-key:v1:<journal id, 32 hex digits>:<key, base64>`. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "pipeline/journal_seal.h"

#include <stdint.h>

/* Secret: the caller wipes it. */
struct journal_key {
	uint8_t journal_id[16];
	uint8_t key[JOURNAL_KEY_BYTES]; /* C[1] */
};

void journal_key_write(const struct journal_key *key, struct buf *out);
/* White space around it is allowed. -EINVAL: not such a key. */
WARN_UNUSED int journal_key_parse(const char *text, struct journal_key *key_r);
