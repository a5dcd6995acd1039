#include "collector/process_table.h"

#include "base/hash.h"

#include <assert.h>
#include <stdlib.h>

/* Work per tick and per call that may evict: enough to keep pace with an exec storm, little enough
 * to be unseen between two drains. */
#define TICK_MAX 16384u
/* Running processes that eviction passes over because they were looked up lately. */
#define SECOND_CHANCES_MAX 64u

struct process_queue {
	struct process *head, *tail; /* oldest, newest */
	uint32_t n;
};

/* Steps of process_table_expect(): the bucket, the process, what it points to, the image's text. */
#define EXPECT_STEPS	  4
#define PROCESS_HOT_BYTES offsetof(struct process, account)
#define IMAGE_HOT_BYTES	  offsetof(struct image, binary)
#define EXPECT_MAX_BYTES  512
#define CACHE_LINE_BYTES  64

/* Who is asked for soon. */
struct expectation {
	struct process_key key;
	uint64_t bucket; /* of by_key */
};

struct process_table {
	struct process_table_settings settings;
	const struct clock *clock;
	struct process **by_key; /* all */
	struct process **by_pid; /* those that run: at most one of each pid */
	uint64_t mask;
	struct process_queue lists[PROCESS_LISTS];
	struct memory_account account;
	uint64_t evictions, evicted_running, missed;
	struct expectation expected[EXPECT_STEPS]; /* the newest first */
};

/* Lists. */

static void list_remove(struct process_table *table, struct process *process)
{
	struct process_queue *queue = &table->lists[process->list];

	if (process->lru_prev)
		process->lru_prev->lru_next = process->lru_next;
	else
		queue->head = process->lru_next;
	if (process->lru_next)
		process->lru_next->lru_prev = process->lru_prev;
	else
		queue->tail = process->lru_prev;
	process->lru_prev = process->lru_next = NULL;
	process->list = PROCESS_OUTSIDE;
	queue->n--;
}

static void list_append(struct process_table *table, struct process *process,
			enum process_list list)
{
	struct process_queue *queue = &table->lists[list];

	process->list = (uint8_t)list;
	process->lru_prev = queue->tail;
	process->lru_next = NULL;
	if (queue->tail)
		queue->tail->lru_next = process;
	else
		queue->head = process;
	queue->tail = process;
	queue->n++;
}

static void list_move(struct process_table *table, struct process *process, enum process_list list)
{
	list_remove(table, process);
	list_append(table, process, list);
}

static uint32_t entries(const struct process_table *table)
{
	return table->lists[PROCESS_LIVE].n + table->lists[PROCESS_HELD].n +
	       table->lists[PROCESS_LINGERING].n;
}

/* Starts reading every cache line that it has a part of; what is long the processor goes on with by
 * itself. */
static void fetch(const void *memory, size_t bytes)
{
	uintptr_t at = (uintptr_t)memory & ~(uintptr_t)(CACHE_LINE_BYTES - 1);
	uintptr_t end = (uintptr_t)memory + (bytes < EXPECT_MAX_BYTES ? bytes : EXPECT_MAX_BYTES);

	for (; memory && at < end; at += CACHE_LINE_BYTES)
		__builtin_prefetch((const void *)at);
}

/* Hashes. */

static uint64_t key_index(const struct process_table *table, struct process_key key)
{
	return hash_u64(key.start_ns ^ (uint64_t)key.pid << 40) & table->mask;
}

static struct process **key_bucket(const struct process_table *table, struct process_key key)
{
	return &table->by_key[key_index(table, key)];
}

static struct process **pid_bucket(const struct process_table *table, uint32_t pid)
{
	return &table->by_pid[hash_u64(pid) & table->mask];
}

static struct process *lookup(const struct process_table *table, struct process_key key)
{
	struct process *process = *key_bucket(table, key);

	while (process && (process->key.start_ns != key.start_ns || process->key.pid != key.pid))
		process = process->hash_next;
	return process;
}

static struct process *lookup_live(const struct process_table *table, uint32_t pid)
{
	struct process *process = *pid_bucket(table, pid);

	while (process && process->key.pid != pid)
		process = process->pid_next;
	return process;
}

/* In and out of a chain without a look at the others in it, whose memory is seldom at hand. */

static void link_key(struct process_table *table, struct process *process)
{
	struct process **at = key_bucket(table, process->key), *next = *at;

	process->hash_at = at;
	process->hash_next = next;
	if (next)
		next->hash_at = &process->hash_next;
	*at = process;
}

static void link_pid(struct process_table *table, struct process *process)
{
	struct process **at = pid_bucket(table, process->key.pid), *next = *at;

	process->pid_at = at;
	process->pid_next = next;
	if (next)
		next->pid_at = &process->pid_next;
	*at = process;
}

static void unlink_key(struct process *process)
{
	*process->hash_at = process->hash_next;
	if (process->hash_next)
		process->hash_next->hash_at = process->hash_at;
	process->hash_next = NULL;
}

static void unlink_pid(struct process *process)
{
	*process->pid_at = process->pid_next;
	if (process->pid_next)
		process->pid_next->pid_at = process->pid_at;
	process->pid_next = NULL;
}

/* One process. */

static struct process *process_create(struct memory_account *account, struct process_key key,
				      uint64_t start_wall_ns)
{
	struct process *process = malloc(sizeof(*process));

	if (!process)
		return NULL;
	*process = (struct process){ .refs = 1,
				     .key = key,
				     .tid = key.pid,
				     .start_wall_ns = start_wall_ns,
				     .account = account };
	account->bytes += sizeof(*process);
	account->processes++;
	return process;
}

void process_ref(struct process *process)
{
	process->refs++;
}

/* A chain of parents goes in a loop: it may be long, and the stack is not. */
void process_unref(struct process **process)
{
	struct process *gone = *process;

	*process = NULL;
	while (gone && --gone->refs == 0) {
		struct process *parent = gone->parent;

		fragment_drop(&gone->json, gone->account);
		image_unref(&gone->image);
		gone->account->bytes -= sizeof(*gone);
		gone->account->processes--;
		free(gone);
		gone = parent;
	}
}

static void set_parent(struct process *process, struct process *parent, struct process_key key)
{
	process->parent_key = key;
	process->parent = parent;
	if (parent)
		process_ref(parent);
}

static void set_image(struct process *process, struct image *image)
{
	fragment_drop(&process->json, process->account);
	image_ref(image);
	image_adopt(image, process->account);
	image_unref(&process->image);
	process->image = image;
}

/* Only pid and start remain: for a process that must go while others refer to it. */
static void process_reduce(struct process *process)
{
	fragment_drop(&process->json, process->account);
	image_unref(&process->image);
	process_unref(&process->parent);
	process->flags = PROCESS_UNKNOWN;
}

/* States: a process runs, then is held by its children or lingers, then is outside. One that runs
 * or is held holds its parent, so what leads up from a running process is known as far as it goes;
 * the references keep its memory anyway. */

static void hold_parent(struct process_table *table, struct process *child)
{
	struct process *parent = child->parent;

	if (!parent)
		return;
	parent->live_children++;
	if (parent->list != PROCESS_LINGERING)
		return;
	list_move(table, parent, PROCESS_HELD);
	hold_parent(table, parent);
}

/* Little will be told of it any more: what is encoded of it would be most of what it takes. */
static void linger(struct process_table *table, struct process *process)
{
	process->ended_ns = clock_boot_ns(table->clock);
	process_forget_encoding(process);
	list_move(table, process, PROCESS_LINGERING);
}

/* The child neither runs nor is held any more; so upwards, as far as that changes something. */
static void release_parent(struct process_table *table, struct process *child)
{
	struct process *parent = child->parent;

	while (parent && --parent->live_children == 0 && parent->list == PROCESS_HELD) {
		linger(table, parent);
		parent = parent->parent;
	}
}

/* Lets go of what is far above: see PROCESS_ENDED_CHAIN. A running one bounds its own chain. */
static void cut_chain(struct process_table *table, struct process *process)
{
	for (int n = 0; process->parent && process->parent->exited; n++) {
		if (n == PROCESS_ENDED_CHAIN) {
			if (process->list == PROCESS_HELD)
				release_parent(table, process);
			process_unref(&process->parent);
			return;
		}
		process = process->parent;
	}
}

static void stop_running(struct process_table *table, struct process *process)
{
	unlink_pid(process);
	process->exited = true;
	if (process->live_children) {
		list_move(table, process, PROCESS_HELD);
		return;
	}
	linger(table, process);
	release_parent(table, process);
}

/* With `reduce`, as little as possible stays in memory for those who refer to it. */
static void leave(struct process_table *table, struct process *process, bool reduce)
{
	if (process->list == PROCESS_LIVE)
		stop_running(table, process);
	if (process->list == PROCESS_HELD)
		release_parent(table, process);
	unlink_key(process);
	list_remove(table, process);
	if (reduce && process->refs > 1)
		process_reduce(process);
	process_unref(&process);
}

/* Those behind one that leaves are about to follow, and were last touched long ago. */
static void expect_followers(const struct process *leaving)
{
	const struct process *next = leaving->lru_next;

	if (!next)
		return;
	/* It was fetched itself when the one before left. */
	fetch(next->hash_at, 1);
	fetch(next->image, IMAGE_HOT_BYTES);
	fetch(next->lru_next, sizeof(*next));
}

/* The running process that can best be spared; those looked up lately get a second chance. */
static struct process *choose_live(struct process_table *table)
{
	struct process_queue *live = &table->lists[PROCESS_LIVE];

	for (unsigned int i = 0; i < SECOND_CHANCES_MAX && live->head && live->head->used; i++) {
		live->head->used = false;
		list_move(table, live->head, PROCESS_LIVE);
	}
	return live->head;
}

static bool is_over_bytes(const struct process_table *table)
{
	return table->account.bytes > table->settings.max_bytes;
}

/* Makes room, but never by `keep`, which was added just now. */
static void evict(struct process_table *table, const struct process *keep)
{
	while (entries(table) > table->settings.max_entries || is_over_bytes(table)) {
		struct process *victim = table->lists[PROCESS_LINGERING].head;

		if (!victim)
			victim = table->lists[PROCESS_HELD].head;
		if (!victim)
			victim = choose_live(table);
		if (!victim || victim == keep)
			return;
		table->evictions++;
		table->evicted_running += victim->list == PROCESS_LIVE;
		expect_followers(victim);
		leave(table, victim, is_over_bytes(table));
	}
}

/* Enters a new process as the one that runs under its pid. When a younger one does already (the
 * records of a process may come after it was found at start), this one has ended. */
static void enter(struct process_table *table, struct process *process)
{
	struct process *other = lookup_live(table, process->key.pid);
	bool is_stale = other && other->key.start_ns > process->key.start_ns;

	/* Before a parent may stop running: an image that is replaced is the new one's parent. */
	hold_parent(table, process);
	if (other && !is_stale)
		stop_running(table, other);
	link_key(table, process);
	link_pid(table, process);
	list_append(table, process, PROCESS_LIVE);
	if (is_stale)
		stop_running(table, process);
	cut_chain(table, process);
	evict(table, process);
}

/* The table's interface, in life order. */

static uint64_t bucket_count(uint32_t max_entries)
{
	uint64_t n = 64;

	while (n < max_entries)
		n *= 2;
	return n;
}

struct process_table *process_table_create(const struct process_table_settings *settings,
					   const struct clock *clock)
{
	uint64_t buckets = bucket_count(settings->max_entries);
	struct process_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->settings = *settings;
	table->clock = clock;
	table->mask = buckets - 1;
	table->by_key = calloc(buckets, sizeof(*table->by_key));
	table->by_pid = calloc(buckets, sizeof(*table->by_pid));
	if (!table->by_key || !table->by_pid) {
		process_table_free(&table);
		return NULL;
	}
	return table;
}

/* What a fork inherits or becomes; the first process of a pid namespace heads its init tree. */
static uint32_t fork_flags(const struct process *parent, const struct record *record)
{
	uint32_t inherited = parent ? parent->flags & PROCESS_IN_INIT_TREE : 0;
	bool is_init = record->fork.nspid == 1 && record->process.pid != 1;

	return PROCESS_CLONE | inherited | (is_init ? (uint32_t)PROCESS_IN_INIT_TREE : 0);
}

struct process *process_table_fork(struct process_table *table, const struct record *record)
{
	struct process *process = lookup(table, record->process), *parent;

	if (process)
		return process;
	parent = process_table_find(table, record->fork.parent);
	process = process_create(&table->account, record->process,
				 clock_boot_to_wall(table->clock, record->process.start_ns));
	if (!process)
		return NULL;
	process->nspid = record->fork.nspid;
	process->flags = fork_flags(parent, record);
	set_parent(process, parent, record->fork.parent);
	if (parent && parent->image)
		set_image(process, parent->image);
	else
		process->flags |= PROCESS_UNKNOWN;
	enter(table, process);
	return process;
}

/* The parent that the new image has, and its key. */
static struct process *exec_parent(struct process_table *table, const struct process_draft *draft,
				   struct process_key *key_r)
{
	bool is_replacing = draft->replaced.pid && !(draft->flags & PROCESS_CLONE);

	*key_r = is_replacing ? draft->replaced : draft->parent;
	return process_table_find(table, *key_r);
}

/* What ran already may have forked without an execve, which nobody saw: then its image is its
 * parent's, as it would be had the fork been seen. Ten thousand workers of one server take little
 * that way. */
static struct image *shared_image(const struct process_draft *draft, const struct process *parent,
				  struct image *image)
{
	if (draft->flags & PROCESS_PROCFS && parent && parent->image &&
	    image_is_equal(parent->image, image))
		return parent->image;
	return image;
}

struct process *process_table_exec(struct process_table *table, const struct process_draft *draft,
				   struct image *image)
{
	struct process *process = lookup(table, draft->key), *parent;
	struct process_key parent_key;

	fetch(pid_bucket(table, draft->key.pid), 1); /* enter() wants it */
	if (process) {
		set_image(process, image);
		process->flags = draft->flags;
		return process;
	}
	parent = exec_parent(table, draft, &parent_key);
	process = process_create(&table->account, draft->key, draft->start_wall_ns);
	if (!process)
		return NULL;
	process->nspid = draft->nspid;
	process->flags = draft->flags;
	set_parent(process, parent, parent_key);
	set_image(process, shared_image(draft, parent, image));
	enter(table, process);
	return process;
}

struct process *process_table_find(struct process_table *table, struct process_key key)
{
	struct process *process;

	if (!key.pid)
		return NULL;
	process = lookup(table, key);
	if (!process) {
		table->missed++;
		return NULL;
	}
	process->used = true;
	return process;
}

static bool is_expected(const struct process *process, const struct expectation *expected)
{
	return process && process->key.start_ns == expected->key.start_ns &&
	       process->key.pid == expected->key.pid;
}

/* Its fragment, and the image's head; or, when another stands before it in the bucket, itself. */
static void fetch_contents(const struct process *head, const struct expectation *expected)
{
	if (is_expected(head, expected)) {
		fetch(head->json.p, head->json.n);
		fetch(head->image, IMAGE_HOT_BYTES);
	} else if (head) {
		fetch(head->hash_next, PROCESS_HOT_BYTES);
	}
}

static void fetch_last(const struct process *head, const struct expectation *expected)
{
	if (is_expected(head, expected)) {
		if (head->image)
			fetch(head->image->json.p, head->image->json.n);
	} else if (head && is_expected(head->hash_next, expected)) {
		fetch_contents(head->hash_next, expected);
	}
}

/* Each step looks only at what the one before has fetched, and takes the way from the bucket anew,
 * since the process may have gone. The first two of a chain will do: chains are short. */
void process_table_expect(struct process_table *table, struct process_key key)
{
	struct expectation *expected = table->expected;

	memmove(expected + 1, expected, (EXPECT_STEPS - 1) * sizeof(*expected));
	expected[0] = (struct expectation){ key, key_index(table, key) };
	fetch(&table->by_key[expected[0].bucket], 1);
	fetch(table->by_key[expected[1].bucket], PROCESS_HOT_BYTES);
	fetch_contents(table->by_key[expected[2].bucket], &expected[2]);
	fetch_last(table->by_key[expected[3].bucket], &expected[3]);
}

struct process *process_table_unknown(struct process_table *table, struct process_key key)
{
	uint64_t wall_ns = key.start_ns ? clock_boot_to_wall(table->clock, key.start_ns) : 0;
	struct process *process = process_create(&table->account, key, wall_ns);

	if (process)
		process->flags = PROCESS_UNKNOWN;
	return process;
}

void process_table_exit(struct process_table *table, struct process *process)
{
	if (process->list == PROCESS_LIVE)
		stop_running(table, process);
}

bool process_table_has(const struct process_table *table, struct process_key key)
{
	return lookup(table, key) != NULL;
}

size_t process_table_sweep(struct process_table *table,
			   bool (*lives)(void *ctx, struct process_key key), void *ctx)
{
	struct process *process = table->lists[PROCESS_LIVE].head, *next;
	size_t n = 0;

	for (; process; process = next) {
		next = process->lru_next;
		if (lives(ctx, process->key))
			continue;
		stop_running(table, process);
		n++;
	}
	return n;
}

void process_table_tick(struct process_table *table)
{
	struct process_queue *lingering = &table->lists[PROCESS_LINGERING];
	uint64_t now = clock_boot_ns(table->clock);

	for (unsigned int i = 0; i < TICK_MAX && lingering->head; i++) {
		if (now - lingering->head->ended_ns < table->settings.linger_ns)
			break;
		expect_followers(lingering->head);
		leave(table, lingering->head, false);
	}
	evict(table, NULL);
}

void process_table_stats(const struct process_table *table, struct process_table_stats *stats_r)
{
	*stats_r = (struct process_table_stats){
		.entries = entries(table),
		.live = table->lists[PROCESS_LIVE].n,
		.images = table->account.images,
		.bytes = table->account.bytes,
		.evictions = table->evictions,
		.evicted_running = table->evicted_running,
		.missed = table->missed,
	};
}

void process_table_free(struct process_table **table)
{
	struct process_table *gone = *table;

	*table = NULL;
	if (!gone)
		return;
	for (int list = PROCESS_LIVE; list < PROCESS_LISTS; list++)
		while (gone->lists[list].head)
			leave(gone, gone->lists[list].head, false);
	assert(gone->account.bytes == 0 && "a reference was not given back");
	free(gone->by_key);
	free(gone->by_pid);
	free(gone);
}
