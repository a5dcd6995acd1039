/* The ring decoder on any bytes; what it accepts must lie within them. */
#include "collector/record.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of a text, so that the sanitizer sees one that lies outside. */
static void touch(struct str s, const uint8_t *data, size_t size)
{
	static volatile char sink;

	assert(s.n <= size);
	if (!s.n)
		return;
	assert((const uint8_t *)s.p >= data && (const uint8_t *)s.p + s.n <= data + size);
	for (size_t i = 0; i < s.n; i++)
		sink = s.p[i];
	(void)sink;
}

static void check_exec(const struct process_draft *draft, const uint8_t *data, size_t size)
{
	static const char *const names[] = { "PATH", "", "HOME" };
	struct buf out = buf_growable(1 << 20);
	struct str kept;

	touch(draft->filename, data, size);
	touch(draft->exe, data, size);
	touch(draft->cwd, data, size);
	touch(draft->cgroup, data, size);
	touch(draft->args, data, size);
	touch(draft->env, data, size);
	kept = record_filter_environment(draft->env, names, ARRAY_SIZE(names), &out);
	assert(kept.n <= draft->env.n + 1); /* at most the NUL that ends the last element */
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clock clock;
	struct record record;

	clock_init_fake(&clock, 1, 2);
	clock_sample(&clock);
	if (record_decode(data, size, &clock, &record))
		return 0;
	assert(record.type > EVENT_NONE && record.type < EVENT_TYPES);
	if (record.type == EVENT_EXEC || record.type == EVENT_TASK)
		check_exec(&record.exec, data, size);
	return 0;
}
