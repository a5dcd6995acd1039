#include "collector/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

/* The space of this many records, or bytes, is handed back at a time: the kernel needs room
 * before a long drain ends, and writing the position for each record would cost a cache line that
 * every CPU reads. */
#define RELEASE_RECORDS 64
#define RELEASE_BYTES	(256 << 10)

/* The foresight of ring_look_ahead(): enough for a chain of four reads from memory, one a record.
 */
#define AHEAD_RECORDS 4

struct ring {
	struct ring_memory memory;
	uint64_t position; /* ours; what the kernel knows of it lags behind */
	uint64_t corruptions;
	ring_record_fn ahead_fn;
	void *ahead_ctx;
	uint64_t ahead_position;
	size_t ahead_records; /* from our position to that one */
	size_t page_bytes;
	void *mapped_producer; /* NULL: the memory is the caller's */
	uint64_t mapped_bytes;
};

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

struct ring *ring_over(const struct ring_memory *memory)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return NULL;
	ring->memory = *memory;
	ring->position = __atomic_load_n(memory->consumer, __ATOMIC_RELAXED);
	return ring;
}

int ring_open(int map_fd, uint64_t data_bytes, uint64_t record_bytes, struct ring **ring_r)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct ring_memory memory = { .data_bytes = data_bytes };
	uint64_t mapped;
	void *consumer, *producer;

	memory.overlap_bytes = align_up(record_bytes + BPF_RINGBUF_HDR_SZ, page);
	if (memory.overlap_bytes > data_bytes)
		memory.overlap_bytes = data_bytes;
	mapped = page + data_bytes + memory.overlap_bytes;
	consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	producer = mmap(NULL, mapped, PROT_READ, MAP_SHARED, map_fd, page);
	if (producer == MAP_FAILED) {
		int err = -errno;

		munmap(consumer, page);
		return err;
	}
	memory.consumer = consumer;
	memory.producer = producer;
	memory.data = (const uint8_t *)producer + page;
	*ring_r = ring_over(&memory);
	if (!*ring_r) {
		munmap(consumer, page);
		munmap(producer, mapped);
		return -ENOMEM;
	}
	(*ring_r)->page_bytes = page;
	(*ring_r)->mapped_producer = producer;
	(*ring_r)->mapped_bytes = mapped;
	return 0;
}

/* Tells the kernel that everything before our position may be overwritten. */
static void ring_release(struct ring *ring)
{
	__atomic_store_n(ring->memory.consumer, ring->position, __ATOMIC_RELEASE);
}

static const uint32_t *ring_header(const struct ring *ring, uint64_t position)
{
	return (const uint32_t *)(ring->memory.data + (position & (ring->memory.data_bytes - 1)));
}

/* The kernel wrote these lengths, so they are right; but reading past the mapping because of a
 * wrong one would be worse than losing what waits. */
static bool ring_length_fits(const struct ring *ring, uint64_t length, uint64_t room)
{
	uint64_t whole = align_up(length + BPF_RINGBUF_HDR_SZ, 8);

	return whole <= room && whole <= ring->memory.overlap_bytes;
}

void ring_look_ahead(struct ring *ring, ring_record_fn fn, void *ctx)
{
	ring->ahead_fn = fn;
	ring->ahead_ctx = ctx;
}

/* Shows what has come within sight. A record that is still being written ends that for now. */
static void look_ahead(struct ring *ring, uint64_t end)
{
	if (ring->ahead_position <= ring->position) {
		ring->ahead_position = ring->position;
		ring->ahead_records = 0;
	}
	while (ring->ahead_records < AHEAD_RECORDS && ring->ahead_position < end) {
		const uint32_t *header = ring_header(ring, ring->ahead_position);
		uint32_t word = __atomic_load_n(header, __ATOMIC_ACQUIRE);
		uint32_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (word & BPF_RINGBUF_BUSY_BIT ||
		    !ring_length_fits(ring, length, end - ring->ahead_position))
			return;
		if (!(word & BPF_RINGBUF_DISCARD_BIT))
			ring->ahead_fn(ring->ahead_ctx,
				       (const uint8_t *)header + BPF_RINGBUF_HDR_SZ, length);
		ring->ahead_position += align_up(length + BPF_RINGBUF_HDR_SZ, 8);
		ring->ahead_records++;
	}
}

static void ring_skip_all(struct ring *ring, uint64_t end)
{
	ring->corruptions++;
	ring->position = end;
}

size_t ring_drain(struct ring *ring, size_t max_records, ring_record_fn fn, void *ctx)
{
	uint64_t end = __atomic_load_n(ring->memory.producer, __ATOMIC_ACQUIRE);
	uint64_t released = ring->position;
	size_t given = 0;

	while (given < max_records && ring->position < end) {
		const uint32_t *header = ring_header(ring, ring->position);
		uint32_t word = __atomic_load_n(header, __ATOMIC_ACQUIRE);
		uint32_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (word & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!ring_length_fits(ring, length, end - ring->position)) {
			ring_skip_all(ring, end);
			break;
		}
		if (ring->ahead_fn)
			look_ahead(ring, end);
		if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
			fn(ctx, (const uint8_t *)header + BPF_RINGBUF_HDR_SZ, length);
			given++;
		}
		ring->position += align_up(length + BPF_RINGBUF_HDR_SZ, 8);
		ring->ahead_records -= ring->ahead_records > 0;
		if (given % RELEASE_RECORDS == 0 || ring->position - released > RELEASE_BYTES) {
			ring_release(ring);
			released = ring->position;
		}
	}
	ring_release(ring);
	return given;
}

uint64_t ring_pending_bytes(const struct ring *ring)
{
	return __atomic_load_n(ring->memory.producer, __ATOMIC_ACQUIRE) - ring->position;
}

uint64_t ring_corruptions(const struct ring *ring)
{
	return ring->corruptions;
}

void ring_close(struct ring **ring)
{
	struct ring *r = *ring;

	if (!r)
		return;
	if (r->mapped_producer) {
		munmap(r->memory.consumer, r->page_bytes);
		munmap(r->mapped_producer, r->mapped_bytes);
	}
	free(r);
	*ring = NULL;
}
