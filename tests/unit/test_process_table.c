/* Who is known, for how long, and at what cost: the table under a fake clock, with images made of
 * real drafts. Each test ends with the table freed, which asserts that every byte was given back.
 */
#include "collector/process_table.h"

#include <malloc.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define SEC	      NSEC_PER_SEC
#define LINGER_SEC    10u
#define KEY(p, start) ((struct process_key){ .start_ns = (start), .pid = (p) })

static struct clock fake;

static struct process_table *table_of(uint32_t max_entries, uint64_t max_bytes)
{
	struct process_table_settings settings = { max_entries, max_bytes, LINGER_SEC * SEC };
	struct process_table *table;

	clock_init_fake(&fake, 100 * SEC, 1000 * SEC);
	table = process_table_create(&settings, &fake);
	assert_non_null(table);
	return table;
}

static struct process_table *big_table(void)
{
	return table_of(100000, 1ull << 30);
}

static void pass_seconds(struct process_table *table, uint64_t seconds)
{
	fake.fake_boot_ns += seconds * SEC;
	process_table_tick(table);
}

static struct process *do_fork(struct process_table *table, struct process_key parent,
			       struct process_key child)
{
	struct record record = { .type = EVENT_FORK,
				 .process = child,
				 .fork = { .parent = parent, .nspid = child.pid } };
	struct process *process = process_table_fork(table, &record);

	assert_non_null(process);
	return process;
}

/* flags: PROCESS_CLONE when `replaced` is the fork's own entry. */
static struct process *do_exec(struct process_table *table, struct process_key key,
			       struct process_key parent, struct process_key replaced,
			       uint32_t flags, const char *binary)
{
	struct process_draft draft = { .key = key,
				       .parent = parent,
				       .replaced = replaced,
				       .flags = PROCESS_EXECVE | flags,
				       .filename = str_of(binary),
				       .exe = str_of(binary),
				       .cwd = STR("/"),
				       .args = STR("x\0-y\0"),
				       .start_wall_ns = 5 };
	struct image *image = image_create(&draft, NULL);
	struct process *process = process_table_exec(table, &draft, image);

	assert_non_null(process);
	image_unref(&image);
	return process;
}

static struct process *first(struct process_table *table, struct process_key key)
{
	return do_exec(table, key, KEY(0, 0), KEY(0, 0), 0, "/sbin/init");
}

static struct process_table_stats stats_of(struct process_table *table)
{
	struct process_table_stats stats;

	process_table_stats(table, &stats);
	return stats;
}

/* As two events about the process leave it. */
static void encode_twice(struct process *process)
{
	for (int i = 0; i < 2; i++) {
		fragment_keep(&process->json, "\"pid\":1", 7, process->account);
		fragment_keep(&process->image->json, "\"uid\":0", 7, process->image->account);
	}
	assert_int_equal(process->json.n, 7);
	assert_int_equal(process->image->json.n, 7);
}

static void assert_binary(const struct process *process, const char *binary)
{
	assert_non_null(process);
	assert_non_null(process->image);
	assert_true(str_equal(process->image->binary.text, str_of(binary)));
}

static void test_a_fork_shares_its_parents_image(void **state)
{
	struct process_table *table = big_table();
	struct process *parent = first(table, KEY(1, 10));
	struct process *child = do_fork(table, KEY(1, 10), KEY(2, 20));

	(void)state;
	assert_ptr_equal(child->image, parent->image);
	assert_ptr_equal(child->parent, parent);
	assert_int_equal(child->flags, PROCESS_CLONE);
	assert_int_equal(child->start_wall_ns, 20 + 900 * SEC);
	assert_int_equal(parent->live_children, 1);
	assert_int_equal(stats_of(table).images, 1);
	assert_int_equal(stats_of(table).entries, 2);
	/* Told twice, as at start-up. */
	assert_ptr_equal(do_fork(table, KEY(1, 10), KEY(2, 20)), child);
	assert_int_equal(stats_of(table).entries, 2);
	process_table_free(&table);
}

static void test_init_tree_is_inherited(void **state)
{
	struct process_table *table = big_table();
	struct record record = { .process = KEY(50, 50), .fork = { KEY(1, 10), 1 } };

	(void)state;
	first(table, KEY(1, 10));
	assert_false(do_fork(table, KEY(1, 10), KEY(2, 20))->flags & PROCESS_IN_INIT_TREE);
	assert_true(process_table_fork(table, &record)->flags & PROCESS_IN_INIT_TREE);
	assert_true(do_fork(table, KEY(50, 50), KEY(51, 51))->flags & PROCESS_IN_INIT_TREE);
	process_table_free(&table);
}

static void test_exec_after_fork_has_the_forking_parent(void **state)
{
	struct process_table *table = big_table();
	struct process *shell = first(table, KEY(1, 10)), *ls;

	(void)state;
	do_fork(table, KEY(1, 10), KEY(2, 20));
	ls = do_exec(table, KEY(2, 21), KEY(1, 10), KEY(2, 20), PROCESS_CLONE, "/bin/ls");
	assert_ptr_equal(ls->parent, shell);
	assert_int_equal(ls->parent_key.pid, 1);
	assert_binary(ls, "/bin/ls");
	assert_int_equal(shell->live_children, 1);
	assert_int_equal(stats_of(table).live, 2);
	/* What was the fork only has gone for good soon after. */
	assert_non_null(process_table_find(table, KEY(2, 20)));
	pass_seconds(table, LINGER_SEC);
	assert_null(process_table_find(table, KEY(2, 20)));
	assert_int_equal(stats_of(table).entries, 2);
	assert_int_equal(stats_of(table).evictions, 0);
	process_table_free(&table);
}

static void test_exec_after_exec_has_the_image_before_as_parent(void **state)
{
	struct process_table *table = big_table();
	struct process *a = first(table, KEY(7, 10)), *b, *c;

	(void)state;
	b = do_exec(table, KEY(7, 20), KEY(1, 1), KEY(7, 10), 0, "/bin/b");
	c = do_exec(table, KEY(7, 30), KEY(1, 1), KEY(7, 20), 0, "/bin/c");
	assert_ptr_equal(c->parent, b);
	assert_ptr_equal(b->parent, a);
	assert_true(a->exited && b->exited && !c->exited);
	assert_int_equal(stats_of(table).live, 1);
	/* They stay known for as long as the last image runs, and a linger after it. */
	pass_seconds(table, 1000);
	assert_binary(process_table_find(table, KEY(7, 10)), "/sbin/init");
	process_table_exit(table, c);
	pass_seconds(table, LINGER_SEC);
	assert_int_equal(stats_of(table).entries, 0);
	assert_int_equal(stats_of(table).bytes, 0);
	process_table_free(&table);
}

static void test_exec_of_what_was_not_seen_before(void **state)
{
	struct process_table *table = big_table();
	struct process *process = do_exec(table, KEY(7, 20), KEY(1, 1), KEY(7, 10), 0, "/bin/b");

	(void)state;
	assert_null(process->parent);
	assert_int_equal(process->parent_key.start_ns, 10);
	assert_int_equal(stats_of(table).missed, 1);
	process_table_free(&table);
}

static void test_a_parent_is_known_while_its_child_runs(void **state)
{
	struct process_table *table = big_table();
	struct process *parent = first(table, KEY(1, 10));
	struct process *child = do_fork(table, KEY(1, 10), KEY(2, 20));

	(void)state;
	process_table_exit(table, parent);
	process_table_exit(table, parent); /* told twice */
	pass_seconds(table, 1000);
	assert_ptr_equal(process_table_find(table, KEY(1, 10)), parent);
	assert_ptr_equal(child->parent, parent);
	/* And it can fork again, late, in the order of the records. */
	child = do_exec(table, KEY(2, 30), KEY(1, 10), KEY(2, 20), PROCESS_CLONE, "/bin/b");
	assert_ptr_equal(child->parent, parent);
	process_table_exit(table, child);
	pass_seconds(table, LINGER_SEC - 1);
	assert_non_null(process_table_find(table, KEY(1, 10)));
	pass_seconds(table, 1);
	assert_null(process_table_find(table, KEY(1, 10)));
	assert_int_equal(stats_of(table).bytes, 0);
	process_table_free(&table);
}

static void test_a_lingering_parent_is_held_again(void **state)
{
	struct process_table *table = big_table();
	struct process *parent = first(table, KEY(1, 10));

	(void)state;
	process_table_exit(table, parent);
	do_fork(table, KEY(1, 10), KEY(2, 20));
	pass_seconds(table, 1000);
	assert_ptr_equal(process_table_find(table, KEY(1, 10)), parent);
	process_table_free(&table);
}

static void test_a_pid_used_again_is_another_process(void **state)
{
	struct process_table *table = big_table();
	struct process *old, *new;

	(void)state;
	first(table, KEY(1, 10));
	old = do_exec(table, KEY(9, 100), KEY(1, 10), KEY(0, 0), PROCESS_CLONE, "/bin/old");
	/* Its exit was lost; the pid comes again. */
	new = do_fork(table, KEY(1, 10), KEY(9, 200));
	assert_true(old->exited);
	assert_ptr_not_equal(old, new);
	assert_binary(process_table_find(table, KEY(9, 100)), "/bin/old");
	assert_ptr_equal(process_table_find(table, KEY(9, 200)), new);
	assert_null(process_table_find(table, KEY(9, 150)));
	assert_int_equal(stats_of(table).live, 2);
	/* A record that is older than what runs, as the start-up may bring: no harm done. */
	assert_true(do_fork(table, KEY(1, 10), KEY(9, 150))->exited);
	assert_false(new->exited);
	assert_int_equal(stats_of(table).live, 2);
	process_table_free(&table);
}

static void test_nobody_knows_gives_a_stand_in(void **state)
{
	struct process_table *table = big_table();
	struct process *process;

	(void)state;
	assert_null(process_table_find(table, KEY(5, 5)));
	assert_null(process_table_find(table, KEY(0, 5)));
	assert_int_equal(stats_of(table).missed, 1);
	process = process_table_unknown(table, KEY(5, 5 * SEC));
	assert_int_equal(process->flags, PROCESS_UNKNOWN);
	assert_int_equal(process->start_wall_ns, 905 * SEC);
	assert_int_equal(stats_of(table).entries, 0);
	assert_int_not_equal(stats_of(table).bytes, 0);
	process_table_exit(table, process);
	process_unref(&process);
	assert_int_equal(stats_of(table).bytes, 0);
	/* The child of one that is not known is not known, until it executes something. */
	process = do_fork(table, KEY(5, 5), KEY(6, 6));
	assert_null(process->image);
	assert_true(process->flags & PROCESS_UNKNOWN);
	process = do_exec(table, KEY(6, 7), KEY(5, 5), KEY(6, 6), PROCESS_CLONE, "/bin/x");
	assert_binary(process, "/bin/x");
	process_table_free(&table);
}

static void test_past_the_entries_those_that_linger_go_first(void **state)
{
	struct process_table *table = table_of(4, 1ull << 30);
	struct process *parent, *child;

	(void)state;
	first(table, KEY(1, 1));
	parent = do_fork(table, KEY(1, 1), KEY(2, 2));
	child = do_fork(table, KEY(2, 2), KEY(3, 3));
	process_table_exit(table, parent); /* held by its child */
	fake.fake_boot_ns += SEC;
	process_table_exit(table, do_fork(table, KEY(1, 1), KEY(4, 4)));
	do_fork(table, KEY(1, 1), KEY(5, 5));
	assert_null(process_table_find(table, KEY(4, 4)));
	assert_int_equal(stats_of(table).evictions, 1);
	/* Then who is held; the child goes on naming it. */
	do_fork(table, KEY(1, 1), KEY(6, 6));
	assert_null(process_table_find(table, KEY(2, 2)));
	assert_ptr_equal(child->parent, parent);
	assert_binary(child->parent, "/sbin/init");
	assert_int_equal(stats_of(table).evictions, 2);
	/* Then those that run, but not who was asked for lately, and never the new one. */
	process_table_find(table, KEY(1, 1));
	process_table_find(table, KEY(3, 3));
	do_fork(table, KEY(1, 1), KEY(7, 7));
	assert_null(process_table_find(table, KEY(5, 5)));
	assert_non_null(process_table_find(table, KEY(1, 1)));
	assert_non_null(process_table_find(table, KEY(7, 7)));
	assert_int_equal(stats_of(table).entries, 4);
	assert_int_equal(stats_of(table).evictions, 3);
	process_table_free(&table);
}

static void test_past_the_bytes_a_held_parent_is_reduced(void **state)
{
	struct process_table *table = table_of(1000, 4000);
	struct process *parent, *child;
	char path[400] = "/";
	uint32_t pid = 10;

	(void)state;
	/* Its image is more than what comes after it takes, so that its going is enough. */
	memset(path + 1, 'p', sizeof(path) - 2);
	parent = do_exec(table, KEY(2, 2), KEY(0, 0), KEY(0, 0), 0, path);
	do_fork(table, KEY(2, 2), KEY(3, 3));
	child = do_exec(table, KEY(3, 4), KEY(2, 2), KEY(3, 3), PROCESS_CLONE, "/bin/child");
	process_table_exit(table, parent);
	process_ref(child);
	while (!stats_of(table).evictions || parent->image) {
		do_exec(table, KEY(pid, pid), KEY(0, 0), KEY(0, 0), 0, "/bin/other");
		assert_in_range(pid++, 10, 30);
		assert_in_range(stats_of(table).bytes, 1, 4000);
	}
	assert_null(process_table_find(table, KEY(2, 2)));
	assert_ptr_equal(child->parent, parent);
	assert_int_equal(parent->flags, PROCESS_UNKNOWN);
	assert_int_equal(parent->key.pid, 2);
	process_unref(&child);
	process_table_free(&table);
}

/* What is expected may be gone, or have become another, before it is asked for. */
static void test_expecting_a_process_keeps_nothing(void **state)
{
	struct process_table *table = table_of(8, 1ull << 30);

	(void)state;
	for (uint32_t pid = 1; pid < 200; pid++) {
		struct process *process =
			do_exec(table, KEY(pid, pid), KEY(0, 0), KEY(0, 0), 0, "/bin/true");

		encode_twice(process);
		process_table_expect(table, KEY(pid, pid));
		process_table_expect(table, KEY(pid + 1, pid + 1));
		assert_false(process->used);
		if (pid % 3 == 0) {
			process_table_exit(table, process);
			pass_seconds(table, LINGER_SEC);
		}
	}
	assert_int_equal(stats_of(table).missed, 0);
	process_table_expect(table, KEY(0, 0));
	process_table_free(&table);
}

static void test_a_program_that_executes_itself_is_bounded(void **state)
{
	struct process_table *table = table_of(64, 1ull << 30);
	struct process *process = first(table, KEY(7, 1));
	unsigned int depth = 0;

	(void)state;
	for (uint64_t start = 2; start < 5000; start++)
		process = do_exec(table, KEY(7, start), KEY(1, 1), KEY(7, start - 1), 0, "/bin/x");
	for (struct process *up = process->parent; up; up = up->parent)
		depth++;
	assert_int_equal(depth, PROCESS_ENDED_CHAIN);
	assert_in_range(stats_of(table).entries, 1, 64);
	assert_in_range(stats_of(table).bytes, 1, 85 * 1000);
	process_table_free(&table);
}

/* The account against the truth, over a random life of 20,000 steps with fragments being made. */
static void test_the_account_is_exact(void **state)
{
	struct process_table *table = table_of(100, 60000);
	uint64_t random = 88172645463325252ull, now = 1000;
	struct process_key keys[64] = { 0 };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct process *process;
		uint32_t slot, other;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		slot = random % 64;
		other = random >> 8 & 63;
		process = process_table_find(table, keys[slot]);
		now++;
		switch (random >> 20 & 7) {
		case 0:
		case 1:
		case 2:
			keys[slot] = KEY(100 + slot, now);
			do_fork(table, keys[other], keys[slot]);
			break;
		case 3:
		case 4:
			do_exec(table, KEY(100 + slot, now), keys[other], keys[slot],
				random >> 24 & 1 ? PROCESS_CLONE : 0, "/usr/bin/something");
			keys[slot] = KEY(100 + slot, now);
			break;
		case 5:
			if (process)
				process_table_exit(table, process);
			break;
		case 6:
			if (process)
				fragment_keep(&process->json, "{\"exec_id\":\"", 8 + slot % 4,
					      process->account);
			if (process && process->image)
				fragment_keep(&process->image->json, "0123456789", slot % 10 + 1,
					      process->image->account);
			break;
		default:
			pass_seconds(table, random >> 28 & 3);
		}
		assert_in_range(stats_of(table).entries, 0, 100);
		assert_in_range(stats_of(table).bytes, 0, 61000);
	}
	assert_int_not_equal(stats_of(table).evictions, 0);
	pass_seconds(table, 1);
	for (uint32_t slot = 0; slot < 64; slot++) {
		struct process *process = process_table_find(table, keys[slot]);

		if (process)
			process_table_exit(table, process);
	}
	pass_seconds(table, LINGER_SEC);
	assert_int_equal(stats_of(table).images, 0);
	assert_int_equal(stats_of(table).bytes, 0);
	process_table_free(&table);
}

/* Nothing encoded stays of what has ended, but where something that runs needs it. */
static void test_what_ended_is_not_kept_encoded(void **state)
{
	struct process_table *table = big_table();
	struct process *parent = do_exec(table, KEY(2, 2), KEY(0, 0), KEY(0, 0), 0, "/bin/parent");
	struct process *fork = do_fork(table, KEY(2, 2), KEY(3, 3));
	struct process *child = do_exec(table, KEY(4, 4), KEY(2, 2), KEY(0, 0), 0, "/bin/child");
	uint64_t before = stats_of(table).bytes;

	(void)state;
	encode_twice(parent);
	encode_twice(child);
	fragment_keep(&fork->json, "", 1, fork->account);
	fragment_keep(&fork->json, "", 1, fork->account);
	process_table_exit(table, child);
	assert_null(child->json.p);
	assert_null(child->image->json.p);
	process_table_exit(table, parent);
	assert_non_null(parent->json.p); /* its child runs */
	assert_non_null(parent->image->json.p);
	process_table_exit(table, fork);
	assert_null(fork->json.p);
	assert_null(parent->json.p);
	assert_ptr_equal(fork->image, parent->image);
	assert_non_null(parent->image->json.p); /* of two processes: either may be asked for */
	assert_int_equal(stats_of(table).bytes, before + 7);
	assert_binary(process_table_find(table, KEY(4, 4)), "/bin/child");
	process_table_free(&table);
}

/* Found at start: which of them forked without an execve nobody saw. */
static void test_what_ran_already_shares_its_parents_image(void **state)
{
	struct process_table *table = big_table();
	struct process *parent, *worker, *other, *later;

	(void)state;
	parent = do_exec(table, KEY(2, 2), KEY(0, 0), KEY(0, 0), PROCESS_PROCFS, "/bin/server");
	worker = do_exec(table, KEY(3, 3), KEY(2, 2), KEY(0, 0), PROCESS_PROCFS, "/bin/server");
	other = do_exec(table, KEY(4, 4), KEY(2, 2), KEY(0, 0), PROCESS_PROCFS, "/bin/other");
	later = do_exec(table, KEY(5, 5), KEY(2, 2), KEY(0, 0), 0, "/bin/server");
	assert_ptr_equal(worker->image, parent->image);
	assert_ptr_not_equal(other->image, parent->image);
	assert_binary(other, "/bin/other");
	assert_ptr_not_equal(later->image, parent->image); /* an execve made it */
	assert_int_equal(stats_of(table).images, 3);
	process_table_free(&table);
}

/* 10,000 running processes, each with an image of its own: idle in 6 MiB; with both fragments, of
 * usual size, in 12. */
static void test_ten_thousand_processes_are_small(void **state)
{
	struct process_table *table = big_table();
	size_t before = mallinfo2().uordblks, held;
	char fragment[280] = { 0 };

	(void)state;
	for (int round = 1; round <= 2; round++) {
		for (uint32_t pid = 1; pid <= 10000; pid++) {
			struct process *process = process_table_find(table, KEY(pid, pid));

			if (!process)
				process = do_exec(table, KEY(pid, pid), KEY(1, 1), KEY(0, 0), 0,
						  "/usr/lib/systemd/systemd-journald");
			fragment_keep(&process->json, fragment, 240, process->account);
			fragment_keep(&process->image->json, fragment, 280,
				      process->image->account);
		}
		held = mallinfo2().uordblks - before;
		assert_int_equal(stats_of(table).live, 10000);
		/* Sanitizers count nothing here; the account does, malloc's overhead left out. */
		assert_in_range(held, 0, round * (6u << 20));
		assert_in_range(stats_of(table).bytes, round * (4u << 20), round * (6u << 20));
	}
	process_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_fork_shares_its_parents_image),
		cmocka_unit_test(test_init_tree_is_inherited),
		cmocka_unit_test(test_exec_after_fork_has_the_forking_parent),
		cmocka_unit_test(test_exec_after_exec_has_the_image_before_as_parent),
		cmocka_unit_test(test_exec_of_what_was_not_seen_before),
		cmocka_unit_test(test_a_parent_is_known_while_its_child_runs),
		cmocka_unit_test(test_a_lingering_parent_is_held_again),
		cmocka_unit_test(test_a_pid_used_again_is_another_process),
		cmocka_unit_test(test_nobody_knows_gives_a_stand_in),
		cmocka_unit_test(test_past_the_entries_those_that_linger_go_first),
		cmocka_unit_test(test_past_the_bytes_a_held_parent_is_reduced),
		cmocka_unit_test(test_expecting_a_process_keeps_nothing),
		cmocka_unit_test(test_a_program_that_executes_itself_is_bounded),
		cmocka_unit_test(test_the_account_is_exact),
		cmocka_unit_test(test_what_ended_is_not_kept_encoded),
		cmocka_unit_test(test_what_ran_already_shares_its_parents_image),
		cmocka_unit_test(test_ten_thousand_processes_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
