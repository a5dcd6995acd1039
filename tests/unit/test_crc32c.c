#include "base/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* RFC 3720 appendix B.4, and the check value of the CRC catalogues. */
static void test_known_vectors(void **state)
{
	unsigned char bytes[32];
	uint32_t (*const forms[])(uint32_t, const void *, size_t) = { crc32c, crc32c_table };

	for (int form = 0; form < 2; form++) {
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(forms[form](0, bytes, 32), 0x8a9136aa);
		memset(bytes, 0xff, sizeof(bytes));
		assert_int_equal(forms[form](0, bytes, 32), 0x62a8ab43);
		for (int i = 0; i < 32; i++)
			bytes[i] = (unsigned char)i;
		assert_int_equal(forms[form](0, bytes, 32), 0x46dd794e);
		for (int i = 0; i < 32; i++)
			bytes[i] = (unsigned char)(31 - i);
		assert_int_equal(forms[form](0, bytes, 32), 0x113fdb5c);
		assert_int_equal(forms[form](0, "123456789", 9), 0xe3069283);
		assert_int_equal(forms[form](0, "", 0), 0);
	}
}

/* Every length around the stripes' bounds, every alignment, any start value. */
static void test_forms_agree(void **state)
{
	static unsigned char bytes[12000];
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(x >> 24);
	}
	for (size_t n = 0; n < 9300; n += n < 700 ? 1 : 13)
		assert_int_equal(crc32c(x + (uint32_t)n, bytes + n % 17, n),
				 crc32c_table(x + (uint32_t)n, bytes + n % 17, n));
}

static void test_continues(void **state)
{
	static const char text[] = "append-only segments, framed, checksummed and sealed; one "
				   "cursor per reader, and nothing is lost without a name";
	const size_t n = sizeof(text) - 1;

	for (size_t cut = 0; cut <= n; cut++)
		assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, n - cut),
				 crc32c(0, text, n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_vectors),
		cmocka_unit_test(test_forms_agree),
		cmocka_unit_test(test_continues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
