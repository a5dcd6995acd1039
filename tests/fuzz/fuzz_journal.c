/* Arbitrary bytes as a segment: through the reader, through recovery and a writer that goes on
 * behind them, through verify with and without a key. Whatever stands there: no crash, numbers only
 * go up, and what is written afterwards is read.
 *
 * The first byte of the input says what is made of the rest: bit 0 puts a sound segment header in
 * front, bit 1 makes every batch header's and record's CRC right, so that the parsers behind the
 * checksums are reached; bit 2 seals on; bit 3 makes the segment the second in its file: the second
 * byte says how many of the batches are its own, an edge follows them, and the rest are the first
 * one's. */
#include "base/errmsg.h"
#include "pipeline/journal.h"
#include "pipeline/journal_format.h"
#include "pipeline/journal_reader.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID "11111111-1111-4111-8111-111111111111"
#define KEY                                                     \
	"weir-journal-key:v1:00000000000000000000000000000000:" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define MAX_BYTES (64u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode { WITH_HEADER = 1, REPAIRED = 2, SEALED = 4, REUSED = 8 };

static char directory[] = "/dev/shm/weir-fuzz-XXXXXX";
static uint8_t segment[JOURNAL_HEADER_BYTES + MAX_BYTES];

static void empty_directory(void)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

static void remove_directory(void)
{
	empty_directory();
	(void)rmdir(directory);
}

static size_t put_header(uint8_t *out, uint64_t number, bool sealed)
{
	struct journal_segment_header header = {
		.magic = JOURNAL_SEGMENT_MAGIC,
		.version = JOURNAL_VERSION,
		.boot_id = "",
		.number = number,
		.first_seq = 1,
		.oldest_number = number,
		.seal = sealed ? JOURNAL_SEAL_AES256_GMAC : JOURNAL_SEAL_NONE,
	};

	memcpy(header.boot_id, BOOT_ID, sizeof(header.boot_id));
	journal_header_finish(&header, out);
	return JOURNAL_HEADER_BYTES;
}

/* Do the records' lengths fit, so that the CRCs can be computed? */
static bool records_fit(const uint8_t *batch, const struct journal_batch_header *header)
{
	size_t at = sizeof(*header), end = header->length - sizeof(struct journal_batch_trailer);
	struct journal_record_header record;

	for (uint32_t i = 0; i < header->count; i++) {
		if (end - at < sizeof(record))
			return false;
		memcpy(&record, batch + at, sizeof(record));
		if (record.length > end - at - sizeof(record))
			return false;
		at += sizeof(record) + record.length;
	}
	return true;
}

/* Makes what could be batches, one behind the other, sound. The first `own` of them are of that
 * segment, with an edge behind them when others follow. */
static void repair(uint8_t *bytes, size_t n, uint64_t number, unsigned int own)
{
	struct journal_batch_header header;
	size_t edge_at = 0;

	for (size_t at = 0; n - at >= JOURNAL_BATCH_OVERHEAD;) {
		memcpy(&header, bytes + at, sizeof(header));
		header.magic = JOURNAL_BATCH_MAGIC;
		header.length = (uint32_t)(JOURNAL_BATCH_OVERHEAD + header.length % 2048);
		header.count %= 8;
		header.number = own > 0 ? number : 1;
		if (header.length > n - at)
			break;
		memcpy(bytes + at, &header, sizeof(header));
		if (records_fit(bytes + at, &header)) {
			journal_batch_finish(bytes + at);
			journal_batch_finish_trailer(bytes + at, NULL);
		}
		at += header.length;
		if (own > 0 && --own == 0)
			edge_at = at;
	}
	if (number > 1 && own == 0 && n - edge_at >= sizeof(struct journal_edge))
		journal_edge_write(bytes + edge_at, number, JOURNAL_HEADER_BYTES + edge_at);
}

/* Reads to the end; the last number. */
static uint64_t read_all(uint64_t after_seq)
{
	struct journal_reader *reader;
	struct journal_record record;
	struct journal_loss loss;
	struct errmsg em;
	uint64_t last = 0;

	if (journal_reader_open(directory, after_seq, &reader, &em) < 0)
		return 0;
	for (;;) {
		switch (journal_reader_next(reader, &record, &loss, &em)) {
		case JOURNAL_READ_RECORD:
			assert(record.seq > last && record.kind < EVENT_KINDS);
			last = record.seq;
			break;
		case JOURNAL_READ_LOSS:
			assert(loss.first_seq <= loss.last_seq);
			break;
		case JOURNAL_READ_END:
		case JOURNAL_READ_ERROR:
			(void)journal_reader_newest(reader);
			journal_reader_close(&reader);
			return last;
		}
	}
}

/* A writer on top of it: what it writes is what is read last. */
static void write_on(bool sealed)
{
	struct journal_settings settings = {
		.directory = directory,
		.max_bytes = 1 << 20,
		.segment_bytes = 1 << 18,
		.sync_interval_ns = NSEC_PER_SEC,
		.memory_bytes = 1 << 20,
		.when_full = JOURNAL_DROP_OLDEST,
		.seal = sealed,
		.reader_gid = (gid_t)-1,
		.boot_id = BOOT_ID,
	};
	struct journal *journal = NULL;
	struct clock clock;
	struct errmsg em;
	uint64_t seq;

	clock_init(&clock);
	if (journal_open(&settings, &clock, NULL, NULL, &journal, &em) < 0)
		return;
	buf_lit(journal_begin_record(journal, &seq), "{}");
	assert(journal_end_record(journal, KIND_PROCESS_EXEC, 1, 1) == 0);
	journal_close(&journal, 5000);
	assert(read_all(0) == seq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool is_ready;
	struct journal_verdict verdict;
	struct errmsg em;
	char path[64];
	unsigned int own = UINT_MAX;
	uint64_t number = 1;
	size_t n = 0;
	int fd, mode;

	if (!is_ready) {
		assert(mkdtemp(directory));
		atexit(remove_directory);
		is_ready = true;
	}
	if (size == 0 || size > MAX_BYTES)
		return 0;
	mode = *data++;
	size--;
	if (mode & REUSED && size > 0) {
		number = 2;
		own = *data++;
		size--;
	}
	if (mode & WITH_HEADER)
		n = put_header(segment, number, mode & SEALED);
	memcpy(segment + n, data, size);
	if (mode & REPAIRED)
		repair(segment + n, size, number, own);
	snprintf(path, sizeof(path), "%s/%020d.weir", directory, 1);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert(fd >= 0 && write(fd, segment, n + size) == (ssize_t)(n + size));
	close(fd);
	(void)read_all(0);
	(void)read_all(3);
	assert(journal_verify(directory, NULL, &verdict, &em) == 0);
	assert(journal_verify(directory, KEY, &verdict, &em) == 0);
	write_on(mode & SEALED);
	assert(journal_verify(directory, NULL, &verdict, &em) == 0);
	empty_directory();
	return 0;
}
