#include "journal_fixture.h"

#include "pipeline/journal_directory.h"
#include "pipeline/journal_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 10000

static void take_loss(void *ctx, const struct journal_loss *loss)
{
	struct losses *losses = ctx;

	assert_true(losses->n < MAX_LOSSES);
	losses->list[losses->n++] = *loss;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* In memory where there is such a place: thousands of syncs are no load for a disk then. */
	snprintf(f->dir, sizeof(f->dir), "%s/weir-journal-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	clock_init(&f->clock);
	f->record_bytes = 200;
	f->settings = (struct journal_settings){
		.directory = f->dir,
		.max_bytes = 64ull << 20,
		.segment_bytes = 1 << 20,
		.sync_interval_ns = NSEC_PER_SEC,
		.memory_bytes = 4 << 20,
		.when_full = JOURNAL_DROP_OLDEST,
		.reader_gid = (gid_t)-1,
		.boot_id = BOOT_A,
	};
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	struct dirent *entry;
	DIR *dir;

	journal_close(&f->journal, 1000);
	dir = opendir(f->dir);
	while (dir && (entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

void fixture_open_io(struct fixture *f, const struct journal_io *io)
{
	struct errmsg em = { "" };

	f->losses.n = 0;
	if (journal_open_io(&f->settings, &f->clock, io, take_loss, &f->losses, &f->journal, &em) <
	    0)
		fail_msg("%s", em.text);
	(void)journal_poll(f->journal);
}

void fixture_open(struct fixture *f)
{
	fixture_open_io(f, &journal_io_system);
}

void fixture_close(struct fixture *f)
{
	journal_close(&f->journal, PATIENCE_MS);
}

size_t fixture_json(uint64_t seq, size_t bytes, char *out)
{
	int n = snprintf(out, bytes + 1, "{\"seq\":\"%" PRIu64 "\",\"pad\":\"", seq);

	assert_true((size_t)n + 2 <= bytes);
	for (size_t i = (size_t)n; i < bytes - 2; i++)
		out[i] = (char)('a' + (seq * 31 + i) % 26);
	memcpy(out + bytes - 2, "\"}", 2);
	return bytes;
}

bool fixture_append(struct fixture *f, unsigned int n, unsigned int batch)
{
	char json[4096];

	for (unsigned int i = 0; i < n; i++) {
		uint64_t seq;
		struct buf *b = journal_begin_record(f->journal, &seq);

		if (!b)
			return false;
		buf_put(b, json, fixture_json(seq, f->record_bytes, json));
		assert_int_equal(journal_end_record(f->journal, KIND_PROCESS_EXEC, seq * 1000,
						    (uint32_t)(seq % 1000)),
				 0);
		if ((i + 1) % batch == 0 || i + 1 == n)
			journal_commit(f->journal);
	}
	return true;
}

void fixture_wait(struct fixture *f, bool (*is_met)(struct fixture *f))
{
	struct pollfd pfd = { .fd = journal_fd(f->journal), .events = POLLIN };

	for (int waited = 0; !is_met(f); waited += 20) {
		if (waited > PATIENCE_MS)
			fail_msg("waited %d ms in vain", waited);
		(void)poll(&pfd, 1, 20);
		(void)journal_poll(f->journal);
	}
}

void fixture_wait_written(struct fixture *f, uint64_t seq)
{
	struct pollfd pfd = { .fd = journal_fd(f->journal), .events = POLLIN };
	uint64_t deadline = clock_boot_ns(&f->clock) + PATIENCE_MS * NSEC_PER_MSEC;

	while (journal_poll(f->journal) < seq) {
		(void)poll(&pfd, 1, PATIENCE_MS);
		if (clock_boot_ns(&f->clock) > deadline)
			fail_msg("sequence %" PRIu64 " was not written", seq);
	}
}

void fixture_write(struct fixture *f, unsigned int n, unsigned int batch)
{
	uint64_t seq;

	for (unsigned int done = 0; done < n; done += batch) {
		assert_true(fixture_append(f, batch < n - done ? batch : n - done, batch));
		assert_non_null(journal_begin_record(f->journal, &seq));
		journal_commit(f->journal);
		fixture_wait_written(f, seq - 1);
	}
}

static void check_record(struct fixture *f, const struct journal_record *record)
{
	char json[4096];
	size_t n = fixture_json(record->seq, f->record_bytes, json);

	assert_int_equal(record->json.n, n);
	assert_memory_equal(record->json.p, json, n);
	assert_int_equal(record->kind, KIND_PROCESS_EXEC);
	assert_int_equal(record->time_wall_ns, record->seq * 1000);
	assert_int_equal(record->pid, record->seq % 1000);
	assert_int_equal(record->boot_id.n, 36);
}

struct read_result fixture_read_on(struct fixture *f, struct journal_reader *reader)
{
	struct read_result result = { 0 };
	struct journal_record record;
	struct journal_loss loss;
	struct errmsg em;

	for (;;) {
		switch (journal_reader_next(reader, &record, &loss, &em)) {
		case JOURNAL_READ_RECORD:
			check_record(f, &record);
			assert_true(record.seq > result.last_seq);
			if (result.records++ == 0)
				result.first_seq = record.seq;
			result.last_seq = record.seq;
			break;
		case JOURNAL_READ_LOSS:
			take_loss(&result.losses, &loss);
			break;
		case JOURNAL_READ_END:
			return result;
		case JOURNAL_READ_ERROR:
			fail_msg("%s", em.text);
		}
	}
}

struct read_result fixture_read(struct fixture *f, uint64_t after_seq)
{
	struct journal_reader *reader;
	struct read_result result;
	struct errmsg em;

	assert_int_equal(journal_reader_open(f->dir, after_seq, &reader, &em), 0);
	result = fixture_read_on(f, reader);
	journal_reader_close(&reader);
	return result;
}

size_t fixture_segments(struct fixture *f, uint64_t *first_seqs, size_t cap)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	uint64_t *list;
	size_t n;

	assert_int_equal(journal_directory_list(fd, &list, &n), 0);
	close(fd);
	for (size_t i = 0; i < n && i < cap; i++)
		first_seqs[i] = list[i];
	free(list);
	return n;
}

void fixture_segment_path(struct fixture *f, uint64_t first_seq, char *path, size_t cap)
{
	char name[JOURNAL_NAME_BYTES];

	journal_segment_name(first_seq, name);
	snprintf(path, cap, "%s/%s", f->dir, name);
}

uint64_t fixture_file_bytes(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

void fixture_flip(const char *path, uint64_t offset, unsigned char mask)
{
	unsigned char byte;
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= mask;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
}

void fixture_copy(const char *from, const char *to)
{
	static char block[1 << 16];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, block, sizeof(block))) > 0)
		assert_int_equal(write(out, block, (size_t)n), n);
	close(in);
	close(out);
}

uint64_t fixture_batch(struct fixture *f, uint64_t segment, unsigned int n, uint32_t *length_r)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	struct journal_scan scan;
	struct journal_batch batch;

	journal_scan_init(&scan);
	assert_int_equal(journal_scan_open(&scan, fd, segment), 0);
	for (unsigned int i = 0; i <= n; i++)
		assert_int_equal(journal_scan_next(&scan, &batch), SCAN_BATCH);
	journal_scan_free(&scan);
	close(fd);
	if (length_r)
		*length_r = batch.header.length;
	return batch.offset;
}
