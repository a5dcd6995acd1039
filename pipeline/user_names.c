#include "pipeline/user_names.h"

#include "base/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct user_name {
	uint32_t uid;
	uint32_t order; /* in the file: the first line of a uid counts, as for getpwuid() */
	struct str name;
};

struct user_names {
	char *path;
	struct stat seen; /* st_nlink 0: never read */
	char *text;	  /* the file; what the names point into */
	struct user_name *v;
	size_t n;
};

struct user_names *user_names_create(const char *path)
{
	struct user_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->path = strdup(path);
	if (!names->path) {
		free(names);
		return NULL;
	}
	return names;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_nlink && a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* "name:password:uid:..." False: not such a line (a comment, an NIS entry). */
static bool parse_line(struct str line, struct user_name *user_r)
{
	const char *password = memchr(line.p, ':', line.n), *id;
	uint64_t uid = 0;
	size_t left;

	if (!password || password == line.p || *line.p == '+' || *line.p == '-')
		return false;
	left = line.n - (size_t)(password + 1 - line.p);
	id = memchr(password + 1, ':', left);
	if (!id)
		return false;
	user_r->name = (struct str){ line.p, (size_t)(password - line.p) };
	left = line.n - (size_t)(++id - line.p);
	if (left == 0 || *id == ':')
		return false;
	for (; left && *id != ':'; id++, left--) {
		if (*id < '0' || *id > '9')
			return false;
		uid = uid * 10 + (uint64_t)(*id - '0');
		if (uid > UINT32_MAX)
			return false;
	}
	user_r->uid = (uint32_t)uid;
	return true;
}

static int compare_users(const void *a, const void *b)
{
	const struct user_name *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static size_t count_lines(struct str text)
{
	size_t lines = 1;

	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	return lines < USER_NAMES_MAX ? lines : USER_NAMES_MAX;
}

/* Takes text, and puts its names in the place of the old ones. */
static int take_text(struct user_names *names, char *bytes, size_t bytes_n)
{
	struct str text = { bytes, bytes_n };
	size_t room = count_lines(text), n = 0;
	struct user_name *v = calloc(room, sizeof(*v));

	if (!v)
		return -ENOMEM;
	while (text.n && n < room) {
		const char *end = memchr(text.p, '\n', text.n);
		struct str line = { text.p, end ? (size_t)(end - text.p) : text.n };
		size_t skip = line.n + (end != NULL);

		if (parse_line(line, &v[n])) {
			v[n].order = (uint32_t)n;
			n++;
		}
		text.p += skip;
		text.n -= skip;
	}
	qsort(v, n, sizeof(*v), compare_users);
	free(names->text);
	free(names->v);
	names->text = bytes;
	names->v = v;
	names->n = n;
	return 0;
}

static int read_names(struct user_names *names, int fd, const struct stat *st)
{
	size_t room = (size_t)st->st_size < USER_NAMES_MAX_BYTES ? (size_t)st->st_size
								 : USER_NAMES_MAX_BYTES;
	char *bytes = malloc(room + 1);
	size_t n;
	int rc;

	if (!bytes)
		return -ENOMEM;
	rc = file_read_all(fd, bytes, room, &n);
	if (!rc)
		rc = take_text(names, bytes, n);
	if (rc)
		free(bytes);
	else
		names->seen = *st;
	return rc;
}

int user_names_refresh(struct user_names *names, struct errmsg *em)
{
	struct stat st;
	int fd, rc = 0;

	if (stat(names->path, &st) == 0 && is_same_file(&names->seen, &st))
		return 0;
	fd = open(names->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		rc = -errno;
	else if (fstat(fd, &st))
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = -EINVAL;
	else
		rc = read_names(names, fd, &st);
	if (fd >= 0)
		close(fd);
	if (rc)
		errmsg_set(em, "%s: %s", names->path, strerror(-rc));
	return rc;
}

struct str user_names_find(const struct user_names *names, uint32_t uid)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (names->v[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < names->n && names->v[low].uid == uid)
		return names->v[low].name;
	return (struct str){ "", 0 };
}

void user_names_free(struct user_names **names)
{
	if (!*names)
		return;
	free((*names)->path);
	free((*names)->text);
	free((*names)->v);
	free(*names);
	*names = NULL;
}
