/* base/hash.h: 64-bit mixing for our own tables. Keys an attacker chooses need a seed drawn at
 * start (hash_bytes), so that buckets can't be filled on purpose. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_u64(uint64_t v)
{
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93ull;
	v ^= v >> 32;
	v *= 0xd6e8feb86659fd93ull;
	return v ^ v >> 32;
}

static inline uint64_t hash_bytes(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = hash_u64(seed ^ n), w;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = hash_u64(h ^ w) + 0x9e3779b97f4a7c15ull;
	}
	w = 0;
	if (n)
		memcpy(&w, p, n);
	return hash_u64(h ^ w);
}
