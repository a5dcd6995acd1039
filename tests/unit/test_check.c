/* `weir check`: the shipped example, also with its commented parts in force, passes whole; a
 * mistake in any of the three places (weir's own settings, a stage, an output) is named. */
#include "cli/verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct verb verb_check;

static char path[64], out[1 << 16], example[1 << 16];

static void write_file(const char *text)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/weir-test-check-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* What it prints goes to `out`. */
static enum exit_code check(int argc, const char *const *words)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	enum exit_code code;
	char *argv[8];

	assert_non_null(file);
	for (int i = 0; i < argc; i++)
		argv[i] = (char *)words[i];
	fflush(NULL);
	dup2(fileno(file), STDOUT_FILENO);
	code = verb_check.run(&verb_check, argc, argv);
	fflush(NULL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	out[fread(out, 1, sizeof(out) - 1, file)] = '\0';
	fclose(file);
	return code;
}

static void read_example(void)
{
	FILE *file = fopen(WEIR_EXAMPLE, "r");

	assert_non_null(file);
	example[fread(example, 1, sizeof(example) - 1, file)] = '\0';
	fclose(file);
}

/* Takes the "# " from the lines of the block that begins with this one. */
static void uncomment(const char *first)
{
	char *line = strstr(example, first);

	assert_non_null(line);
	while (line && line[0] == '#' && line[1] == ' ') {
		memmove(line, line + 2, strlen(line + 2) + 1);
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static void test_example(void **state)
{
	const char *argv[] = { WEIR_EXAMPLE };

	assert_int_equal(check(1, argv), EXIT_OK);
	assert_string_equal(out, WEIR_EXAMPLE ": ok\n");
}

static void test_example_with_its_comments_in_force(void **state)
{
	const char *argv[] = { path };

	read_example();
	uncomment("# pipeline:\n");
	uncomment("# outputs:\n");
	assert_non_null(strstr(example, "\noutputs:\n  - name"));
	write_file(example);
	if (check(1, argv) != EXIT_OK)
		fail_msg("%s", out);
	unlink(path);
}

static void wrong(const char *text, const char *expected)
{
	const char *argv[] = { path, WEIR_EXAMPLE };
	char line[512];

	write_file(text);
	assert_int_equal(check(2, argv), EXIT_CONFIG);
	unlink(path);
	snprintf(line, sizeof(line), "%s:%s", path, expected);
	assert_memory_equal(out, line, strlen(line));
	assert_non_null(strstr(out, "\n" WEIR_EXAMPLE ": ok\n")); /* one line per file */
}

static void test_wrong(void **state)
{
	wrong("journal: {seal: perhaps}\n", "1:17: journal.seal: 'perhaps' is neither true nor "
					    "false; write true or false\n");
	wrong("pipeline:\n  - enrich: {user_name: true}\n",
	      "2:14: unknown key 'user_name' in pipeline[0].enrich; did you mean 'user_names'?\n");
	wrong("outputs:\n  - {name: a, type: file, path: /x, keep: 1001}\n",
	      "2:43: outputs[0].keep: '1001' is out of range; write 0 to 1000\n");
}

static void test_json(void **state)
{
	const char *argv[] = { WEIR_EXAMPLE, "--json", "/nonexistent" };

	assert_int_equal(check(3, argv), EXIT_CONFIG);
	assert_string_equal(out,
			    "[{\"file\":\"" WEIR_EXAMPLE "\",\"ok\":true,\"error\":null},"
			    "{\"file\":\"/nonexistent\",\"ok\":false,\"error\":\"/nonexistent: "
			    "can't be opened: No such file or directory\"}]\n");
}

static void test_usage(void **state)
{
	const char *argv[] = { "--jsno", "x" };

	assert_int_equal(check(0, argv), EXIT_USAGE);
	assert_int_equal(check(2, argv), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_example_with_its_comments_in_force),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
