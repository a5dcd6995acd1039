/* The page is read back by a parser that takes nothing but the text format 0.0.4 as written: what
 * it accepts, Prometheus accepts. */
#include "pipeline/metrics.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_FAMILIES 100
#define MAX_SAMPLES  4000
#define MAX_LABELS   3

struct label {
	char key[32];
	char value[METRICS_NAME_BYTES * 3 + 1];
};

struct sample {
	char name[96];
	struct label labels[MAX_LABELS];
	size_t labels_count;
	char value[48];
};

struct family_seen {
	char name[96], help[512], type[16];
	size_t samples;
};

struct page {
	struct family_seen families[MAX_FAMILIES];
	struct sample samples[MAX_SAMPLES];
	size_t families_count, samples_count;
};

/* ---- the parser ---- */

/* Takes [A-Za-z_:][A-Za-z0-9_:]* into name. */
static const char *take_name(const char *p, char *name, size_t size)
{
	size_t n = 0;

	assert_true(isalpha((unsigned char)*p) || *p == '_' || *p == ':');
	while (isalnum((unsigned char)*p) || *p == '_' || *p == ':') {
		assert_true(n + 1 < size);
		name[n++] = *p++;
	}
	name[n] = '\0';
	return p;
}

static const char *take_literal(const char *p, const char *literal)
{
	if (strncmp(p, literal, strlen(literal)) != 0)
		fail_msg("expected \"%s\" at \"%.40s\"", literal, p);
	return p + strlen(literal);
}

static const char *take_line(const char *p, char *text, size_t size)
{
	const char *end = strchr(p, '\n');

	assert_non_null(end);
	assert_true((size_t)(end - p) < size);
	memcpy(text, p, (size_t)(end - p));
	text[end - p] = '\0';
	return end + 1;
}

static char unescape(char c)
{
	if (c == 'n')
		return '\n';
	if (c != '\\' && c != '"')
		fail_msg("no such escape: \\%c", c);
	return c;
}

static const char *take_label(const char *p, struct label *label)
{
	size_t n = 0;

	p = take_name(p, label->key, sizeof(label->key));
	p = take_literal(p, "=\"");
	while (*p != '"') {
		assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
		assert_true(n + 1 < sizeof(label->value));
		if (*p == '\\')
			p++, label->value[n++] = unescape(*p++);
		else
			label->value[n++] = *p++;
	}
	label->value[n] = '\0';
	assert_true(utf8_is_valid((struct str){ label->value, n }));
	return p + 1;
}

static const char *take_number(const char *p, char *value, size_t size)
{
	size_t digits, n;

	p = take_line(take_literal(p, " "), value, size);
	digits = strspn(value, "0123456789");
	assert_true(digits > 0);
	n = value[digits] == '.' ? digits + 1 + strspn(value + digits + 1, "0123456789") : digits;
	assert_true(value[n] == '\0' && value[n - 1] != '.');
	return p;
}

static const char *take_sample(const char *p, struct sample *sample)
{
	p = take_name(p, sample->name, sizeof(sample->name));
	if (*p == '{') {
		do {
			assert_true(sample->labels_count < MAX_LABELS);
			p = take_label(p + 1, &sample->labels[sample->labels_count++]);
		} while (*p == ',');
		p = take_literal(p, "}");
	}
	return take_number(p, sample->value, sizeof(sample->value));
}

static const char *take_family(const char *p, struct page *page)
{
	struct family_seen *family = &page->families[page->families_count++];
	char name[96];

	assert_true(page->families_count <= MAX_FAMILIES);
	p = take_name(take_literal(p, "# HELP "), family->name, sizeof(family->name));
	p = take_line(take_literal(p, " "), family->help, sizeof(family->help));
	p = take_name(take_literal(p, "# TYPE "), name, sizeof(name));
	assert_string_equal(name, family->name);
	p = take_line(take_literal(p, " "), family->type, sizeof(family->type));
	while (*p && *p != '#') {
		struct sample *sample = &page->samples[page->samples_count++];

		assert_true(page->samples_count <= MAX_SAMPLES);
		p = take_sample(p, sample);
		assert_string_equal(sample->name, family->name);
		family->samples++;
	}
	return p;
}

/* The page of a board, parsed; freed with free(). */
static struct page *read_page(const struct metrics_board *board)
{
	struct page *page = calloc(1, sizeof(*page));
	struct buf text = buf_growable(1 << 20);
	const char *p;

	assert_non_null(page);
	metrics_write_prometheus(board, &text);
	buf_putc(&text, '\0');
	assert_true(buf_ok(&text));
	assert_int_equal(strlen(text.p), text.len - 1);
	for (p = text.p; *p;)
		p = take_family(p, page);
	buf_free(&text);
	return page;
}

static const char *label_of(const struct sample *sample, const char *key)
{
	for (size_t i = 0; i < sample->labels_count; i++)
		if (strcmp(sample->labels[i].key, key) == 0)
			return sample->labels[i].value;
	return NULL;
}

/* The value of the one sample of that name and, where key is not NULL, that label. */
static const char *value_of(const struct page *page, const char *name, const char *key,
			    const char *wanted)
{
	const char *value = NULL;

	for (size_t i = 0; i < page->samples_count; i++) {
		const struct sample *sample = &page->samples[i];
		const char *label = key ? label_of(sample, key) : NULL;

		if (strcmp(sample->name, name) != 0 || (key && (!label || strcmp(label, wanted))))
			continue;
		assert_null(value);
		value = sample->value;
	}
	if (!value)
		fail_msg("no sample %s{%s=%s}", name, key ? key : "", key ? wanted : "");
	return value;
}

/* ---- a board for each test ---- */

static int open_board(void **state)
{
	struct metrics_board *board;
	struct metrics_fds fds;

	board = metrics_create(&fds);
	assert_non_null(board);
	metrics_close_fds(&fds);
	*state = board;
	return 0;
}

static int close_board(void **state)
{
	struct metrics_board *board = *state;

	metrics_unmap(&board);
	assert_null(board);
	return 0;
}

static struct metrics_output *add_output(struct metrics_board *board, const char *name)
{
	struct metrics_output *output = &board->forwarder.output[board->forwarder.outputs];

	assert_true(strlen(name) <= METRICS_NAME_BYTES);
	memcpy(output->name, name, strlen(name));
	memcpy(output->type, "file", 5);
	board->forwarder.outputs++;
	return output;
}

/* ---- the page ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n >= k && strcmp(s + n - k, end) == 0;
}

static void test_every_family_once_and_named_by_convention(void **state)
{
	struct page *page;

	add_output(*state, "a");
	page = read_page(*state);
	assert_true(page->families_count > 40);
	for (size_t i = 0; i < page->families_count; i++) {
		const struct family_seen *family = &page->families[i];
		bool counter = strcmp(family->type, "counter") == 0;

		assert_true(counter || strcmp(family->type, "gauge") == 0);
		assert_int_equal(counter, ends_with(family->name, "_total"));
		assert_true(strncmp(family->name, "weir_", 5) == 0);
		assert_false(ends_with(family->name, "_ms") || ends_with(family->name, "_ns"));
		assert_true(strlen(family->help) > 10 && !strpbrk(family->help, "\\|"));
		assert_true(family->samples > 0);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(page->families[k].name, family->name);
	}
	free(page);
}

static bool same_series(const struct sample *a, const struct sample *b)
{
	if (strcmp(a->name, b->name) != 0 || a->labels_count != b->labels_count)
		return false;
	for (size_t i = 0; i < a->labels_count; i++)
		if (strcmp(a->labels[i].key, b->labels[i].key) != 0 ||
		    strcmp(a->labels[i].value, b->labels[i].value) != 0)
			return false;
	return true;
}

static void test_no_series_twice_and_no_label_empty(void **state)
{
	struct page *page;

	add_output(*state, "a");
	add_output(*state, "b");
	page = read_page(*state);
	for (size_t i = 0; i < page->samples_count; i++) {
		for (size_t k = 0; k < i; k++)
			assert_false(same_series(&page->samples[k], &page->samples[i]));
		for (size_t k = 0; k < page->samples[i].labels_count; k++)
			assert_true(page->samples[i].labels[k].value[0]);
	}
	free(page);
}

static bool shows(const struct page *page, uint64_t v)
{
	char whole[32], seconds[32];

	snprintf(whole, sizeof(whole), "%llu", (unsigned long long)v);
	snprintf(seconds, sizeof(seconds), "%llu.%09llu", (unsigned long long)v / 1000000000,
		 (unsigned long long)v % 1000000000);
	for (size_t i = 0; i < page->samples_count; i++)
		if (!strcmp(page->samples[i].value, whole) ||
		    !strcmp(page->samples[i].value, seconds))
			return true;
	return false;
}

/* A field that somebody adds to the board and forgets in the table fails here. */
static void test_every_counter_of_the_board_is_on_the_page(void **state)
{
	struct metrics_board *board = *state;
	struct metrics_output *output = add_output(board, "a");
	metric_t *collector = (metric_t *)&board->collector;
	/* A word to the forwarder, no counter. */
	const metric_t *drain_seq = &board->collector.drain_seq;
	metric_t *const of_output[] = {
		&output->delivered,
		&output->delivered_bytes,
		&output->skipped,
		&output->rejected,
		&output->missed,
		&output->batches,
		&output->retries,
		&output->reconnects,
		&output->acked_seq,
		&output->in_flight,
		&output->replayed,
		&output->window,
		&output->window_used,
		&output->retry_wall_ns,
		&output->acked_wall_ns,
		&output->last_error_wall_ns,
		&board->forwarder.resident_bytes,
		&board->forwarder.ready,
	};
	size_t n = sizeof(board->collector) / sizeof(metric_t);
	struct page *page;

	for (size_t i = 0; i < n; i++)
		metric_set(&collector[i], 1000000 + i);
	for (size_t i = 0; i < ARRAY_SIZE(of_output); i++)
		metric_set(of_output[i], 2000000 + i);
	page = read_page(board);
	for (size_t i = 0; i < n; i++)
		if (&collector[i] != drain_seq && !shows(page, 1000000 + i))
			fail_msg("the counter at word %zu of struct metrics_collector is missing",
				 i);
	for (size_t i = 0; i < ARRAY_SIZE(of_output); i++)
		assert_true(shows(page, 2000000 + i));
	free(page);
}

static void test_values_stand_under_their_labels(void **state)
{
	struct metrics_board *board = *state;
	struct page *page;
	size_t seen = 0;

	metric_add(&board->collector.captured[KIND_PROCESS_EXEC], 7);
	metric_add(&board->collector.captured[KIND_PROCESS_EXEC], 5);
	metric_set(&board->collector.lost[KIND_PROCESS_EXIT][LOSS_RING_FULL], UINT64_MAX);
	metric_set(&board->collector.lost[KIND_NONE][LOSS_MALFORMED], 3);
	page = read_page(board);
	assert_string_equal(value_of(page, "weir_events_captured_total", "kind", "process_exec"),
			    "12");
	assert_string_equal(value_of(page, "weir_events_captured_total", "kind", "process_exit"),
			    "0");
	for (size_t i = 0; i < page->samples_count; i++) {
		const struct sample *sample = &page->samples[i];

		if (strcmp(sample->name, "weir_events_lost_total") || !strcmp(sample->value, "0"))
			continue;
		seen++;
		if (strcmp(label_of(sample, "kind"), "process_exit") == 0) {
			assert_string_equal(label_of(sample, "cause"),
					    loss_cause_name(LOSS_RING_FULL));
			assert_string_equal(sample->value, "18446744073709551615");
		} else {
			assert_string_equal(label_of(sample, "kind"), "none");
			assert_string_equal(label_of(sample, "cause"),
					    loss_cause_name(LOSS_MALFORMED));
			assert_string_equal(sample->value, "3");
		}
	}
	assert_int_equal(seen, 2);
	free(page);
}

static void test_times_are_seconds_to_the_digit(void **state)
{
	struct metrics_board *board = *state;
	struct page *page;

	metric_set(&board->collector.start_wall_ns, 1763776800000000001ull);
	page = read_page(board);
	assert_string_equal(value_of(page, "weir_start_time_seconds", NULL, NULL),
			    "1763776800.000000001");
	assert_string_equal(value_of(page, "weir_build_info", "version", WEIR_VERSION), "1");
	free(page);
}

static void test_one_state_is_1(void **state)
{
	struct metrics_board *board = *state;
	struct metrics_output *output = add_output(board, "a");
	struct page *page;

	metric_set(&output->state, OUTPUT_STATE_HELD);
	page = read_page(board);
	assert_string_equal(value_of(page, "weir_output_state", "state", "held"), "1");
	assert_string_equal(value_of(page, "weir_output_state", "state", "up"), "0");
	free(page);
	metric_set(&output->state, 77);
	page = read_page(board);
	for (uint64_t i = 0; i < METRICS_OUTPUT_STATES; i++)
		assert_string_equal(
			value_of(page, "weir_output_state", "state", metrics_state_name(i)), "0");
	assert_string_equal(metrics_state_name(77), "unknown");
	free(page);
}

static void test_hostile_names_stay_inside_their_label(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{ "a\"} 1\nforged_total 9", "a\"} 1\nforged_total 9" },
		{ "back\\slash\\", "back\\slash\\" },
		{ "\x1b[2Jred\r\x7f", "\xef\xbf\xbd[2Jred\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc3(\xff\xc2\x9b", "\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd" },
		{ "gr\xc3\xb6\xc3\x9ft", "gr\xc3\xb6\xc3\x9ft" },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  "0123456789012345678901234567890123456789012345678901234567890123" },
	};
	struct metrics_board *board = *state;
	struct page *page;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		metric_set(&add_output(board, cases[i].name)->delivered, 100 + i);
	page = read_page(board);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char expected[8];

		snprintf(expected, sizeof(expected), "%zu", 100 + i);
		assert_string_equal(value_of(page, "weir_output_events_delivered_total", "output",
					     cases[i].shown),
				    expected);
	}
	free(page);
}

static void test_a_lying_number_of_outputs_is_bounded(void **state)
{
	struct metrics_board *board = *state;
	struct page *page;
	size_t n = 0;

	board->forwarder.outputs = UINT32_MAX;
	page = read_page(board);
	for (size_t i = 0; i < page->samples_count; i++)
		n += strcmp(page->samples[i].name, "weir_output_info") == 0;
	assert_int_equal(n, METRICS_MAX_OUTPUTS);
	free(page);
}

static void test_page_that_does_not_fit_says_so(void **state)
{
	char mem[1000];
	struct buf out = buf_fixed(mem, sizeof(mem));

	metrics_write_prometheus(*state, &out);
	assert_false(buf_ok(&out));
	assert_true(out.len <= sizeof(mem));
}

static void test_manual_lists_what_the_page_has(void **state)
{
	struct buf manual = buf_growable(1 << 20);
	struct page *page;
	size_t rows = 0;

	add_output(*state, "a");
	page = read_page(*state);
	metrics_write_manual(&manual);
	buf_putc(&manual, '\0');
	assert_true(buf_ok(&manual));
	for (const char *p = manual.p; (p = strstr(p, "\n| `")); p++)
		rows++;
	assert_int_equal(rows, page->families_count);
	for (size_t i = 0; i < page->families_count; i++) {
		char row[160];

		snprintf(row, sizeof(row), "| `%s` | %s |", page->families[i].name,
			 page->families[i].type);
		assert_non_null(strstr(manual.p, row));
		assert_non_null(strstr(manual.p, page->families[i].help));
	}
	buf_free(&manual);
	free(page);
}

/* ---- the last error ---- */

static void assert_last_error(const struct metrics_output *output, const char *expected)
{
	char text[METRICS_TEXT_BYTES];

	memset(text, 'x', sizeof(text));
	metrics_output_last_error(output, text);
	assert_string_equal(text, expected);
}

static void test_last_error_round_trip(void **state)
{
	struct metrics_output *output = add_output(*state, "a");
	char big[1000], cut[METRICS_TEXT_BYTES];

	assert_last_error(output, "");
	metrics_output_error(output, 5, STR("connection refused by 192.0.2.1:6514"));
	assert_last_error(output, "connection refused by 192.0.2.1:6514");
	assert_int_equal(metric_get(&output->last_error_wall_ns), 5);
	metrics_output_error(output, 6, STR("short"));
	assert_last_error(output, "short");
	memset(big, 'q', sizeof(big));
	metrics_output_error(output, 7, (struct str){ big, sizeof(big) });
	memset(cut, 'q', sizeof(cut));
	cut[sizeof(cut) - 1] = '\0';
	assert_last_error(output, cut);
}

static void test_last_error_is_fit_for_a_terminal(void **state)
{
	struct metrics_output *output = add_output(*state, "a");
	char text[METRICS_TEXT_BYTES];
	struct page *page;

	metrics_output_error(output, 1, STR("no\nsuch\x1b]0;topic\xc2\x9b \xe2\x82\xac\xe2\x82"));
	assert_last_error(output, "no\xef\xbf\xbdsuch\xef\xbf\xbd]0;topic\xef\xbf\xbd \xe2\x82\xac"
				  "\xef\xbf\xbd\xef\xbf\xbd");
	/* Nothing ends it, each byte grows to three: still bounded, still whole characters. */
	memset(output->last_error, 0xff, METRICS_TEXT_BYTES);
	metrics_output_last_error(output, text);
	assert_true(strlen(text) < METRICS_TEXT_BYTES && strlen(text) > 200);
	assert_true(utf8_is_valid(str_of(text)));
	page = read_page(*state);
	free(page);
}

static void test_writer_that_died_in_the_middle_does_not_hold_the_reader(void **state)
{
	struct metrics_output *output = add_output(*state, "a");

	metrics_output_error(output, 1, STR("before"));
	output->error_version++;
	assert_last_error(output, "");
	metrics_output_error(output, 2, STR("its successor"));
	assert_int_equal(output->error_version % 2, 0);
	assert_last_error(output, "its successor");
}

struct error_writer {
	struct metrics_output *output;
	_Atomic bool stop;
};

static void *write_errors(void *arg)
{
	struct error_writer *writer = arg;
	char text[200];

	for (unsigned int i = 0; !atomic_load(&writer->stop); i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		metrics_output_error(writer->output, i,
				     (struct str){ text, 1 + i * 7 % sizeof(text) });
		sched_yield();
	}
	return NULL;
}

/* Each text is one letter over and over: two letters in one would be two texts. */
static void test_last_error_is_never_torn(void **state)
{
	struct error_writer writer = { .output = add_output(*state, "a") };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_errors, &writer), 0);
	for (size_t whole = 0; whole < 50000;) {
		char text[METRICS_TEXT_BYTES];

		metrics_output_last_error(writer.output, text);
		for (size_t i = 1; text[0] && text[i]; i++)
			assert_int_equal(text[i], text[0]);
		whole += text[0] != '\0';
	}
	atomic_store(&writer.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- sharing ---- */

static void test_two_mappings_are_one_board(void **state)
{
	struct metrics_board *mine, *theirs;
	struct metrics_fds fds;

	mine = metrics_create(&fds);
	assert_non_null(mine);
	assert_int_equal(fcntl(fds.collector, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fds.forwarder, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	theirs = metrics_map(&fds);
	assert_non_null(theirs);
	metric_add(&mine->collector.ring_records, 5);
	assert_int_equal(metric_get(&theirs->collector.ring_records), 5);
	metric_add(&theirs->forwarder.output[31].delivered, 9);
	assert_int_equal(metric_get(&mine->forwarder.output[31].delivered), 9);
	/* A forwarder that ends and one that follows it: the counters stay. */
	metrics_unmap(&theirs);
	theirs = metrics_map(&fds);
	assert_non_null(theirs);
	assert_int_equal(metric_get(&theirs->forwarder.output[31].delivered), 9);
	metrics_unmap(&theirs);
	metrics_unmap(&mine);
	metrics_unmap(&mine);
	metrics_close_fds(&fds);
}

/* The forwarder can't falsify what the collector counts, not even by mapping it anew. */
static void test_the_collectors_half_has_one_writer(void **state)
{
	struct metrics_board *mine, *theirs;
	struct metrics_fds fds;
	uint64_t forged = 7;

	mine = metrics_create(&fds);
	assert_non_null(mine);
	theirs = metrics_map(&fds);
	assert_non_null(theirs);
	assert_int_equal(mprotect(theirs, 4096, PROT_READ | PROT_WRITE), -1);
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds.collector, 0),
			 MAP_FAILED);
	assert_int_equal(pwrite(fds.collector, &forged, sizeof(forged), 0), -1);
	metric_add(&mine->collector.captured[0], 1);
	assert_int_equal(metric_get(&theirs->collector.captured[0]), 1);
	metrics_unmap(&theirs);
	metrics_unmap(&mine);
	metrics_close_fds(&fds);
}

static void assert_fixed_size(int fd)
{
	errno = 0;
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, sizeof(struct metrics_board) + METRICS_HALF_ALIGN), -1);
}

static void test_nobody_can_shrink_the_board(void **state)
{
	struct metrics_board *board;
	struct metrics_fds fds;

	board = metrics_create(&fds);
	assert_non_null(board);
	assert_fixed_size(fds.collector);
	assert_fixed_size(fds.forwarder);
	metrics_unmap(&board);
	metrics_close_fds(&fds);
}

static void assert_map_refused(const struct metrics_fds *fds, int expected_errno)
{
	errno = 0;
	assert_null(metrics_map(fds));
	assert_int_equal(errno, expected_errno);
}

static void test_what_is_no_board_is_not_mapped(void **state)
{
	int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct metrics_fds fds, mixed;
	struct metrics_board *board = metrics_create(&fds);

	assert_non_null(board);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, sizeof(struct metrics_board)), 0);
	mixed = (struct metrics_fds){ fds.collector, fd };
	assert_map_refused(&mixed, EINVAL);
	mixed = (struct metrics_fds){ fd, fds.forwarder };
	assert_map_refused(&mixed, EINVAL);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_map_refused(&mixed, EINVAL);
	close(fd);
	assert_map_refused(&mixed, EBADF);
	metrics_unmap(&board);
	metrics_close_fds(&fds);
}

#define BOARD_TEST(test) cmocka_unit_test_setup_teardown(test, open_board, close_board)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOARD_TEST(test_every_family_once_and_named_by_convention),
		BOARD_TEST(test_no_series_twice_and_no_label_empty),
		BOARD_TEST(test_every_counter_of_the_board_is_on_the_page),
		BOARD_TEST(test_values_stand_under_their_labels),
		BOARD_TEST(test_times_are_seconds_to_the_digit),
		BOARD_TEST(test_one_state_is_1),
		BOARD_TEST(test_hostile_names_stay_inside_their_label),
		BOARD_TEST(test_a_lying_number_of_outputs_is_bounded),
		BOARD_TEST(test_page_that_does_not_fit_says_so),
		BOARD_TEST(test_manual_lists_what_the_page_has),
		BOARD_TEST(test_last_error_round_trip),
		BOARD_TEST(test_last_error_is_fit_for_a_terminal),
		BOARD_TEST(test_writer_that_died_in_the_middle_does_not_hold_the_reader),
		BOARD_TEST(test_last_error_is_never_torn),
		cmocka_unit_test(test_two_mappings_are_one_board),
		cmocka_unit_test(test_the_collectors_half_has_one_writer),
		cmocka_unit_test(test_nobody_can_shrink_the_board),
		cmocka_unit_test(test_what_is_no_board_is_not_mapped),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
