/* What goes out: bodies of pieces, compression, templates, and how many requests may be in the air.
 */
#include "base/clock.h"
#include "outputs/http_compress.h"
#include "outputs/http_concurrency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#define MS NSEC_PER_MSEC

static void fill(struct http_body *body)
{
	buf_lit(http_body_text(body), "[");
	http_body_span(body, STR("one"));
	buf_lit(http_body_text(body), ",");
	http_body_span(body, STR("twelve"));
	http_body_span(body, STR(""));
	buf_lit(http_body_text(body), "]");
	assert_true(http_body_end(body));
}

static void assert_reads(struct http_body_reader *reader, size_t chunk, const char *expected)
{
	char text[64] = "";
	size_t n = 0, got;

	while ((got = http_body_read(reader, text + n, chunk)))
		n += got;
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, n);
}

static void test_a_body_is_read_in_any_portions_and_again_from_anywhere(void **state)
{
	static const char whole[] = "[one,twelve]";
	struct http_body_reader reader;
	struct http_body body;
	size_t chunk, from;

	http_body_init(&body, 1024);
	fill(&body);
	assert_int_equal(body.bytes, strlen(whole));
	for (chunk = 1; chunk <= sizeof(whole); chunk++) {
		http_body_rewind(&reader, &body);
		assert_reads(&reader, chunk, whole);
	}
	for (from = 0; from < sizeof(whole); from++) {
		assert_true(http_body_seek(&reader, from));
		assert_reads(&reader, 5, whole + from);
	}
	assert_false(http_body_seek(&reader, sizeof(whole)));
	http_body_reset(&body);
	assert_true(http_body_end(&body));
	assert_int_equal(body.bytes, 0);
	http_body_free(&body);
}

static void test_a_body_that_outgrows_its_limit_is_not_sent(void **state)
{
	struct http_body body;

	http_body_init(&body, 16);
	buf_lit(http_body_text(&body), "0123456789");
	buf_lit(http_body_text(&body), "0123456789");
	assert_false(http_body_end(&body));
	http_body_reset(&body);
	buf_lit(http_body_text(&body), "short");
	assert_true(http_body_end(&body));
	http_body_free(&body);
}

static void fill_large(struct http_body *body, const char *bytes, size_t n, unsigned int times)
{
	http_body_reset(body);
	while (times--) {
		http_body_span(body, (struct str){ bytes, n });
		buf_lit(http_body_text(body), "\n");
	}
	assert_true(http_body_end(body));
}

static void assert_same(const struct http_body *body, const char *bytes, size_t n)
{
	struct http_body_reader reader;
	struct str piece;
	size_t at = 0;

	assert_int_equal(body->bytes, n);
	http_body_rewind(&reader, body);
	while ((piece = http_body_next(&reader)).n) {
		assert_memory_equal(piece.p, bytes + at, piece.n);
		at += piece.n;
	}
}

static size_t unpack_gzip(const struct http_body *packed, char *to, size_t n)
{
	z_stream z = { .next_in = (unsigned char *)packed->text.p, .avail_in = packed->bytes };

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_out = (unsigned char *)to;
	z.avail_out = n;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	n = z.total_out;
	inflateEnd(&z);
	return n;
}

static void test_what_is_compressed_comes_out_the_same(void **state)
{
	static const enum http_compression kinds[] = { HTTP_COMPRESSION_GZIP,
						       HTTP_COMPRESSION_ZSTD };
	static char noise[3000], out[1 << 20];
	struct http_body body, packed;
	size_t i, round, n;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 2654435761u >> 13);
	http_body_init(&body, 1 << 20);
	http_body_init(&packed, 2 << 20);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct http_compressor *c = http_compressor_create(kinds[i]);

		assert_non_null(c);
		for (round = 0; round < 3; round++) { /* it is used again */
			fill_large(&body, noise, sizeof(noise), 1 + 100 * round);
			http_body_reset(&packed);
			assert_true(http_compress(c, &body, &packed));
			assert_int_equal(packed.count, 1);
			n = kinds[i] == HTTP_COMPRESSION_GZIP
				    ? unpack_gzip(&packed, out, sizeof(out))
				    : ZSTD_decompress(out, sizeof(out), packed.text.p,
						      packed.bytes);
			assert_same(&body, out, n);
		}
		http_compressor_free(&c);
	}
	http_body_free(&body);
	http_body_free(&packed);
}

static void answer(struct http_concurrency *c, uint64_t *now, uint64_t latency, bool is_overloaded)
{
	uint64_t sent = *now;

	*now += latency;
	http_concurrency_answered(c, sent, *now, http_concurrency_limit(c), is_overloaded);
}

static void test_concurrency_grows_with_good_answers_to_its_bound(void **state)
{
	struct http_concurrency c;
	uint64_t now = 1;
	int i;

	http_concurrency_init(&c, 4);
	assert_int_equal(http_concurrency_limit(&c), 1);
	for (i = 0; i < 40; i++) {
		answer(&c, &now, 10 * MS, false);
		assert_in_range(http_concurrency_limit(&c), 1, 4);
	}
	assert_int_equal(http_concurrency_limit(&c), 4);
	http_concurrency_init(&c, 1);
	for (i = 0; i < 40; i++)
		answer(&c, &now, 10 * MS, false);
	assert_int_equal(http_concurrency_limit(&c), 1);
}

static void test_concurrency_that_is_not_used_does_not_grow(void **state)
{
	struct http_concurrency c;
	int i;

	http_concurrency_init(&c, 8);
	c.limit = 3;
	for (i = 0; i < 20; i++)
		http_concurrency_answered(&c, i, i + 10, 1, false);
	assert_int_equal(http_concurrency_limit(&c), 3);
}

static void test_concurrency_shrinks_when_the_peer_has_too_much_or_slows_down(void **state)
{
	struct http_concurrency c;
	uint64_t now = 1;
	int i;

	http_concurrency_init(&c, 16);
	c.limit = 16;
	for (i = 0; i < 10; i++)
		answer(&c, &now, 10 * MS, false);
	assert_int_equal(http_concurrency_limit(&c), 16);
	answer(&c, &now, 500 * MS, false); /* slow */
	assert_int_equal(http_concurrency_limit(&c), 14);
	answer(&c, &now, 10 * MS, true);
	assert_int_equal(http_concurrency_limit(&c), 12);
	/* Those that were in the air with it tell nothing new. */
	http_concurrency_answered(&c, now - 20 * MS, now, 12, true);
	assert_int_equal(http_concurrency_limit(&c), 12);
	for (i = 0; i < 100; i++)
		answer(&c, &now, 10 * MS, true);
	assert_int_equal(http_concurrency_limit(&c), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_body_is_read_in_any_portions_and_again_from_anywhere),
		cmocka_unit_test(test_a_body_that_outgrows_its_limit_is_not_sent),
		cmocka_unit_test(test_what_is_compressed_comes_out_the_same),
		cmocka_unit_test(test_concurrency_grows_with_good_answers_to_its_bound),
		cmocka_unit_test(test_concurrency_that_is_not_used_does_not_grow),
		cmocka_unit_test(test_concurrency_shrinks_when_the_peer_has_too_much_or_slows_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
