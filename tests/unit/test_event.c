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
		cmocka_unit_test(test_image_holds_nothing_unredacted),
		cmocka_unit_test(test_image_names_what_is_not_utf8),
		cmocka_unit_test(test_images_of_any_size_keep_their_account),
		cmocka_unit_test(test_image_too_large_is_refused),
		cmocka_unit_test(test_manual_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
