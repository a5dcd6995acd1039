#include "base/crc32c.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected */
/* Longest stripe of the interleaved form, in words of 8 bytes; three stripes make a round. */
#define STRIPE_WORDS 128u
#define STRIPED_MIN  (3u * 8u * 4u) /* below, joining the stripes costs more than it saves */

static uint32_t byte_table[256];
/* shift_table[w]: the factor that moves a CRC past w words of data (x^(64w-33) mod P). */
static uint32_t shift_table[2 * STRIPE_WORDS + 1];
static bool has_instruction;

static uint32_t times_x(uint32_t v)
{
	return v & 1 ? v >> 1 ^ POLYNOMIAL : v >> 1;
}

static void fill_shift_table(void)
{
	uint32_t power = 0x80000000u; /* x^0, reflected */

	for (int bit = 0; bit < 64 - 33; bit++)
		power = times_x(power);
	for (uint32_t words = 1; words <= 2 * STRIPE_WORDS; words++) {
		shift_table[words] = power;
		for (int bit = 0; bit < 64; bit++)
			power = times_x(power);
	}
}

__attribute__((constructor)) static void crc32c_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = times_x(c);
		byte_table[i] = c;
	}
	fill_shift_table();
#ifdef __x86_64__
	has_instruction = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
#endif
}

static uint32_t crc32c_bytes(uint32_t crc, const unsigned char *p, size_t n)
{
	while (n--)
		crc = crc >> 8 ^ byte_table[(crc ^ *p++) & 0xff];
	return crc;
}

#ifdef __x86_64__
#define TARGET_CRC __attribute__((target("sse4.2,pclmul")))

static inline uint64_t load_word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* crc moved past `words` words: a carry-less product, reduced by the CRC instruction itself. */
TARGET_CRC static inline uint64_t crc_shift(uint64_t crc, size_t words)
{
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc),
					       _mm_cvtsi64_si128(shift_table[words]), 0);

	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The instruction has a latency of three cycles and starts one a cycle, so three stripes run side
 * by side and are joined at the end. */
TARGET_CRC static uint64_t crc_stripes(uint64_t crc, const unsigned char *p, size_t words)
{
	const unsigned char *q = p + words * 8, *r = q + words * 8;
	uint64_t second = 0, third = 0;

	for (size_t i = 0; i < words; i++) {
		crc = _mm_crc32_u64(crc, load_word(p + i * 8));
		second = _mm_crc32_u64(second, load_word(q + i * 8));
		third = _mm_crc32_u64(third, load_word(r + i * 8));
	}
	return crc_shift(crc, 2 * words) ^ crc_shift(second, words) ^ third;
}

TARGET_CRC static uint32_t crc32c_instruction(uint32_t crc, const unsigned char *p, size_t n)
{
	uint64_t c = crc;

	while (n >= STRIPED_MIN) {
		size_t words = n / 24 < STRIPE_WORDS ? n / 24 : STRIPE_WORDS;

		c = crc_stripes(c, p, words);
		p += words * 24;
		n -= words * 24;
	}
	for (; n >= 8; n -= 8, p += 8)
		c = _mm_crc32_u64(c, load_word(p));
	return crc32c_bytes((uint32_t)c, p, n);
}
#endif

uint32_t crc32c_table(uint32_t crc, const void *data, size_t n)
{
	return ~crc32c_bytes(~crc, data, n);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
#ifdef __x86_64__
	if (likely(has_instruction))
		return ~crc32c_instruction(~crc, data, n);
#endif
	return crc32c_table(crc, data, n);
}
