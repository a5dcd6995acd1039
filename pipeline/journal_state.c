#include "pipeline/journal_state.h"

#include "base/crc32c.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>

#define STATE_NAME    "state"
#define STATE_MAGIC   0x0a0045544154534aull /* "JSTATE" 00 '\n' */
#define STATE_VERSION 1u
#define COPY_DISTANCE 4096 /* so that one torn page harms one copy */

int journal_state_open(int directory_fd)
{
	int fd = openat(directory_fd, STATE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	(void)fchmod(fd, 0600); /* it may have been restored from a careless copy */
	return fd;
}

static uint32_t state_crc(const struct journal_state *state)
{
	const size_t from = offsetof(struct journal_state, version);

	return crc32c(0, (const uint8_t *)state + from, sizeof(*state) - from);
}

static bool state_is_sound(const struct journal_state *state)
{
	return state->magic == STATE_MAGIC && state->version == STATE_VERSION &&
	       state->crc == state_crc(state);
}

int journal_state_load(int fd, struct journal_state *state_r)
{
	struct journal_state copy;
	bool found = false, any = false;

	for (off_t at = 0; at <= COPY_DISTANCE; at += COPY_DISTANCE) {
		ssize_t n = journal_io_read_all(fd, &copy, sizeof(copy), at);

		if (n < 0)
			return (int)n;
		any = any || n > 0;
		if (n != (ssize_t)sizeof(copy) || !state_is_sound(&copy) ||
		    (found && copy.generation <= state_r->generation))
			continue;
		*state_r = copy;
		found = true;
	}
	secret_wipe(&copy, sizeof(copy));
	if (found)
		return 0;
	return any ? -EBADMSG : -ENOENT;
}

int journal_state_store(const struct journal_io *io, int fd, struct journal_state *state)
{
	int err;

	state->magic = STATE_MAGIC;
	state->version = STATE_VERSION;
	state->generation++;
	state->crc = state_crc(state);
	err = journal_io_write_all(io, fd, state, sizeof(*state), 0);
	if (err)
		return err;
	if (io->sync(io, fd) < 0)
		return -errno;
	return journal_io_write_all(io, fd, state, sizeof(*state), COPY_DISTANCE);
}

int journal_state_init(struct journal_state *state_r, bool sealed)
{
	*state_r = (struct journal_state){ .flags = sealed ? STATE_SEALED : 0 };
	if (RAND_bytes(state_r->journal_id, sizeof(state_r->journal_id)) != 1)
		return -EIO;
	if (sealed && RAND_priv_bytes(state_r->keys.next_segment, JOURNAL_KEY_BYTES) != 1)
		return -EIO;
	return 0;
}
