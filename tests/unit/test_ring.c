/* The ring consumer against a ring in memory that the test writes as the kernel does. */
#include "collector/ring.h"

#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define DATA_BYTES    16384u
#define OVERLAP_BYTES 4096u

struct fake_ring {
	uint64_t consumer, producer;
	uint8_t *data; /* mapped twice, one behind the other */
	struct ring *ring;
	size_t seen;
	uint32_t values[4096];
	size_t lengths[4096];
	uint64_t consumer_at[4096]; /* what the kernel knew during each call */
};

static int setup(void **state)
{
	struct fake_ring *f = calloc(1, sizeof(*f));
	int fd = memfd_create("ring", 0);
	struct ring_memory memory;

	assert_int_equal(ftruncate(fd, DATA_BYTES), 0);
	f->data = mmap(NULL, 2 * DATA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	for (int i = 0; i < 2; i++)
		assert_true(mmap(f->data + (size_t)i * DATA_BYTES, DATA_BYTES,
				 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
				 0) != MAP_FAILED);
	close(fd);
	memory = (struct ring_memory){
		.consumer = &f->consumer,
		.producer = &f->producer,
		.data = f->data,
		.data_bytes = DATA_BYTES,
		.overlap_bytes = OVERLAP_BYTES,
	};
	f->ring = ring_over(&memory);
	assert_non_null(f->ring);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake_ring *f = *state;

	ring_close(&f->ring);
	assert_null(f->ring);
	munmap(f->data, 2 * DATA_BYTES);
	free(f);
	return 0;
}

static uint32_t *header_at(struct fake_ring *f, uint64_t position)
{
	return (uint32_t *)(f->data + (position & (DATA_BYTES - 1)));
}

/* Writes a record whose first word is `value`, as the kernel does. Returns where its header is. */
static uint64_t put(struct fake_ring *f, uint32_t value, uint32_t length, uint32_t flags)
{
	uint64_t at = f->producer;
	uint32_t *header = header_at(f, at);

	header[0] = length | flags;
	header[1] = 0;
	memset(header + 2, (int)(value & 0xff), length);
	if (length >= sizeof(value))
		memcpy(header + 2, &value, sizeof(value));
	f->producer += (length + 8 + 7) & ~7u;
	return at;
}

static void see(void *ctx, const void *record, size_t bytes)
{
	struct fake_ring *f = ctx;
	const uint8_t *p = record;

	f->lengths[f->seen] = bytes;
	f->consumer_at[f->seen] = f->consumer;
	if (bytes >= sizeof(uint32_t))
		memcpy(&f->values[f->seen], p, sizeof(uint32_t));
	for (size_t i = sizeof(uint32_t); i < bytes; i++)
		assert_int_equal(p[i], f->values[f->seen] & 0xff);
	f->seen++;
}

static void test_gives_in_order_and_hands_back(void **state)
{
	struct fake_ring *f = *state;

	put(f, 1, 64, 0);
	put(f, 2, 13, 0);
	put(f, 3, 0, 0);
	assert_int_equal(ring_pending_bytes(f->ring), 72 + 24 + 8);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 3);
	assert_int_equal(f->values[0], 1);
	assert_int_equal(f->values[1], 2);
	assert_int_equal(f->lengths[1], 13);
	assert_int_equal(f->lengths[2], 0);
	assert_int_equal(f->consumer_at[2], 0); /* not before the calls have returned */
	assert_int_equal(f->consumer, f->producer);
	assert_int_equal(ring_pending_bytes(f->ring), 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 0);
}

static void test_passes_over_what_was_discarded(void **state)
{
	struct fake_ring *f = *state;

	put(f, 1, 16, BPF_RINGBUF_DISCARD_BIT);
	put(f, 2, 16, 0);
	put(f, 3, 16, BPF_RINGBUF_DISCARD_BIT);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(f->values[0], 2);
	assert_int_equal(f->consumer, f->producer);
}

static void test_stops_at_what_is_being_written(void **state)
{
	struct fake_ring *f = *state;
	uint64_t at;

	put(f, 1, 16, 0);
	at = put(f, 2, 16, BPF_RINGBUF_BUSY_BIT);
	put(f, 3, 16, 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(f->consumer, at);
	*header_at(f, at) &= ~BPF_RINGBUF_BUSY_BIT;
	assert_int_equal(ring_drain(f->ring, 100, see, f), 2);
	assert_int_equal(f->values[1], 2);
	assert_int_equal(f->values[2], 3);
}

static void test_reads_a_record_that_wraps_in_one_piece(void **state)
{
	struct fake_ring *f = *state;

	for (int lap = 0; lap < 50; lap++) {
		f->seen = 0;
		for (int i = 0; i < 7; i++)
			put(f, 10 * lap + i, 2001 + i, 0);
		assert_int_equal(ring_drain(f->ring, 100, see, f), 7);
		for (int i = 0; i < 7; i++) {
			assert_int_equal(f->values[i], 10 * lap + i);
			assert_int_equal(f->lengths[i], 2001 + i);
		}
	}
	assert_true(f->producer > 40 * DATA_BYTES);
	assert_int_equal(ring_corruptions(f->ring), 0);
}

static void test_gives_no_more_than_asked(void **state)
{
	struct fake_ring *f = *state;

	for (int i = 0; i < 10; i++)
		put(f, i, 8, 0);
	assert_int_equal(ring_drain(f->ring, 4, see, f), 4);
	assert_int_equal(f->consumer, 4 * 16);
	assert_int_equal(ring_drain(f->ring, 0, see, f), 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 6);
	assert_int_equal(f->values[9], 9);
}

/* A long drain must not hold the whole ring until its end. */
static void test_hands_back_in_batches(void **state)
{
	struct fake_ring *f = *state;

	for (int i = 0; i < 500; i++)
		put(f, i, 8, 0);
	assert_int_equal(ring_drain(f->ring, 1000, see, f), 500);
	assert_true(f->consumer_at[499] > 0);
	assert_true(f->consumer_at[499] <= 499 * 16);
	assert_int_equal(f->consumer, f->producer);
}

static void test_survives_a_length_beyond_what_was_written(void **state)
{
	struct fake_ring *f = *state;

	put(f, 1, 16, 0);
	*header_at(f, put(f, 2, 16, 0)) = 1000;
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(ring_corruptions(f->ring), 1);
	assert_int_equal(f->consumer, f->producer);
	put(f, 3, 16, 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(f->values[1], 3);
}

static void test_survives_a_length_beyond_the_longest_record(void **state)
{
	struct fake_ring *f = *state;

	put(f, 1, OVERLAP_BYTES - 8, 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	put(f, 2, OVERLAP_BYTES, 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 0);
	assert_int_equal(ring_corruptions(f->ring), 1);
	*header_at(f, put(f, 3, 16, 0)) = 0x3fffffff;
	assert_int_equal(ring_drain(f->ring, 100, see, f), 0);
	assert_int_equal(ring_corruptions(f->ring), 2);
}

static void test_shows_each_record_before_it_gives_it(void **state)
{
	struct fake_ring *f = *state;
	struct fake_ring shown = { 0 };
	uint64_t at;

	ring_look_ahead(f->ring, see, &shown);
	put(f, 1, 16, 0);
	put(f, 99, 16, BPF_RINGBUF_DISCARD_BIT);
	put(f, 2, 16, 0);
	at = put(f, 3, 16, BPF_RINGBUF_BUSY_BIT);
	for (uint32_t i = 4; i < 20; i++)
		put(f, i, 16, 0);
	assert_int_equal(ring_drain(f->ring, 1, see, f), 1);
	assert_int_equal(shown.seen, 2);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(shown.seen, 2); /* as far as the one that is being written */
	*header_at(f, at) &= ~BPF_RINGBUF_BUSY_BIT;
	assert_int_equal(ring_drain(f->ring, 1, see, f), 1);
	assert_true(shown.seen > f->seen && shown.seen < 19);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 16);
	assert_int_equal(shown.seen, 19);
	assert_int_equal(f->seen, 19);
	for (int i = 0; i < 19; i++)
		assert_int_equal(shown.values[i], i + 1);
}

static void test_looks_no_further_than_what_makes_sense(void **state)
{
	struct fake_ring *f = *state;
	struct fake_ring shown = { 0 };

	ring_look_ahead(f->ring, see, &shown);
	put(f, 1, 16, 0);
	header_at(f, f->producer)[0] = 1 << 20;
	f->producer += 8;
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(shown.seen, 1);
	assert_int_equal(ring_corruptions(f->ring), 1);
	put(f, 2, 16, 0);
	assert_int_equal(ring_drain(f->ring, 100, see, f), 1);
	assert_int_equal(shown.values[1], 2);
}

#define RING_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RING_TEST(test_gives_in_order_and_hands_back),
		RING_TEST(test_passes_over_what_was_discarded),
		RING_TEST(test_stops_at_what_is_being_written),
		RING_TEST(test_reads_a_record_that_wraps_in_one_piece),
		RING_TEST(test_gives_no_more_than_asked),
		RING_TEST(test_hands_back_in_batches),
		RING_TEST(test_survives_a_length_beyond_what_was_written),
		RING_TEST(test_survives_a_length_beyond_the_longest_record),
		RING_TEST(test_shows_each_record_before_it_gives_it),
		RING_TEST(test_looks_no_further_than_what_makes_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
