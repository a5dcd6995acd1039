#include "pipeline/journal_key.h"

#include "base/json_write.h"
#include "base/secret.h"
#include "pipeline/journal.h"
#include "pipeline/journal_directory.h"
#include "pipeline/journal_state.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_PREFIX   "weir-journal-key:v1:"
#define ID_DIGITS    32u
#define BASE64_CHARS 44u /* of 32 bytes, one '=' at the end */

void journal_key_write(const struct journal_key *key, struct buf *out)
{
	buf_lit(out, KEY_PREFIX);
	for (size_t i = 0; i < sizeof(key->journal_id); i++)
		buf_printf(out, "%02x", key->journal_id[i]);
	buf_putc(out, ':');
	json_base64(out, (struct str){ (const char *)key->key, sizeof(key->key) });
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int journal_key_parse(const char *text, struct journal_key *key_r)
{
	const size_t prefix = strlen(KEY_PREFIX);
	unsigned char bytes[BASE64_CHARS / 4 * 3];

	text += strspn(text, " \t\r\n");
	if (strncmp(text, KEY_PREFIX, prefix) != 0)
		return -EINVAL;
	text += prefix;
	for (size_t i = 0; i < ID_DIGITS; i += 2) {
		int high = hex_value(text[i]), low = high < 0 ? -1 : hex_value(text[i + 1]);

		if (low < 0)
			return -EINVAL;
		key_r->journal_id[i / 2] = (uint8_t)(high << 4 | low);
	}
	text += ID_DIGITS;
	if (*text++ != ':' || strcspn(text, " \t\r\n") != BASE64_CHARS ||
	    text[BASE64_CHARS + strspn(text + BASE64_CHARS, " \t\r\n")] != '\0' ||
	    text[BASE64_CHARS - 1] != '=' ||
	    EVP_DecodeBlock(bytes, (const unsigned char *)text, BASE64_CHARS) != sizeof(bytes))
		return -EINVAL;
	memcpy(key_r->key, bytes, sizeof(key_r->key));
	secret_wipe(bytes, sizeof(bytes));
	return 0;
}

/* Refuses a journal that has begun: what is sealed already can't get another key. */
static int check_is_new(int directory_fd, int state_fd, struct errmsg *em)
{
	struct journal_state state;
	uint64_t *segments = NULL;
	size_t n = 0;
	bool begun;
	int err;

	err = journal_directory_list(directory_fd, &segments, &n);
	free(segments);
	if (err)
		return err;
	err = journal_state_load(state_fd, &state);
	begun = n > 0 || (err == 0 && state.number > 0) || err == -EBADMSG;
	secret_wipe(&state, sizeof(state));
	if (!begun)
		return 0;
	errmsg_set(em, "the journal has begun: the verification key can only be exported for a "
		       "new, empty one");
	return -EEXIST;
}

static int make_key(int state_fd, struct buf *key_text, struct errmsg *em)
{
	struct journal_state state;
	struct journal_key key;
	int err;

	err = journal_state_init(&state, true);
	if (err == 0) {
		state.flags |= STATE_EXPORTED;
		memcpy(key.journal_id, state.journal_id, sizeof(key.journal_id));
		memcpy(key.key, state.keys.next_segment, sizeof(key.key));
		err = journal_state_store(&journal_io_system, state_fd, &state);
	}
	if (err)
		errmsg_set(em, "cannot write the sealing key: %s", strerror(-err));
	else
		journal_key_write(&key, key_text);
	secret_wipe(&state, sizeof(state));
	secret_wipe(&key, sizeof(key));
	return err;
}

int journal_seal_export(const char *directory, struct buf *key_text, struct errmsg *em)
{
	int directory_fd, lock_fd, state_fd = -1, err;

	directory_fd = journal_directory_create(directory, (gid_t)-1, em);
	if (directory_fd < 0)
		return directory_fd;
	err = lock_fd = journal_directory_lock(directory_fd, em);
	if (lock_fd >= 0)
		err = state_fd = journal_state_open(directory_fd);
	if (state_fd >= 0)
		err = check_is_new(directory_fd, state_fd, em);
	if (err == 0)
		err = make_key(state_fd, key_text, em);
	if (err)
		errmsg_prefix(em, "journal %s", directory);
	if (state_fd >= 0)
		close(state_fd);
	if (lock_fd >= 0)
		close(lock_fd);
	close(directory_fd);
	return err < 0 ? err : 0;
}
