#include "pipeline/process_text.h"

/* Takes the first component off a path; slashes before it are skipped. */
static bool path_take(struct str *path, struct str *component_r)
{
	const char *end;

	while (path->n && *path->p == '/') {
		path->p++;
		path->n--;
	}
	if (!path->n)
		return false;
	end = memchr(path->p, '/', path->n);
	*component_r = (struct str){ path->p, end ? (size_t)(end - path->p) : path->n };
	path->p += component_r->n;
	path->n -= component_r->n;
	return true;
}

/* Removes the last component written since `start`; false: there is none, or it is "..". */
static bool path_back(struct buf *out, size_t start)
{
	size_t end = out->len, at = end;

	while (at > start && out->p[at - 1] != '/')
		at--;
	if (at == end || str_equal((struct str){ out->p + at, end - at }, STR("..")))
		return false;
	out->len = at > start ? at - 1 : start;
	return true;
}

/* Appends the components of path to what was written since `start`; `rooted`: a slash comes before
 * the first one. */
static void path_append(struct str path, size_t start, bool rooted, struct buf *out)
{
	struct str component;

	while (path_take(&path, &component)) {
		if (str_equal(component, STR(".")))
			continue;
		if (str_equal(component, STR("..")) && (path_back(out, start) || rooted))
			continue;
		if (rooted || out->len > start)
			buf_putc(out, '/');
		buf_puts(out, component);
	}
}

void path_absolute(struct str cwd, struct str path, struct buf *out)
{
	bool rooted = cwd.n && *cwd.p == '/';
	size_t start = out->len;

	if (path.n && *path.p == '/') {
		buf_puts(out, path);
		return;
	}
	path_append(cwd, start, rooted, out);
	path_append(path, start, rooted, out);
	if (out->len == start && rooted)
		buf_putc(out, '/');
}

struct str path_name(struct str path)
{
	const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;

	if (!slash)
		return path;
	return (struct str){ slash + 1, path.n - (size_t)(slash + 1 - path.p) };
}

bool list_take(struct str *list, struct str *element_r)
{
	const char *end;
	size_t taken;

	if (!list->n)
		return false;
	end = memchr(list->p, '\0', list->n);
	taken = end ? (size_t)(end - list->p) : list->n;
	*element_r = (struct str){ list->p, taken };
	taken += end != NULL;
	list->p += taken;
	list->n -= taken;
	return true;
}

void arguments_join(struct str list, struct buf *out)
{
	size_t start = out->len;
	struct str element;

	list_take(&list, &element);
	while (list_take(&list, &element)) {
		bool quoted = element.n && memchr(element.p, ' ', element.n);

		if (quoted || out->len > start)
			buf_putc(out, ' ');
		if (quoted)
			buf_putc(out, '"');
		buf_puts(out, element);
		if (quoted)
			buf_putc(out, '"');
	}
}

/* Sixteen bytes that are looked at together, whatever the processor has for it. */
typedef unsigned char bytes16 __attribute__((vector_size(16)));

static inline bytes16 load16(const char *p)
{
	bytes16 bytes;

	memcpy(&bytes, p, sizeof(bytes));
	return bytes;
}

static inline bool is_any16(bytes16 bytes)
{
	uint64_t half[2];

	memcpy(half, &bytes, sizeof(half));
	return half[0] | half[1];
}

static inline bytes16 find_ambiguous16(const char *p)
{
	bytes16 at = load16(p), next = load16(p + 1);

	return (bytes16)((at - 1 < ' ') | (at == '"') | (at == 0x7f) | ((at == 0) & (next == 0)));
}

static bool is_ambiguous_at(struct str list, size_t at)
{
	unsigned char c = (unsigned char)list.p[at];

	if (c == 0)
		return at + 1 < list.n && list.p[at + 1] == 0;
	return c <= ' ' || c == '"' || c == 0x7f;
}

/* Some element of the list is empty, or holds what a line would not show as it is. */
static bool has_ambiguous_element(struct str list)
{
	size_t at = 0;

	if (list.n && list.p[0] == 0)
		return true;
	for (; list.n - at > sizeof(bytes16); at += sizeof(bytes16))
		if (is_any16(find_ambiguous16(list.p + at)))
			return true;
	for (; at < list.n; at++)
		if (is_ambiguous_at(list, at))
			return true;
	return false;
}

bool arguments_are_lossy(struct str list, struct str binary)
{
	struct str element;

	if (!list_take(&list, &element))
		return false;
	if (!str_equal(path_name(element), path_name(binary)))
		return true;
	return has_ambiguous_element(list);
}

struct str arguments_join_in_place(struct str list, char *at)
{
	struct str element;
	size_t i = 0;

	list_take(&list, &element);
	at += list.p - element.p;
	if (list.n && list.p[list.n - 1] == 0)
		list.n--;
	for (; list.n - i >= sizeof(bytes16); i += sizeof(bytes16)) {
		bytes16 bytes = load16(list.p + i);

		bytes |= (bytes16)(bytes == 0) & ' ';
		memcpy(at + i, &bytes, sizeof(bytes));
	}
	for (; i < list.n; i++)
		at[i] = list.p[i] ? list.p[i] : ' ';
	return (struct str){ at, list.n };
}
