#include "base/crc32c.h"

#include "base/compiler.h"

#include <stdbool.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* reflected */
/* Longest stripe of the interleaved form, in words of 8 bytes; three stripes make a round. */
#define STRIPE_WORDS 128u
#define STRIPED_MIN  (3u * 8u * 4u) /* below, joining the stripes costs more than it saves */

static uint32_t byte_table[256];
/* shift_table[w]: the factor that moves a CRC past w words of data (x^(64w-33) mod P). */
static uint32_t shift_table[2 * STRIPE_WORDS + 1];
static bool has_instruction, has_wide_products;

/* Factors that move the two halves of 16 bytes past so much data; see fold(). */
struct fold_factors {
	uint64_t first, second;
};
static struct fold_factors past_64, past_128, past_192, past_256;

static uint32_t times_x(uint32_t v)
{
	return v & 1 ? v >> 1 ^ POLYNOMIAL : v >> 1;
}

/* x^n mod P, reflected. */
static uint32_t power_of_x(unsigned int n)
{
	uint32_t power = 0x80000000u;

	while (n--)
		power = times_x(power);
	return power;
}

static void fill_shift_table(void)
{
	uint32_t power = power_of_x(64 - 33);

	for (uint32_t words = 1; words <= 2 * STRIPE_WORDS; words++) {
		shift_table[words] = power;
		for (int bit = 0; bit < 64; bit++)
			power = times_x(power);
	}
}

/* A carry-less product of reflected words comes out one bit low, and the factors stand in the low
 * half of theirs: hence 31 and 33 where 64 and 0 would be expected. */
static struct fold_factors factors_past(unsigned int bytes)
{
	return (struct fold_factors){ .first = power_of_x(bytes * 8 + 31),
				      .second = power_of_x(bytes * 8 - 33) };
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
	past_64 = factors_past(64);
	past_128 = factors_past(128);
	past_192 = factors_past(192);
	past_256 = factors_past(256);
#ifdef __x86_64__
	has_instruction = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
	has_wide_products = has_instruction && __builtin_cpu_supports("avx512f") &&
			    __builtin_cpu_supports("vpclmulqdq");
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

/* Less than a word. */
TARGET_CRC static inline uint32_t crc_last_bytes(uint32_t crc, const unsigned char *p, size_t n)
{
	uint32_t four;
	uint16_t two;

	if (n & 4) {
		memcpy(&four, p, sizeof(four));
		crc = _mm_crc32_u32(crc, four);
		p += 4;
	}
	if (n & 2) {
		memcpy(&two, p, sizeof(two));
		crc = _mm_crc32_u16(crc, two);
		p += 2;
	}
	return n & 1 ? _mm_crc32_u8(crc, *p) : crc;
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
	return crc_last_bytes((uint32_t)c, p, n);
}

#define TARGET_WIDE __attribute__((target("avx512f,vpclmulqdq,sse4.2,pclmul")))
#define WIDE_MIN    512u /* below, the three stripes are as fast */

/* Each 16 bytes of v, as a polynomial, moved past the data that the factors stand for, plus what
 * lies there: the CRC of the sum is that of both. */
TARGET_WIDE static inline __m512i fold(__m512i v, struct fold_factors factors, __m512i there)
{
	__m512i by = _mm512_broadcast_i32x4(
		_mm_set_epi64x((int64_t)factors.second, (int64_t)factors.first));

	return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(v, by, 0x00),
					 _mm512_clmulepi64_epi128(v, by, 0x11), there, 0x96);
}

/* Four registers of 64 bytes run side by side and end in one, whose CRC is the instruction's. */
TARGET_WIDE static uint32_t crc32c_wide(uint32_t crc, const unsigned char *p, size_t n)
{
	unsigned char rest[64];
	__m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 64);
	__m512i c = _mm512_loadu_si512(p + 128), d = _mm512_loadu_si512(p + 192);

	a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
	for (p += 256, n -= 256; n >= 256; p += 256, n -= 256) {
		a = fold(a, past_256, _mm512_loadu_si512(p));
		b = fold(b, past_256, _mm512_loadu_si512(p + 64));
		c = fold(c, past_256, _mm512_loadu_si512(p + 128));
		d = fold(d, past_256, _mm512_loadu_si512(p + 192));
	}
	d = fold(a, past_192, fold(b, past_128, fold(c, past_64, d)));
	for (; n >= 64; p += 64, n -= 64)
		d = fold(d, past_64, _mm512_loadu_si512(p));
	_mm512_storeu_si512(rest, d);
	crc = crc32c_instruction(0, rest, sizeof(rest));
	return crc32c_instruction(crc, p, n);
}
#endif

uint32_t crc32c_table(uint32_t crc, const void *data, size_t n)
{
	return ~crc32c_bytes(~crc, data, n);
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
#ifdef __x86_64__
	if (has_wide_products && n >= WIDE_MIN)
		return ~crc32c_wide(~crc, data, n);
	if (likely(has_instruction))
		return ~crc32c_instruction(~crc, data, n);
#endif
	return crc32c_table(crc, data, n);
}
