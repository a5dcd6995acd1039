#include "base/secret.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A mapping of its own, so that MADV_DONTDUMP touches nothing else. */
struct secret {
	size_t map_bytes;
	size_t n;
	char bytes[];
};

struct secret *secret_create(const void *bytes, size_t n)
{
	size_t map_bytes = sizeof(struct secret) + n;
	struct secret *secret;

	secret = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret == MAP_FAILED)
		return NULL;
	(void)madvise(secret, map_bytes, MADV_DONTDUMP); /* advice: an old kernel may refuse */
	secret->map_bytes = map_bytes;
	secret->n = n;
	if (n)
		memcpy(secret->bytes, bytes, n);
	return secret;
}

struct str secret_reveal(const struct secret *secret)
{
	return (struct str){ secret->bytes, secret->n };
}

void secret_wipe(void *mem, size_t n)
{
	explicit_bzero(mem, n);
}

void secret_free(struct secret **secret)
{
	size_t map_bytes;

	if (!*secret)
		return;
	map_bytes = (*secret)->map_bytes;
	secret_wipe(*secret, map_bytes);
	munmap(*secret, map_bytes);
	*secret = NULL;
}
