#include "pipeline/journal_seal.h"

#include "journal_fixture.h"
#include "pipeline/journal_format.h"
#include "pipeline/journal_key.h"
#include "pipeline/journal_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct sealed {
	struct fixture *f;
	char key[160];
	uint64_t first[16];
	size_t segments;
};

static void export_key(struct fixture *f, char *key, size_t cap)
{
	struct buf text = buf_fixed(key, cap - 1);
	struct errmsg em = { "" };

	if (journal_seal_export(f->dir, &text, &em) < 0)
		fail_msg("%s", em.text);
	assert_true(buf_ok(&text));
	key[text.len] = '\0';
}

/* A sealed journal of several segments, closed in order, 400 records of 1 KB. */
static struct sealed make_sealed(struct fixture *f)
{
	struct sealed s = { .f = f };

	f->settings.seal = true;
	f->settings.segment_bytes = 128 * 1024;
	f->record_bytes = 1000;
	export_key(f, s.key, sizeof(s.key));
	fixture_open(f);
	fixture_write(f, 400, 10);
	fixture_close(f);
	s.segments = fixture_segments(f, s.first, 16);
	assert_true(s.segments >= 4);
	return s;
}

static struct journal_verdict verify(const struct sealed *s, const char *key)
{
	struct journal_verdict verdict;
	struct errmsg em = { "" };

	if (journal_verify(s->f->dir, key, &verdict, &em) < 0)
		fail_msg("%s", em.text);
	return verdict;
}

static void expect_sound(const struct sealed *s, uint64_t records)
{
	struct journal_verdict v = verify(s, s->key);

	if (!v.sound)
		fail_msg("%s", v.bad);
	assert_true(v.sealed);
	assert_int_equal(v.records, records);
	assert_int_equal(v.missing_records, 0);
}

/* The verdict must name the segment, the offset (-1: any) and contain the words. */
static void expect_bad(const struct sealed *s, uint64_t segment, int64_t offset, const char *words)
{
	struct journal_verdict v = verify(s, s->key);
	char place[80];

	assert_false(v.sound);
	snprintf(place, sizeof(place), "segment %020llu.weir, offset ",
		 (unsigned long long)segment);
	if (offset >= 0)
		snprintf(place + strlen(place), sizeof(place) - strlen(place),
			 "%lld: ", (long long)offset);
	if (!strstr(v.bad, place) || !strstr(v.bad, words))
		fail_msg("'%s' does not say '%s' and '%s'", v.bad, place, words);
}

static void test_sound_journal(void **state)
{
	struct sealed s = make_sealed(*state);
	struct journal_verdict v;

	expect_sound(&s, 400);
	v = verify(&s, s.key);
	assert_int_equal(v.end, JOURNAL_END_CLEAN);
	assert_int_equal(v.first_seq, 1);
	assert_int_equal(v.last_seq, 400);
	assert_int_equal(v.segments, s.segments);
	v = verify(&s, NULL);
	assert_true(v.sound);
	assert_false(v.sealed);
}

static void test_sound_while_written_and_across_restarts(void **state)
{
	struct sealed s = make_sealed(*state);
	struct journal_verdict v;

	for (int i = 1; i <= 3; i++) {
		fixture_open(s.f);
		fixture_write(s.f, 100, 7);
		v = verify(&s, s.key);
		assert_true(v.sound);
		assert_int_equal(v.end, JOURNAL_END_OPEN);
		fixture_close(s.f);
		expect_sound(&s, 400 + 100 * (uint64_t)i);
	}
	assert_int_equal(verify(&s, s.key).unclean_ends, 0);
}

static void test_any_flipped_bit_shows(void **state)
{
	struct sealed s;
	char path[128];
	uint64_t size;

	((struct fixture *)*state)->settings.seal = true;
	s.f = *state;
	s.f->record_bytes = 40;
	export_key(s.f, s.key, sizeof(s.key));
	fixture_open(s.f);
	fixture_write(s.f, 12, 4);
	fixture_close(s.f);
	expect_sound(&s, 12);
	fixture_segment_path(s.f, 1, path, sizeof(path));
	size = fixture_file_bytes(path);
	/* Of the header one copy is enough; the second is its spare. */
	for (uint64_t at = JOURNAL_HEADER_BYTES; at < size; at++) {
		unsigned char mask = (unsigned char)(1u << at % 8);

		fixture_flip(path, at, mask);
		assert_false(verify(&s, s.key).sound);
		fixture_flip(path, at, mask);
	}
	expect_sound(&s, 12);
}

/* Someone who knows the format puts every CRC right again. Only the seal can tell. */
static void test_forged_content(void **state)
{
	struct sealed s = make_sealed(*state);
	static uint8_t batch[65536];
	uint8_t tag[JOURNAL_TAG_BYTES];
	uint32_t length;
	uint64_t at = fixture_batch(s.f, s.first[1], 2, &length);
	char path[128];
	int fd;

	fixture_segment_path(s.f, s.first[1], path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, batch, length, (off_t)at), length);
	batch[300] ^= 1; /* a letter of a record */
	memcpy(tag, journal_batch_tag(batch), sizeof(tag));
	journal_batch_finish(batch);
	journal_batch_finish_trailer(batch, tag);
	assert_int_equal(pwrite(fd, batch, length, (off_t)at), length);
	close(fd);
	assert_true(verify(&s, NULL).sound); /* frames and CRCs are right */
	expect_bad(&s, s.first[1], (int64_t)at, "the seal is wrong");
}

/* Cuts n bytes out of a file. */
static void cut_out(const char *path, uint64_t at, uint64_t n)
{
	static uint8_t block[1 << 20];
	int fd = open(path, O_RDWR);
	ssize_t rest = pread(fd, block, sizeof(block), (off_t)(at + n));

	assert_true(rest >= 0);
	assert_int_equal(pwrite(fd, block, (size_t)rest, (off_t)at), rest);
	assert_int_equal(ftruncate(fd, (off_t)at + rest), 0);
	close(fd);
}

static void test_removed_batch(void **state)
{
	struct sealed s = make_sealed(*state);
	uint32_t length;
	uint64_t at = fixture_batch(s.f, s.first[1], 3, &length);
	char path[128];

	fixture_segment_path(s.f, s.first[1], path, sizeof(path));
	cut_out(path, at, length);
	expect_bad(&s, s.first[1], (int64_t)at, "removed, swapped or inserted");
	assert_int_equal(verify(&s, s.key).missing_records, 10);
}

static void test_swapped_batches(void **state)
{
	struct sealed s = make_sealed(*state);
	static uint8_t a[65536], b[65536];
	uint32_t na, nb;
	uint64_t at = fixture_batch(s.f, s.first[1], 3, &na);
	char path[128];
	int fd;

	assert_int_equal(fixture_batch(s.f, s.first[1], 4, &nb), at + na);
	fixture_segment_path(s.f, s.first[1], path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, a, na, (off_t)at), na);
	assert_int_equal(pread(fd, b, nb, (off_t)(at + na)), nb);
	assert_int_equal(pwrite(fd, b, nb, (off_t)at), nb);
	assert_int_equal(pwrite(fd, a, na, (off_t)(at + nb)), na);
	close(fd);
	expect_bad(&s, s.first[1], (int64_t)at, "removed, swapped or inserted");
}

static void test_repeated_batch(void **state)
{
	struct sealed s = make_sealed(*state);
	static uint8_t a[65536];
	uint32_t n;
	uint64_t at = fixture_batch(s.f, s.first[s.segments - 1], 0, &n);
	char path[128];
	int fd;

	fixture_segment_path(s.f, s.first[s.segments - 1], path, sizeof(path));
	fd = open(path, O_RDWR | O_APPEND);
	assert_int_equal(pread(fd, a, n, (off_t)at), n);
	at = fixture_file_bytes(path);
	assert_int_equal(write(fd, a, n), n);
	close(fd);
	expect_bad(&s, s.first[s.segments - 1], (int64_t)at, "removed, swapped or inserted");
}

static void test_removed_segment(void **state)
{
	struct sealed s = make_sealed(*state);
	char path[128];

	fixture_segment_path(s.f, s.first[1], path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	expect_bad(&s, s.first[2], 0, "segments 2 to 2 before it are missing");
	assert_int_equal(verify(&s, s.key).missing_records, s.first[2] - s.first[1]);
}

static void test_removed_oldest_segment(void **state)
{
	struct sealed s = make_sealed(*state);
	char path[128];

	fixture_segment_path(s.f, s.first[0], path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	expect_bad(&s, s.first[1], 0, "not by retention");
}

static void test_retention_is_sound(void **state)
{
	struct sealed s = make_sealed(*state);
	char path[128];
	struct journal_verdict v;

	s.f->settings.max_bytes = 300 * 1024;
	fixture_open(s.f);
	fixture_write(s.f, 400, 10);
	fixture_close(s.f);
	v = verify(&s, s.key);
	if (!v.sound)
		fail_msg("%s", v.bad);
	assert_true(v.first_seq > 400);
	/* Off the host there are only the segments and the key. */
	snprintf(path, sizeof(path), "%s/state", s.f->dir);
	assert_int_equal(unlink(path), 0);
	assert_true(verify(&s, s.key).sound);
}

static void test_removed_newest_segment(void **state)
{
	struct sealed s = make_sealed(*state);
	char path[128];

	fixture_segment_path(s.f, s.first[s.segments - 1], path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	expect_bad(&s, s.first[s.segments - 2], -1, "are missing");
}

static void test_truncated_end(void **state)
{
	struct sealed s = make_sealed(*state);
	uint64_t newest = s.first[s.segments - 1], at = fixture_batch(s.f, newest, 1, NULL);
	char path[128], saved[128];

	fixture_segment_path(s.f, newest, path, sizeof(path));
	assert_int_equal(truncate(path, (off_t)at), 0);
	expect_bad(&s, newest, (int64_t)at, "had been synced");
	/* Without the state that can't be seen, but the end is not a clean one. */
	snprintf(saved, sizeof(saved), "%s/state", s.f->dir);
	assert_int_equal(unlink(saved), 0);
	assert_true(verify(&s, s.key).sound);
	assert_int_equal(verify(&s, s.key).end, JOURNAL_END_OPEN);
}

/* Cut short, then weir starts again: it must not declare that end sound. */
static void test_restart_does_not_cover_a_truncation(void **state)
{
	struct sealed s = make_sealed(*state);
	uint64_t newest = s.first[s.segments - 1], at = fixture_batch(s.f, newest, 1, NULL);
	char path[128];

	fixture_segment_path(s.f, newest, path, sizeof(path));
	assert_int_equal(truncate(path, (off_t)at), 0);
	fixture_open(s.f);
	assert_int_equal(s.f->losses.n, 1);
	assert_int_equal(s.f->losses.list[0].last_seq, 400);
	fixture_write(s.f, 10, 10);
	fixture_close(s.f);
	expect_bad(&s, 401, 0, "damaged after it had been synced");
}

/* An inner segment is cut at a batch and the link in the next one, with its CRCs, is made to fit:
 * its own seal still tells. */
static void test_restart_does_not_cover_a_change(void **state)
{
	struct sealed s = make_sealed(*state);
	uint64_t newest = s.first[s.segments - 1];
	static uint8_t batch[65536];
	uint8_t tag[JOURNAL_TAG_BYTES];
	uint32_t length;
	uint64_t at = fixture_batch(s.f, newest, 1, &length);
	char path[128];
	int fd;

	fixture_segment_path(s.f, newest, path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, batch, length, (off_t)at), length);
	batch[300] ^= 1;
	memcpy(tag, journal_batch_tag(batch), sizeof(tag));
	journal_batch_finish(batch);
	journal_batch_finish_trailer(batch, tag);
	assert_int_equal(pwrite(fd, batch, length, (off_t)at), length);
	close(fd);
	fixture_open(s.f);
	fixture_write(s.f, 10, 10);
	fixture_close(s.f);
	expect_bad(&s, newest, (int64_t)at, "the seal is wrong");
}

/* The whole newest segment is made anew with other keys. */
static void test_replaced_with_a_wrong_key(void **state)
{
	struct sealed s = make_sealed(*state);
	struct journal_seal_keys keys = { .number = s.segments - 1 };
	uint64_t newest = s.first[s.segments - 1];
	struct journal_segment_header header;
	uint8_t bytes[JOURNAL_HEADER_BYTES];
	struct journal_seal *seal;
	char path[128];
	int fd;

	fixture_segment_path(s.f, newest, path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_true(journal_header_parse(bytes, sizeof(bytes), &header));
	memset(keys.next_segment, 7, sizeof(keys.next_segment));
	seal = journal_seal_create(&keys);
	assert_int_equal(journal_seal_segment(seal, &header), 0);
	assert_int_equal(journal_seal_header(seal, &header), 0);
	journal_header_finish(&header, bytes);
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	journal_seal_free(&seal);
	close(fd);
	expect_bad(&s, newest, 0, "wrong key");
}

static void write_and_die(struct fixture *f, unsigned int n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		fixture_open(f);
		fixture_write(f, n, 10);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* A torn tail that recovery declared is told from one that nobody did. */
static void test_torn_tail_is_declared(void **state)
{
	struct sealed s = { .f = *state };
	struct journal_verdict v;
	uint32_t length;
	uint64_t at;
	char path[128];

	s.f->settings.seal = true;
	s.f->settings.sync_interval_ns = 3600 * NSEC_PER_SEC;
	export_key(s.f, s.key, sizeof(s.key));
	write_and_die(s.f, 100);
	fixture_segment_path(s.f, 1, path, sizeof(path));
	at = fixture_batch(s.f, 1, 9, &length);
	assert_int_equal(truncate(path, (off_t)(at + length / 2)), 0);
	v = verify(&s, s.key);
	assert_true(v.sound);
	assert_int_equal(v.end, JOURNAL_END_TORN);
	fixture_open(s.f);
	fixture_write(s.f, 10, 10);
	fixture_close(s.f);
	expect_sound(&s, 100);
	v = verify(&s, s.key);
	assert_int_equal(v.torn_ends, 1);
	assert_int_equal(v.unclean_ends, 1);
	assert_int_equal(v.declared_lost, 10);
	assert_int_equal(v.end, JOURNAL_END_CLEAN);
}

static void test_sound_after_kills(void **state)
{
	struct sealed s = { .f = *state };

	s.f->settings.seal = true;
	s.f->settings.segment_bytes = 64 * 1024;
	s.f->settings.sync_interval_ns = 5 * NSEC_PER_MSEC;
	s.f->record_bytes = 1000;
	export_key(s.f, s.key, sizeof(s.key));
	for (unsigned int i = 1; i <= 5; i++) {
		write_and_die(s.f, 100);
		expect_sound(&s, 100 * i);
	}
	assert_int_equal(verify(&s, s.key).unclean_ends, 4);
}

/* What is in memory and on disk now is of no use against what is sealed. */
static void test_state_does_not_hold_old_keys(void **state)
{
	struct sealed s = make_sealed(*state);
	struct journal_state st;
	struct journal_key key;
	char path[128];
	uint8_t bytes[8192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/state", s.f->dir);
	fd = open(path, O_RDONLY);
	assert_int_equal(journal_state_load(fd, &st), 0);
	n = pread(fd, bytes, sizeof(bytes), 0);
	close(fd);
	assert_int_equal(st.number, s.segments);
	assert_int_equal(journal_key_parse(s.key, &key), 0);
	assert_null(memmem(bytes, (size_t)n, key.key, sizeof(key.key)));
	/* Both copies are the newest: the older one was overwritten. */
	assert_memory_equal(bytes, bytes + 4096, 512);
}

static void test_key_that_does_not_fit(void **state)
{
	struct sealed s = make_sealed(*state), other = s;
	struct journal_verdict v;
	struct errmsg em = { "" };
	char wrong[160];

	/* Same journal, another key: one digit of the base64 part. */
	memcpy(wrong, s.key, sizeof(wrong));
	wrong[strlen(wrong) - 10] = wrong[strlen(wrong) - 10] == 'A' ? 'B' : 'A';
	memcpy(other.key, wrong, sizeof(wrong));
	expect_bad(&other, 1, 0, "wrong key");
	other.key[25] = other.key[25] == '0' ? '1' : '0';
	expect_bad(&other, 1, 0, "not this key's");
	assert_int_equal(journal_verify(s.f->dir, "weir-journal-key:v1:zz", &v, &em), -EINVAL);
	assert_non_null(strstr(em.text, "not a verification key"));
}

static void test_sealing_switched_off_shows(void **state)
{
	struct sealed s = make_sealed(*state);

	s.f->settings.seal = false;
	fixture_open(s.f);
	fixture_write(s.f, 10, 10);
	fixture_close(s.f);
	expect_bad(&s, 401, 0, "not sealed");
	s.f->settings.seal = true; /* the chain goes on behind it all the same */
	fixture_open(s.f);
	fixture_write(s.f, 10, 10);
	fixture_close(s.f);
	expect_bad(&s, 401, 0, "not sealed");
}

static void test_new_chain_shows(void **state)
{
	struct sealed s = make_sealed(*state);
	char path[128];

	snprintf(path, sizeof(path), "%s/state", s.f->dir);
	assert_int_equal(unlink(path), 0);
	fixture_open(s.f);
	assert_true(journal_has_lost_keys(s.f->journal));
	fixture_write(s.f, 10, 10);
	fixture_close(s.f);
	expect_bad(&s, 401, 0, "sealed with new keys from sequence 401");
	fixture_open(s.f);
	assert_false(journal_has_lost_keys(s.f->journal));
	fixture_close(s.f);
}

static void test_export_only_for_a_new_journal(void **state)
{
	struct sealed s = make_sealed(*state);
	char text[160];
	struct buf key = buf_fixed(text, sizeof(text));
	struct errmsg em = { "" };

	assert_int_equal(journal_seal_export(s.f->dir, &key, &em), -EEXIST);
	assert_int_equal(key.len, 0);
	assert_non_null(strstr(em.text, "has begun"));
	fixture_open(s.f);
	assert_int_equal(journal_seal_export(s.f->dir, &key, &em), -EBUSY);
}

static void test_key_text(void **state)
{
	struct journal_key key, again;
	char text[160];
	struct buf out = buf_fixed(text, sizeof(text) - 1);

	for (size_t i = 0; i < sizeof(key.key); i++)
		key.key[i] = (uint8_t)(i * 37);
	memset(key.journal_id, 0xa5, sizeof(key.journal_id));
	journal_key_write(&key, &out);
	text[out.len] = '\0';
	assert_string_equal(text, "weir-journal-key:v1:a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5:"
				  "ACVKb5S53gMoTXKXvOEGK1B1mr/kCS5TeJ3C5wwxVns=");
	assert_int_equal(journal_key_parse(text, &again), 0);
	assert_memory_equal(&key, &again, sizeof(key));
	for (size_t cut = 0; cut < out.len; cut++) {
		char shorter[160];

		memcpy(shorter, text, cut);
		shorter[cut] = '\0';
		assert_int_equal(journal_key_parse(shorter, &again), -EINVAL);
	}
	strncat(text, "\n", 2);
	assert_int_equal(journal_key_parse(text, &again), 0);
	strncat(text, "x", 2);
	assert_int_equal(journal_key_parse(text, &again), -EINVAL);
}

/* The chains' values for a fixed key, computed apart from this code (see docs/journal-format.md,
 * "Test vector"). */
static void test_vector(void **state)
{
	struct journal_seal_keys keys = { .number = 0 };
	struct journal_segment_header header = { .number = 1 };
	static const uint8_t tag_expected[] = { 0xa1, 0xc3, 0x67, 0x20, 0xf5, 0x53, 0xbd, 0x93,
						0x67, 0x6a, 0xb5, 0xe6, 0x3c, 0x18, 0x9d, 0xd6 };
	static const uint8_t proof_expected[] = { 0xee, 0x4a, 0xc6, 0x0e, 0x5b, 0x63, 0x34, 0xac,
						  0x7d, 0x2f, 0xd8, 0xae, 0x64, 0x94, 0x41, 0x0a };
	uint8_t tag[JOURNAL_TAG_BYTES], proof[JOURNAL_TAG_BYTES];
	struct journal_seal *seal;

	for (size_t i = 0; i < JOURNAL_KEY_BYTES; i++)
		keys.next_segment[i] = (uint8_t)i;
	seal = journal_seal_create(&keys);
	assert_int_equal(journal_seal_segment(seal, &header), 0);
	assert_int_equal(journal_seal_tag(seal, "weir", 4, tag), 0);
	assert_memory_equal(tag, tag_expected, sizeof(tag));
	assert_int_equal(journal_seal_advance(seal, tag), 0);
	assert_int_equal(journal_seal_proof(seal, proof), 0);
	assert_memory_equal(proof, proof_expected, sizeof(proof));
	journal_seal_free(&seal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_sound_journal),
		TEST(test_sound_while_written_and_across_restarts),
		TEST(test_any_flipped_bit_shows),
		TEST(test_forged_content),
		TEST(test_removed_batch),
		TEST(test_swapped_batches),
		TEST(test_repeated_batch),
		TEST(test_removed_segment),
		TEST(test_removed_oldest_segment),
		TEST(test_retention_is_sound),
		TEST(test_removed_newest_segment),
		TEST(test_truncated_end),
		TEST(test_restart_does_not_cover_a_truncation),
		TEST(test_restart_does_not_cover_a_change),
		TEST(test_replaced_with_a_wrong_key),
		TEST(test_torn_tail_is_declared),
		TEST(test_sound_after_kills),
		TEST(test_state_does_not_hold_old_keys),
		TEST(test_key_that_does_not_fit),
		TEST(test_sealing_switched_off_shows),
		TEST(test_new_chain_shows),
		TEST(test_export_only_for_a_new_journal),
		cmocka_unit_test(test_key_text),
		cmocka_unit_test(test_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
