/* The names of events, a process's text, and the image that is made of it. */
#include "fake_redaction.h"
#include "pipeline/event.h"
#include "pipeline/event_manual.h"
#include "pipeline/kernel_names.h"
#include "pipeline/process.h"
#include "pipeline/process_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define assert_text(s, literal)                                                          \
	do {                                                                             \
		struct str got_ = (s);                                                   \
                                                                                         \
		assert_int_equal(got_.n, sizeof(literal) - 1);                           \
		assert_memory_equal(got_.n ? got_.p : "", literal, sizeof(literal) - 1); \
	} while (0)

static void test_kinds_are_found_by_both_names(void **state)
{
	(void)state;
	for (int kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++) {
		const char *name = event_kind_name((enum event_kind)kind);
		const char *filter = event_kind_filter_name((enum event_kind)kind);

		assert_int_equal(event_kind_by_name(str_of(name)), kind);
		assert_int_equal(event_kind_by_name(str_of(filter)), kind);
	}
	assert_int_equal(event_kind_by_name(STR("none")), KIND_NONE);
	assert_int_equal(event_kind_by_name(STR("process_exe")), KIND_NONE);
	assert_int_equal(event_kind_by_name(STR("")), KIND_NONE);
	for (int cause = 0; cause < LOSS_CAUSES; cause++)
		assert_non_null(loss_cause_name((enum loss_cause)cause));
}

static void test_kernel_names_keep_their_quirks(void **state)
{
	(void)state;
	assert_text(capability_name(0), "CAP_CHOWN");
	assert_text(capability_name(1), "DAC_OVERRIDE");
	assert_text(capability_name(40), "CAP_CHECKPOINT_RESTORE");
	assert_text(capability_name(41), "");
	assert_text(securebit_name(7), "SecBitNoCapAmbientRaiseLocked");
	assert_text(signal_name(0), "");
	assert_text(signal_name(9), "SIGKILL");
	assert_text(signal_name(31), "SIGSYS");
	assert_text(signal_name(34), "SIGRTMIN");
	assert_text(signal_name(64), "SIGRTMAX");
	assert_text(tcp_state_name(10), "TCP_LISTEN");
	assert_text(tcp_state_name(13), "");
	assert_text(error_name(111), "ECONNREFUSED");
	assert_text(error_name(60000), "");
	assert_text(family_name(1), "");
}

static void check_path(const char *cwd, const char *path, const char *expected)
{
	char mem[256];
	struct buf out = buf_fixed(mem, sizeof(mem));

	path_absolute(str_of(cwd), str_of(path), &out);
	assert_true(buf_ok(&out));
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.p, expected, out.len);
}

static void test_paths_become_absolute_as_go_joins_them(void **state)
{
	(void)state;
	check_path("/home/me", "/bin/../bin/ls", "/bin/../bin/ls");
	check_path("/home/me", "./run.sh", "/home/me/run.sh");
	check_path("/home/me", "run.sh", "/home/me/run.sh");
	check_path("/home/me", "../you/run.sh", "/home/you/run.sh");
	check_path("/home/me", "../../../../x", "/x");
	check_path("/home/me", "a//b/./c/", "/home/me/a/b/c");
	check_path("/", "x", "/x");
	check_path("/", "", "/");
	check_path("", "./x", "x");
	check_path("", "../x", "../x");
	check_path("", "a/../../x", "../x");
}

static void check_join(struct str list, const char *expected, bool lossy)
{
	char mem[256];
	struct buf out = buf_fixed(mem, sizeof(mem));

	arguments_join(list, &out);
	assert_true(buf_ok(&out));
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.p, expected, out.len);
	assert_int_equal(arguments_are_lossy(list, STR("/bin/cmd")), lossy);
}

static void test_arguments_join_as_tetragon_joins_them(void **state)
{
	(void)state;
	check_join(STR(""), "", false);
	check_join(STR("cmd\0"), "", false);
	check_join(STR("/usr/bin/cmd\0a\0b\0"), "a b", false);
	check_join(STR("cmd\0a\0b"), "a b", false);
	check_join(STR("cmd\0a\0b c\0d\0"), "a \"b c\" d", true);
	check_join(STR("cmd\0b c\0d\0"), " \"b c\" d", true);
	check_join(STR("cmd\0say \"hi\"\0"), " \"say \"hi\"\"", true);
	check_join(STR("cmd\0\0a\0"), "a", true);
	check_join(STR("cmd\0a\0\0b\0\0"), "a  b ", true);
	check_join(STR("cmd\0\"a\0"), "\"a", true);
	check_join(STR("cmd\0a\tb\0"), "a\tb", true);
	check_join(STR("-cmd\0a\0"), "a", true);
}

static bool naive_is_lossy(struct str list)
{
	struct str element;

	list_take(&list, &element);
	while (list_take(&list, &element)) {
		bool empty = element.n == 0;

		for (size_t i = 0; i < element.n; i++)
			empty |= (unsigned char)element.p[i] <= ' ' || element.p[i] == '"' ||
				 element.p[i] == 0x7f;
		if (empty)
			return true;
	}
	return false;
}

/* "cmd" and words of any bytes that are seen; with one byte that hides something, if wanted. */
static struct str random_list(uint64_t *random, char *list, size_t n, bool hides)
{
	static const char odd[] = { 0, 1, ' ', '"', 0x7f, '\n' };

	for (size_t i = 0; i < n; i++) {
		*random = *random * 6364136223846793005ull + 1442695040888963407ull;
		list[i] = (char)(0x23 + (*random >> 33) % 90);
		if (*random >> 60 == 0)
			list[i] = 0;
		else if (*random >> 60 == 1)
			list[i] = (char)0xff;
	}
	if (hides)
		list[(*random >> 40) % n] = odd[(*random >> 33) % sizeof(odd)];
	memcpy(list, "cmd", 4);
	return (struct str){ list, n };
}

static void check_join_in_place(struct str list, char *at)
{
	char line[128];
	struct buf joined = buf_fixed(line, sizeof(line));
	struct str in_place;

	arguments_join(list, &joined);
	in_place = arguments_join_in_place(list, at);
	assert_int_equal(in_place.n, joined.len);
	assert_memory_equal(in_place.p, joined.p, joined.len);
}

/* Of every length, in memory of just that size. What is not lossy is joined in place as it is
 * elsewhere. */
static void test_lossy_lists_are_told_apart(void **state)
{
	uint64_t random = 1;
	unsigned int lossy = 0;

	(void)state;
	for (unsigned int i = 0; i < 96 * 400; i++) {
		size_t n = 4 + i / 400;
		char *mem = malloc(n);
		struct str list = random_list(&random, mem, n, i % 2);
		bool is_lossy = naive_is_lossy(list);

		assert_int_equal(arguments_are_lossy(list, STR("/bin/cmd")), is_lossy);
		if (!is_lossy)
			check_join_in_place(list, mem);
		lossy += is_lossy;
		free(mem);
	}
	assert_in_range(lossy, 10000, 30000);
}

static struct process_draft draft_of(const char *filename, const char *cwd)
{
	return (struct process_draft){
		.key = { 1000, 42 },
		.filename = str_of(filename),
		.cwd = str_of(cwd),
		.args = STR("x\0--flag\0two words\0"),
		.auid = 1000,
		.session_id = 7,
		.creds = { .uid = 3, .euid = 5 },
	};
}

static void test_image_takes_the_path_of_the_call(void **state)
{
	struct process_draft draft = draft_of("./x", "/opt");
	struct image *image;

	(void)state;
	draft.exe = STR("/opt/real/x");
	image = image_create(&draft, NULL);
	assert_text(image->binary.text, "/opt/x");
	assert_text(image->exe.text, "/opt/real/x");
	assert_text(image->cwd.text, "/opt");
	assert_text(image->arguments.text, "--flag \"two words\"");
	assert_text(image->argv.text, "x\0--flag\0two words\0");
	assert_int_equal(image->creds.euid, 5);
	assert_int_equal(image->session_id, 7);
	assert_int_equal(image->text_defects, TEXT_DEFECT_ARGUMENTS_LOSSY);
	image_unref(&image);

	draft.filename = STR("/opt/real/x");
	image = image_create(&draft, NULL);
	assert_ptr_equal(image->exe.text.p, image->binary.text.p);
	image_unref(&image);

	draft.filename = STR("");
	image = image_create(&draft, NULL);
	assert_text(image->binary.text, "/opt/real/x");
	image_unref(&image);
}

/* The list is kept where the line does not tell it, and only there. */
static void test_image_keeps_the_list_that_the_line_hides(void **state)
{
	struct process_draft draft = draft_of("/bin/x", "/");
	struct image *image;

	(void)state;
	draft.args = STR("x\0-a\0b\0");
	image = image_create(&draft, NULL);
	assert_text(image->arguments.text, "-a b");
	assert_int_equal(image->argv.text.n, 0);
	assert_int_equal(image->text_defects, 0);
	image_unref(&image);

	draft.args = STR("x\0-a\0b\xff\0");
	image = image_create(&draft, NULL);
	assert_text(image->arguments.text, "-a b\xff");
	assert_text(image->argv.text, "x\0-a\0b\xff\0");
	image_unref(&image);

	draft.args = STR("y\0-a\0");
	image = image_create(&draft, NULL);
	assert_text(image->arguments.text, "-a");
	assert_text(image->argv.text, "y\0-a\0");
	image_unref(&image);
}

static void test_fragments_are_kept_the_second_time(void **state)
{
	struct memory_account account = { 0 };
	struct fragment fragment = { 0 };

	(void)state;
	fragment_keep(&fragment, "abc", 3, &account);
	assert_null(fragment.p);
	assert_int_equal(fragment.n, 0);
	assert_int_equal(account.bytes, 0);
	for (int i = 0; i < 2; i++) {
		fragment_keep(&fragment, "abc", 3, &account);
		assert_memory_equal(fragment.p, "abc", 3);
		assert_int_equal(fragment.n, 3);
		assert_int_equal(account.bytes, 3);
	}
	fragment_drop(&fragment, &account);
	assert_int_equal(account.bytes, 0);
	fragment_keep(&fragment, "abc", 3, &account);
	assert_null(fragment.p);
}

static void test_equal_images_are_known(void **state)
{
	struct process_draft draft = draft_of("/bin/x", "/"), other = draft;
	struct image *image = image_create(&draft, NULL), *same;

	(void)state;
	other.key.pid++;
	same = image_create(&other, NULL);
	assert_true(image_is_equal(image, same));
	image_unref(&same);
	for (int which = 0; which < 8; which++) {
		other = draft;
		switch (which) {
		case 0:
			other.creds.uid = 4;
			break;
		case 1:
			other.ns.user = 4;
			break;
		case 2:
			other.session_id = 4;
			break;
		case 3:
			other.truncated = TRUNCATED_CWD;
			break;
		case 4:
			other.args = STR("x\0--flag\0two  word\0");
			break;
		case 5:
			other.cgroup = STR("/");
			break;
		case 6:
			other.cwd = STR("/x");
			break;
		default:
			other.cgroup_id = 1;
		}
		same = image_create(&other, NULL);
		assert_false(image_is_equal(image, same));
		image_unref(&same);
	}
	image_unref(&image);
}

static void test_image_holds_nothing_unredacted(void **state)
{
	struct process_draft draft = draft_of("/bin/SECRET", "/SECRET/home");
	struct image *image;

	(void)state;
	draft.exe = STR("/bin/other-SECRET");
	draft.args = STR("SECRET\0-pSECRET\0SECRETSECRET x\0");
	draft.env = STR("TOKEN=SECRET\0A=EXPLODE\0");
	image = image_create(&draft, NULL);
	assert_text(image->binary.text, "/bin/[secret removed]");
	assert_text(image->cwd.text, "/[secret removed]/home");
	assert_text(image->exe.text, "/bin/other-[secret removed]");
	assert_text(image->arguments.text,
		    " \"-p[secret removed]\" \"[secret removed][secret removed] x\"");
	assert_text(image->environment.text, "*****");
	assert_int_equal(image->redaction.replaced, 7);
	assert_int_equal(image->redaction.failed, 1);
	assert_null(memmem(image, image->alloc_bytes, "SECRET", 6));
	image_unref(&image);
}

static void test_image_names_what_is_not_utf8(void **state)
{
	struct process_draft draft = draft_of("/bin/x\xff", "/\xc0\xaf");
	struct image *image;

	(void)state;
	draft.args = STR("x\xff\0\xed\xa0\x80\0");
	draft.env = STR("A=\xfe\0");
	draft.cgroup = STR("\x80");
	draft.exe = STR("/fine");
	image = image_create(&draft, NULL);
	assert_int_equal(image->text_defects, TEXT_DEFECT_BINARY | TEXT_DEFECT_CWD |
						      TEXT_DEFECT_ARGV | TEXT_DEFECT_ENVIRONMENT |
						      TEXT_DEFECT_CGROUP);
	image_unref(&image);
}

static void test_images_of_any_size_keep_their_account(void **state)
{
	static char big[300 * 1024];
	struct memory_account account = { 0 };
	struct process_draft draft = draft_of("/bin/x", "/");
	struct image *image;

	(void)state;
	memset(big, 'a', sizeof(big));
	draft.args = (struct str){ big, sizeof(big) };
	image = image_create(&draft, NULL);
	assert_non_null(image);
	assert_int_equal(image->argv.text.n, sizeof(big));
	image_adopt(image, &account);
	image_adopt(image, &account);
	assert_int_equal(account.images, 1);
	assert_int_equal(account.bytes, image_bytes(image));
	fragment_keep(&image->json, "abc", 3, image->account);
	fragment_keep(&image->json, "abcde", 5, image->account);
	assert_int_equal(account.bytes, image_bytes(image));
	image_ref(image);
	image_unref(&(struct image *){ image });
	assert_int_equal(account.images, 1);
	image_unref(&image);
	assert_null(image);
	assert_int_equal(account.images, 0);
	assert_int_equal(account.bytes, 0);
}

static void test_image_too_large_is_refused(void **state)
{
	static char huge[5 * 1024 * 1024];
	struct process_draft draft = draft_of("/bin/x", "/");

	(void)state;
	memset(huge, 'a', sizeof(huge));
	draft.args = (struct str){ huge, sizeof(huge) };
	assert_null(image_create(&draft, NULL));
}

/* The page has a heading for every section and a row for every member, cut by nothing. */
static void test_manual_is_whole(void **state)
{
	struct buf out = buf_growable(1 << 20);
	size_t rows = 0;

	(void)state;
	events_write_manual(&out);
	assert_true(buf_ok(&out));
	for (size_t i = 0; i + 3 < out.len; i++)
		rows += !memcmp(out.p + i, "\n| `", 4);
	assert_int_equal(rows, event_members_count + LOSS_CAUSES);
	assert_null(memmem(out.p, out.len, "(null)", 6));
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_are_found_by_both_names),
		cmocka_unit_test(test_kernel_names_keep_their_quirks),
		cmocka_unit_test(test_paths_become_absolute_as_go_joins_them),
		cmocka_unit_test(test_arguments_join_as_tetragon_joins_them),
		cmocka_unit_test(test_image_takes_the_path_of_the_call),
		cmocka_unit_test(test_lossy_lists_are_told_apart),
		cmocka_unit_test(test_image_keeps_the_list_that_the_line_hides),
		cmocka_unit_test(test_fragments_are_kept_the_second_time),
		cmocka_unit_test(test_equal_images_are_known),
		cmocka_unit_test(test_image_holds_nothing_unredacted),
		cmocka_unit_test(test_image_names_what_is_not_utf8),
		cmocka_unit_test(test_images_of_any_size_keep_their_account),
		cmocka_unit_test(test_image_too_large_is_refused),
		cmocka_unit_test(test_manual_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
