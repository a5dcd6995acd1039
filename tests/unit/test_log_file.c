/* The file of lines: rotation, crash, reopening; and the dead letters, which are one. */
#include "base/clock.h"
#include "outputs/dead_letters.h"
#include "outputs/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW (1700000000 * NSEC_PER_SEC)

static char directory[64], path[96];

static int setup(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/weir-log-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/events.json", directory);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int teardown(void **state)
{
	return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *content(const char *suffix)
{
	static char text[65536];
	char full[128];
	ssize_t n = -1;
	int fd;

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	fd = open(full, O_RDONLY);
	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n] = '\0';
	return text;
}

static struct log_file *open_file(struct log_file_settings settings)
{
	struct log_file *file;
	struct errmsg em;

	settings.path = path;
	settings.mode = 0600;
	assert_int_equal(log_file_open(&settings, NOW, &file, &em), 0);
	return file;
}

static void test_rotates_by_size_and_keeps_so_many(void **state)
{
	struct log_file *file = open_file((struct log_file_settings){ .max_bytes = 10, .keep = 2 });
	static const char *const lines[] = { "one one\n", "two two\n", "three 3\n", "four 44\n" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(log_file_append(file, str_of(lines[i]), NOW), 0);
	assert_string_equal(content(""), "four 44\n");
	assert_string_equal(content(".1"), "three 3\n");
	assert_string_equal(content(".2"), "two two\n");
	assert_null(content(".3"));
	assert_int_equal(log_file_removed(file), 1);
	log_file_close(&file);
}

static void test_rotates_by_age(void **state)
{
	struct log_file *file =
		open_file((struct log_file_settings){ .max_age_ns = NSEC_PER_SEC, .keep = 1 });

	assert_int_equal(log_file_append(file, STR("a\n"), NOW), 0);
	assert_int_equal(log_file_append(file, STR("b\n"), NOW + NSEC_PER_SEC - 1), 0);
	assert_int_equal(log_file_append(file, STR("c\n"), NOW + NSEC_PER_SEC), 0);
	assert_string_equal(content(""), "c\n");
	assert_string_equal(content(".1"), "a\nb\n");
	log_file_close(&file);
}

static void test_half_a_line_of_a_crash_stays_alone(void **state)
{
	struct log_file *file = open_file((struct log_file_settings){ 0 });

	assert_int_equal(log_file_append(file, STR("whole\nhal"), NOW), 0);
	log_file_close(&file);
	file = open_file((struct log_file_settings){ 0 });
	assert_int_equal(log_file_append(file, STR("next\n"), NOW), 0);
	assert_string_equal(content(""), "whole\nhal\nnext\n");
	log_file_close(&file);
}

static void test_a_write_that_fails_leaves_nothing(void **state)
{
	struct log_file *file = open_file((struct log_file_settings){ 0 });
	struct rlimit limit = { 12, RLIM_INFINITY }, old;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(log_file_append(file, STR("12345678\n"), NOW), 0);
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(log_file_append(file, STR("abcdefgh\n"), NOW), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_string_equal(content(""), "12345678\n");
	assert_int_equal(log_file_append(file, STR("abcdefgh\n"), NOW), 0);
	assert_string_equal(content(""), "12345678\nabcdefgh\n");
	log_file_close(&file);
}

static void test_reopens_after_it_was_moved(void **state)
{
	struct log_file *file = open_file((struct log_file_settings){ 0 });
	char moved[128];

	snprintf(moved, sizeof(moved), "%s.moved", path);
	assert_int_equal(log_file_append(file, STR("before\n"), NOW), 0);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(log_file_append(file, STR("still\n"), NOW), 0);
	assert_int_equal(log_file_reopen(file, NOW), 0);
	assert_int_equal(log_file_append(file, STR("after\n"), NOW), 0);
	assert_string_equal(content(".moved"), "before\nstill\n");
	assert_string_equal(content(""), "after\n");
	log_file_close(&file);
}

static void test_a_fifo_or_a_directory_is_refused(void **state)
{
	struct log_file_settings settings = { .path = path, .mode = 0600 };
	struct log_file *file;
	struct errmsg em;

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_not_equal(log_file_open(&settings, NOW, &file, &em), 0);
	assert_non_null(strstr(em.text, "not a regular file"));
	settings.path = directory;
	assert_int_not_equal(log_file_open(&settings, NOW, &file, &em), 0);
}

static void test_dead_letters_stay_below_their_bound(void **state)
{
	struct dead_letters *letters = dead_letters_create(directory, "out", 4096);
	struct dead_letter letter = { .time_wall_ns = NOW,
				      .seq = 9,
				      .output = STR("out"),
				      .id = STR("boot-9"),
				      .reason = STR("say \"no\"\n"),
				      .attempts = 2,
				      .event = STR("{\"a\":1}") };
	struct stat st;
	struct errmsg em;
	unsigned int i;

	for (i = 0; i < 200; i++)
		assert_int_equal(dead_letters_append(letters, &letter, &em), 0);
	snprintf(path, sizeof(path), "%s/out.dead", directory);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 4096);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_non_null(content(".1"));
	assert_null(content(".2"));
	assert_true(dead_letters_removed(letters) > 0);
	assert_memory_equal(
		content(""),
		"{\"time\":\"2023-11-14T22:13:20Z\",\"output\":\"out\",\"id\":\"boot-9\","
		"\"seq\":\"9\",\"reason\":\"say \\\"no\\\"\\n\",\"attempts\":2,"
		"\"event\":{\"a\":1}}\n",
		strlen("{\"time\":\"2023-11-14T22:13:20Z\",\"output\":\"out\""));
	dead_letters_free(&letters);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rotates_by_size_and_keeps_so_many),
		T(test_rotates_by_age),
		T(test_half_a_line_of_a_crash_stays_alone),
		T(test_a_write_that_fails_leaves_nothing),
		T(test_reopens_after_it_was_moved),
		T(test_a_fifo_or_a_directory_is_refused),
		T(test_dead_letters_stay_below_their_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
