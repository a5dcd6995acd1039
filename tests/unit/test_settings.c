/* The defaults, the shipped example that must equal them, and the rules between settings. */
#include "config/settings.h"

#include "base/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/weir-test-settings-XXXXXX";

static const char *write_file(const char *text)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/weir-test-settings-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static struct settings_document *load(const char *text)
{
	struct settings_document *doc;
	struct errmsg em = { "" };
	int err = settings_load(text ? write_file(text) : NULL, &doc, &em);

	if (text)
		unlink(path);
	if (err)
		fail_msg("refused: %s", em.text);
	return doc;
}

/* expected: what follows the file's name. */
static void refused(const char *text, const char *expected)
{
	struct settings_document *doc;
	struct errmsg em = { "" };

	assert_true(settings_load(write_file(text), &doc, &em) < 0);
	unlink(path);
	assert_null(doc);
	assert_memory_equal(em.text, path, strlen(path));
	assert_string_equal(em.text + strlen(path), expected);
}

static void test_defaults(void **state)
{
	struct settings_document *doc = load(NULL);
	const struct settings *s = settings_of(doc);

	assert_string_equal(s->node_name, "");
	assert_int_equal(s->log_level, 2);
	assert_int_equal(s->sensor.arguments_bytes, 32768);
	assert_int_equal(s->sensor.environment.n, 0);
	assert_int_equal(s->sensor.task_entries, 65536);
	assert_true(s->sensor.existing_processes);
	assert_true(s->sensor.tcp);
	assert_int_equal(s->processes.max_bytes, 24 << 20);
	assert_int_equal(s->processes.linger_ns, 60000000000);
	assert_int_equal(s->processes.credentials, 1);
	assert_null(s->pipeline);
	assert_string_equal(s->journal.directory, "/var/lib/weir/journal");
	assert_int_equal(s->journal.max_bytes, 1 << 30);
	assert_int_equal(s->journal.segment_bytes, 64 << 20);
	assert_int_equal(s->journal.sync_interval_ns, 1000000000);
	assert_int_equal(s->journal.when_full, 0);
	assert_true(s->journal.seal);
	assert_int_equal(s->forwarder.drain_timeout_ns, 5000000000);
	assert_null(s->outputs);
	assert_string_equal(s->metrics.listen, "127.0.0.1:9560");
	assert_string_equal(s->control.socket, "/run/weir/control.sock");
	settings_free(&doc);
	assert_null(doc);
}

/* Every leaf of the table stands in the shipped file, and with the default's value. */
static void compare(const struct config_item *items, const struct config_node *map, const void *a,
		    const void *b)
{
	for (const struct config_item *item = items; item->name; item++) {
		const struct config_node *node = config_node_get(map, item->name);
		struct config_item one[2] = { *item, CONFIG_END };
		struct config_item_name name;

		if (item->type == CONFIG_NODE)
			continue;
		if (!node)
			fail_msg("%s is not in config/weir.yaml", item->name);
		if (item->type == CONFIG_MAP) {
			compare(item->items, node, a, b);
			continue;
		}
		one[0].live = false;
		if (config_restart_needed(one, a, b, &name))
			fail_msg("config/weir.yaml: %s is not the default", name.text);
	}
}

static void test_example_equals_defaults(void **state)
{
	struct settings_document *defaults = load(NULL), *example;
	struct config_document *doc;
	struct errmsg em = { "" };

	if (settings_load(WEIR_EXAMPLE, &example, &em) < 0 ||
	    config_parse_copy(settings_copy(example), WEIR_EXAMPLE, &doc, &em) < 0)
		fail_msg("%s", em.text);
	compare(settings_items, config_root(doc), settings_of(defaults), settings_of(example));
	assert_null(settings_of(example)->pipeline);
	assert_null(settings_of(example)->outputs);
	config_document_free(&doc);
	settings_free(&example);
	settings_free(&defaults);
}

static void test_copy_outlives_the_file(void **state)
{
	struct settings_document *first = load("journal: {max_bytes: 2GiB}\n"), *second;
	struct errmsg em = { "" };
	int copy = settings_copy(first);

	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(write(copy, "x", 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(settings_load_copy(dup(copy), path, &second, &em), 0);
	assert_int_equal(settings_of(second)->journal.max_bytes, 2ull << 30);
	settings_free(&second);
	settings_free(&first);
}

static void test_wrong_copy_is_told_by_the_files_name(void **state)
{
	struct settings_document *doc;
	struct errmsg em = { "" };
	int fd = memory_file_create("test");

	assert_int_equal(write(fd, "foo: 1\n", 7), 7);
	assert_int_equal(settings_load_copy(fd, "weir.yaml", &doc, &em), -EINVAL);
	assert_null(doc);
	assert_memory_equal(em.text, "weir.yaml:1:1: unknown key 'foo'", 32);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(settings_load_copy(fd, "weir.yaml", &doc, &em), -EBADF);
	assert_non_null(strstr(em.text, "weir.yaml: its copy (descriptor"));
}

static void test_defaults_have_no_copy(void **state)
{
	struct settings_document *doc = load(NULL);

	assert_int_equal(settings_copy(doc), -1);
	settings_free(&doc);
}

static void test_empty_file_is_the_defaults(void **state)
{
	struct settings_document *doc = load("# nothing but this\njournal:\n  # nor here\n");

	assert_int_equal(settings_of(doc)->journal.max_bytes, 1 << 30);
	settings_free(&doc);
}

static void test_refusals(void **state)
{
	refused("journal:\n  max_byte: 1GiB\n",
		":2:3: unknown key 'max_byte' in journal; did you mean 'max_bytes'?");
	refused("journal:\n  sync_interval: 5 parsecs\n",
		":2:18: journal.sync_interval: '5 parsecs' is not a duration; write "
		"250ms, 10s, 5m, 12h or 7d");
	refused("sensor: {arguments_bytes: 1MiB}\n",
		":1:27: sensor.arguments_bytes: '1MiB' is out of range; write 256 to 128KiB");
	refused("processes:\n  ancestors: 33\n",
		":2:14: processes.ancestors: '33' is out of range; write 0 to 32");
	refused("journal: {max_bytes: 100MiB}\n",
		":1:22: journal.segment_bytes (64MiB) is more than half of journal.max_bytes "
		"(100MiB); raise max_bytes or lower segment_bytes");
	refused("journal: {directory: j}\n",
		":1:22: journal.directory: a directory is written from the root; write /j");
	refused("metrics: {listen: localhost}\n",
		":1:19: metrics.listen: write ADDRESS:PORT as in 127.0.0.1:9560 or [::1]:9560, or "
		"\"\" for off");
	refused("metrics: {listen: '::1:80'}\n",
		":1:19: metrics.listen: write ADDRESS:PORT as in 127.0.0.1:9560 or [::1]:9560, or "
		"\"\" for off");
	refused("control: {socket: run/x}\n",
		":1:19: control.socket: write a path from the root of less than 108 bytes");
	refused("sensor:\n  environment: [PATH, A=b]\n",
		":2:23: sensor.environment[1]: write the name of a variable alone, as in "
		"LD_PRELOAD");
	refused("outputs: stdout\n", ":1:10: outputs takes a list; begin each entry with '- '");
}

static void test_missing_file(void **state)
{
	struct settings_document *doc;
	struct errmsg em;

	assert_true(settings_load("/nonexistent/weir.yaml", &doc, &em) < 0);
	assert_string_equal(em.text,
			    "/nonexistent/weir.yaml: can't be opened: No such file or directory");
	assert_true(settings_load("/tmp", &doc, &em) < 0);
	assert_string_equal(em.text, "/tmp: can't be opened: Is a directory");
}

static void test_restart_needed(void **state)
{
	struct settings_document *a = load(NULL),
				 *same = load("log_level: debug\ncluster_name: x\n"),
				 *other = load("journal: {directory: /j}\n"),
				 *list = load("sensor: {environment: [A]}\n"),
				 *name = load("node_name: x\n");

	assert_null(settings_restart_needed(settings_of(a), settings_of(same)));
	assert_string_equal(settings_restart_needed(settings_of(a), settings_of(other)),
			    "journal.directory");
	assert_string_equal(settings_restart_needed(settings_of(a), settings_of(list)),
			    "sensor.environment");
	/* It is part of every exec_id: the same process would have two. */
	assert_string_equal(settings_restart_needed(settings_of(a), settings_of(name)),
			    "node_name");
	settings_free(&a);
	settings_free(&same);
	settings_free(&other);
	settings_free(&list);
	settings_free(&name);
}

static void test_override(void **state)
{
	struct settings_document *doc = load("journal: {directory: /j}\n");
	struct settings_overrides overrides = { .journal_directory = "/k", .format = "compact" };
	const struct settings *s = settings_of(doc);
	const struct config_node *output;
	struct errmsg em;

	assert_int_equal(settings_override(doc, &overrides, &em), 0);
	assert_string_equal(s->journal.directory, "/k");
	assert_string_equal(s->forwarder.state_directory, "/var/lib/weir/state");
	assert_int_equal(config_node_count(s->outputs), 1);
	output = config_node_at(s->outputs, 0);
	assert_true(str_equal(config_node_text(config_node_get(output, "format")), STR("compact")));
	settings_free(&doc);
}

static void test_override_refuses(void **state)
{
	struct settings_document *doc = load("outputs: [{name: a, type: stdout}]\n");
	struct settings_overrides overrides = { .format = "json" };
	struct errmsg em;

	assert_true(settings_override(doc, &overrides, &em) < 0);
	assert_non_null(strstr(em.text, "--output-format"));
	settings_free(&doc);
	doc = load(NULL);
	overrides.format = "json}, {";
	assert_true(settings_override(doc, &overrides, &em) < 0);
	settings_free(&doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_example_equals_defaults),
		cmocka_unit_test(test_copy_outlives_the_file),
		cmocka_unit_test(test_wrong_copy_is_told_by_the_files_name),
		cmocka_unit_test(test_defaults_have_no_copy),
		cmocka_unit_test(test_empty_file_is_the_defaults),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_restart_needed),
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_override_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
