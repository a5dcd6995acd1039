#include "base/crc32c.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t byte_table[256];
static bool has_instruction;

__attribute__((constructor)) static void crc32c_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
		byte_table[i] = c;
	}
#ifdef __x86_64__
	has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

static uint32_t crc32c_table(uint32_t crc, const unsigned char *p, size_t n)
{
	while (n--)
		crc = crc >> 8 ^ byte_table[(crc ^ *p++) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc,
								     const unsigned char *p,
								     size_t n)
{
	uint64_t c = crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	return crc32c_table((uint32_t)c, p, n);
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	crc = ~crc;
#ifdef __x86_64__
	if (likely(has_instruction))
		return ~crc32c_instruction(crc, data, n);
#endif
	return ~crc32c_table(crc, data, n);
}
