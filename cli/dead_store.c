#include "cli/dead_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES (1ull << 30) /* read into memory */

static int out_of_memory(struct errmsg *em)
{
	errmsg_set(em, "out of memory");
	return -ENOMEM;
}

static int read_whole(int fd, struct str *text_r)
{
	struct stat st;
	size_t n = 0;
	ssize_t got = 1;
	char *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > MAX_FILE_BYTES)
		return -EFBIG;
	p = malloc((size_t)st.st_size + 1);
	while (p && got > 0 && n < (size_t)st.st_size) {
		got = read(fd, p + n, (size_t)st.st_size - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (p && got < 0) {
		int err = -errno;

		free(p);
		return err;
	}
	*text_r = (struct str){ p, n };
	return p ? 0 : -ENOMEM;
}

static int keep_text(struct dead_store *store, struct str text, struct errmsg *em)
{
	char **grown = reallocarray(store->texts, store->text_count + 1, sizeof(*grown));

	if (!grown) {
		free((char *)text.p);
		return out_of_memory(em);
	}
	store->texts = grown;
	store->texts[store->text_count++] = (char *)text.p;
	return 0;
}

static int add_line(struct dead_store *store, struct str line, struct errmsg *em)
{
	struct dead_entry entry = { .line = line, .place = store->n };

	if (!dead_letter_parse(line, &entry.letter))
		return 0; /* half a line, of a forwarder that was killed */
	if ((store->n & (store->n - 1)) == 0) {
		struct dead_entry *grown =
			reallocarray(store->entries, store->n ? store->n * 2 : 1, sizeof(*grown));

		if (!grown)
			return out_of_memory(em);
		store->entries = grown;
	}
	store->entries[store->n++] = entry;
	return 0;
}

static int add_lines(struct dead_store *store, struct str text, struct errmsg *em)
{
	const char *end = text.p + text.n;
	int err = 0;

	while (!err && text.p < end) {
		const char *newline = memchr(text.p, '\n', (size_t)(end - text.p));

		if (!newline)
			break; /* being written */
		err = add_line(store, (struct str){ text.p, (size_t)(newline - text.p) }, em);
		text.p = newline + 1;
	}
	return err;
}

/* A file that isn't there has no letters. */
static int add_file(struct dead_store *store, const char *path, struct errmsg *em)
{
	int err, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct str text;

	if (fd < 0 && errno == ENOENT)
		return 0;
	err = fd < 0 ? -errno : read_whole(fd, &text);
	if (fd >= 0)
		close(fd);
	if (err) {
		errmsg_set(em, "%s: %s", path, strerror(-err));
		return err;
	}
	err = keep_text(store, text, em);
	return err ? err : add_lines(store, text, em);
}

/* The rotated file first: it is the older. */
static int add_output(struct dead_store *store, const char *directory, const char *output,
		      struct errmsg *em)
{
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/%s.dead.1", directory, output);
	err = add_file(store, path, em);
	snprintf(path, sizeof(path), "%s/%s.dead", directory, output);
	return err ? err : add_file(store, path, em);
}

static int add_all(struct dead_store *store, const char *directory, struct errmsg *em)
{
	struct dirent **names;
	int err = 0, i, n = scandir(directory, &names, NULL, alphasort);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0) {
		err = -errno;
		errmsg_set(em, "%s: %s", directory, strerror(-err));
		return err;
	}
	for (i = 0; i < n; i++) {
		char *suffix = strstr(names[i]->d_name, ".dead");

		if (!err && suffix && suffix[5] == '\0') {
			*suffix = '\0';
			err = add_output(store, directory, names[i]->d_name, em);
		}
		free(names[i]);
	}
	free(names);
	return err;
}

static int compare(struct str a, struct str b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_id(const void *a, const void *b)
{
	const struct dead_entry *x = a, *y = b;
	int order = compare(x->letter.output, y->letter.output);

	if (!order)
		order = compare(x->letter.id, y->letter.id);
	return order ? order : (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
	const struct dead_entry *x = a, *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

static bool is_same(const struct dead_entry *a, const struct dead_entry *b)
{
	return str_equal(a->letter.output, b->letter.output) &&
	       str_equal(a->letter.id, b->letter.id);
}

/* The last line of an id counts. */
static void settle(struct dead_store *store)
{
	size_t i, kept = 0;

	if (store->n == 0)
		return;
	qsort(store->entries, store->n, sizeof(*store->entries), by_id);
	for (i = 0; i < store->n; i++) {
		bool is_last =
			i + 1 == store->n || !is_same(&store->entries[i], &store->entries[i + 1]);

		if (is_last && !store->entries[i].letter.is_removed)
			store->entries[kept++] = store->entries[i];
	}
	store->n = kept;
	qsort(store->entries, kept, sizeof(*store->entries), by_place);
}

int dead_store_open(const char *state_directory, const char *output, struct dead_store *store_r,
		    struct errmsg *em)
{
	int err;

	*store_r = (struct dead_store){ 0 };
	err = output ? add_output(store_r, state_directory, output, em)
		     : add_all(store_r, state_directory, em);
	if (err)
		dead_store_close(store_r);
	else
		settle(store_r);
	return err;
}

void dead_store_close(struct dead_store *store)
{
	while (store->text_count)
		free(store->texts[--store->text_count]);
	free(store->texts);
	free(store->entries);
	*store = (struct dead_store){ 0 };
}

void dead_store_keep(struct dead_store *store,
		     bool (*keeps)(const void *ctx, const struct dead_entry *entry),
		     const void *ctx)
{
	size_t i, kept = 0;

	for (i = 0; i < store->n; i++)
		if (keeps(ctx, &store->entries[i]))
			store->entries[kept++] = store->entries[i];
	store->n = kept;
}
