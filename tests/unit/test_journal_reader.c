#include "pipeline/journal_reader.h"

#include "journal_fixture.h"
#include "pipeline/journal_directory.h"
#include "pipeline/journal_format.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static struct journal_reader *open_reader(struct fixture *f, uint64_t after_seq)
{
	struct journal_reader *reader;
	struct errmsg em;

	assert_int_equal(journal_reader_open(f->dir, after_seq, &reader, &em), 0);
	return reader;
}

static void test_no_directory(void **state)
{
	struct journal_reader *reader = NULL;
	struct errmsg em = { "" };

	assert_int_equal(journal_reader_open("/nonexistent/journal", 0, &reader, &em), -ENOENT);
	assert_non_null(strstr(em.text, "/nonexistent/journal"));
}

/* Opened before anything is there, then through rotations and the writer's restarts. */
static void test_follows(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader = open_reader(f, 0);
	struct read_result r;
	uint64_t last = 0;

	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	assert_int_equal(fixture_read_on(f, reader).records, 0);
	assert_int_equal(journal_reader_newest(reader), 0);
	for (int run = 0; run < 3; run++) {
		fixture_open(f);
		assert_int_equal(fixture_read_on(f, reader).records, 0);
		for (int i = 0; i < 10; i++) {
			fixture_write(f, 37, 5);
			r = fixture_read_on(f, reader);
			assert_int_equal(r.records, 37);
			assert_int_equal(r.first_seq, last + 1);
			assert_int_equal(r.losses.n, 0);
			last = r.last_seq;
			assert_int_equal(journal_reader_newest(reader), last);
		}
		fixture_close(f);
		assert_int_equal(fixture_read_on(f, reader).records, 0);
	}
	journal_reader_close(&reader);
	assert_null(reader);
}

static void set_changed(const char *path, struct timespec changed)
{
	const struct timespec times[2] = { changed, changed };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void expect_next(struct fixture *f, struct journal_reader *reader, unsigned int n)
{
	struct read_result r = fixture_read_on(f, reader);

	assert_int_equal(r.records, n);
	assert_int_equal(r.losses.n, 0);
}

/* The directory has been left alone for long, so the reader relies on that it is; then it is not.
 */
static void test_follows_after_a_rest(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader = open_reader(f, 0);

	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	for (int i = 0; i < 10; i++) {
		fixture_write(f, 20, 5);
		set_changed(f->dir, (struct timespec){ 1000000000, 500 });
		expect_next(f, reader, 20);
		expect_next(f, reader, 0);
		fixture_write(f, 200, 5);
		expect_next(f, reader, 200);
	}
	journal_reader_close(&reader);
}

/* A segment that came in the same moment of a coarse clock as the change before it. */
static void test_follows_within_a_tick(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader = open_reader(f, 0);
	struct stat st;

	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	for (int i = 0; i < 10; i++) {
		fixture_write(f, 20, 5);
		expect_next(f, reader, 20);
		assert_int_equal(stat(f->dir, &st), 0);
		fixture_write(f, 200, 5);
		set_changed(f->dir, st.st_mtim);
		expect_next(f, reader, 200);
	}
	journal_reader_close(&reader);
}

static void test_directory_stamp(void **state)
{
	struct fixture *f = *state;
	struct journal_directory_stamp stamp;
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY), file;

	assert_true(fd >= 0);
	journal_directory_stamp(fd, &stamp);
	assert_false(journal_directory_is_as_at(fd, &stamp));
	set_changed(f->dir, (struct timespec){ 1000000000, 500 });
	journal_directory_stamp(fd, &stamp);
	assert_true(journal_directory_is_as_at(fd, &stamp));
	file = openat(fd, "name", O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(file >= 0);
	assert_false(journal_directory_is_as_at(fd, &stamp));
	assert_int_equal(unlinkat(fd, "name", 0), 0);
	close(file);
	close(fd);
}

static void test_open_end(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct read_result r;
	struct errmsg em;

	fixture_open(f);
	fixture_write(f, 500, 7);
	assert_int_equal(journal_reader_open_end(f->dir, &reader, &em), 0);
	assert_int_equal(fixture_read_on(f, reader).records, 0);
	fixture_write(f, 3, 3);
	r = fixture_read_on(f, reader);
	assert_int_equal(r.records, 3);
	assert_int_equal(r.first_seq, 501);
	assert_int_equal(r.losses.n, 0);
	journal_reader_close(&reader);
}

/* Starting in the middle of a batch gives the rest of it. */
static void test_any_start(void **state)
{
	struct fixture *f = *state;

	f->settings.segment_bytes = 64 * 1024;
	f->record_bytes = 1000;
	fixture_open(f);
	fixture_write(f, 300, 7);
	for (uint64_t after = 0; after < 300; after++) {
		struct read_result r = fixture_read(f, after);

		assert_int_equal(r.losses.n, 0);
		assert_int_equal(r.first_seq, after + 1);
		assert_int_equal(r.records, 300 - after);
	}
	assert_int_equal(fixture_read(f, 300).records, 0);
}

/* A cursor of another, longer journal: everything again rather than nothing. */
static void test_start_beyond_the_end(void **state)
{
	struct fixture *f = *state;
	struct read_result r;

	fixture_open(f);
	fixture_write(f, 10, 5);
	r = fixture_read(f, 5000);
	assert_int_equal(r.records, 10);
	assert_int_equal(r.first_seq, 1);
	assert_int_equal(r.losses.n, 0);
}

/* The segment under the reader is dropped: it reads on in the open file, then names the gap. */
static void test_lags_behind_retention(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct journal_stats stats;
	struct read_result r;

	f->record_bytes = 1000;
	f->settings.max_bytes = 512 * 1024;
	fixture_open(f);
	fixture_write(f, 20, 10);
	reader = open_reader(f, 0);
	assert_int_equal(fixture_read_on(f, reader).records, 20);
	fixture_write(f, 3000, 20);
	journal_stats(f->journal, &stats);
	r = fixture_read_on(f, reader);
	assert_int_equal(r.first_seq, 21);
	assert_int_equal(r.last_seq, 3020);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_FULL);
	assert_int_equal(r.losses.list[0].last_seq, stats.first_seq - 1);
	assert_int_equal(r.records + r.losses.list[0].count, 3000);
	journal_reader_close(&reader);
}

/* A batch that is half there is not there yet; whole, it is read. */
static void test_half_written_batch_is_waited_for(void **state)
{
	struct fixture *f = *state;
	static uint8_t tail[65536];
	struct journal_reader *reader;
	uint32_t length;
	char path[128];
	uint64_t at;
	int fd;

	fixture_open(f);
	fixture_write(f, 20, 10);
	fixture_close(f);
	fixture_segment_path(f, 1, path, sizeof(path));
	at = fixture_batch(f, 1, 1, &length);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, tail, length, (off_t)at), length);
	assert_int_equal(ftruncate(fd, (off_t)at), 0);
	reader = open_reader(f, 0);
	assert_int_equal(fixture_read_on(f, reader).records, 10);
	for (uint32_t have = 0; have < length; have++) {
		struct read_result r = fixture_read_on(f, reader);

		assert_int_equal(r.records, 0);
		assert_int_equal(r.losses.n, 0);
		assert_int_equal(pwrite(fd, tail + have, 1, (off_t)(at + have)), 1);
	}
	assert_int_equal(fixture_read_on(f, reader).records, 10);
	journal_reader_close(&reader);
	close(fd);
}

/* What happened to the two batches in the middle is said before what comes behind them. */
static void test_damage_in_the_middle(void **state)
{
	struct fixture *f = *state;
	struct journal_reader *reader;
	struct journal_record record;
	struct journal_loss loss;
	struct errmsg em;
	char path[128];

	fixture_open(f);
	fixture_write(f, 100, 10);
	fixture_segment_path(f, 1, path, sizeof(path));
	fixture_flip(path, fixture_batch(f, 1, 3, NULL) + 200, 1);
	/* The scan gives the fourth sound one, which is the fifth. */
	fixture_flip(path, fixture_batch(f, 1, 3, NULL) + 20, 1);
	reader = open_reader(f, 0);
	for (uint64_t seq = 1; seq <= 30; seq++) {
		assert_int_equal(journal_reader_next(reader, &record, &loss, &em),
				 JOURNAL_READ_RECORD);
		assert_int_equal(record.seq, seq);
	}
	assert_int_equal(journal_reader_next(reader, &record, &loss, &em), JOURNAL_READ_LOSS);
	assert_int_equal(loss.cause, LOSS_JOURNAL_DAMAGED);
	assert_int_equal(loss.first_seq, 31);
	assert_int_equal(loss.last_seq, 50);
	assert_int_equal(loss.count, 20);
	assert_int_equal(journal_reader_next(reader, &record, &loss, &em), JOURNAL_READ_RECORD);
	assert_int_equal(record.seq, 51);
	journal_reader_close(&reader);
}

/* A whole header destroyed, both copies. */
static void test_destroyed_header(void **state)
{
	struct fixture *f = *state;
	struct read_result r;
	uint64_t first[16];
	char path[128];

	f->record_bytes = 1000;
	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	fixture_write(f, 500, 10);
	assert_true(fixture_segments(f, first, 16) >= 3);
	fixture_segment_path(f, first[1], path, sizeof(path));
	fixture_flip(path, 100, 1);
	fixture_flip(path, 356, 1);
	r = fixture_read(f, 0);
	assert_int_equal(r.losses.n, 1);
	assert_int_equal(r.losses.list[0].cause, LOSS_JOURNAL_DAMAGED);
	assert_int_equal(r.losses.list[0].first_seq, first[1]);
	assert_int_equal(r.losses.list[0].last_seq, first[2] - 1);
	assert_int_equal(r.last_seq, 500);
}

/* An event can't counterfeit a batch: the bytes of a whole one inside a damaged record, with
 * everything right but the number of the segment, are not taken. */
static void test_embedded_batch_of_another_segment(void **state)
{
	struct fixture *f = *state;
	static uint8_t batch[65536];
	uint32_t length;
	char path[128];
	uint64_t at, from;
	int fd;

	fixture_open(f);
	fixture_write(f, 50, 50);
	fixture_close(f);
	fixture_open(f);
	fixture_write(f, 5, 5);
	fixture_segment_path(f, 51, path, sizeof(path));
	from = fixture_batch(f, 51, 0, &length);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, batch, length, (off_t)from), length);
	close(fd);
	fixture_segment_path(f, 1, path, sizeof(path));
	at = fixture_batch(f, 1, 0, NULL);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, batch, length, (off_t)(at + 3000)), length);
	close(fd);
	assert_int_equal(fixture_read(f, 0).records, 5);
	assert_int_equal(fixture_read(f, 0).losses.n, 1);
	assert_int_equal(fixture_read(f, 0).losses.list[0].first_seq, 1);
	assert_int_equal(fixture_read(f, 0).losses.list[0].last_seq, 50);
}

struct follower {
	struct fixture *f;
	atomic_bool stop;
	struct read_result total;
};

static void *follow(void *ctx)
{
	struct follower *follower = ctx;
	struct journal_reader *reader = open_reader(follower->f, 0);
	bool last_round;

	do {
		struct read_result r;

		last_round = atomic_load(&follower->stop);
		r = fixture_read_on(follower->f, reader);
		follower->total.records += r.records;
		follower->total.losses.n += r.losses.n;
		if (r.records)
			follower->total.last_seq = r.last_seq;
	} while (!last_round);
	journal_reader_close(&reader);
	return NULL;
}

/* Reading all the time while batches of all lengths are written and segments rotate: each record
 * once, in order, and no loss that was none. */
static void test_reads_beside_the_writer(void **state)
{
	struct fixture *f = *state;
	struct follower follower = { .f = f };
	pthread_t thread;

	f->settings.segment_bytes = 128 * 1024;
	fixture_open(f);
	assert_int_equal(pthread_create(&thread, NULL, follow, &follower), 0);
	for (unsigned int i = 0; i < 300; i++)
		fixture_write(f, 1 + i % 200, 1 + i % 50);
	atomic_store(&follower.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(follower.total.losses.n, 0);
	assert_int_equal(follower.total.records, follower.total.last_seq);
	assert_int_equal(follower.total.last_seq, fixture_read(f, 0).last_seq);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_no_directory),
		TEST(test_follows),
		TEST(test_follows_after_a_rest),
		TEST(test_follows_within_a_tick),
		TEST(test_directory_stamp),
		TEST(test_open_end),
		TEST(test_any_start),
		TEST(test_start_beyond_the_end),
		TEST(test_lags_behind_retention),
		TEST(test_half_written_batch_is_waited_for),
		TEST(test_damage_in_the_middle),
		TEST(test_destroyed_header),
		TEST(test_embedded_batch_of_another_segment),
		TEST(test_reads_beside_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
