#include "pipeline/container_id.h"

#include <stdbool.h>

#define FULL_ID_CHARS 64

static bool is_lower_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Cuts the component behind the last '/' off the path and returns it. */
static struct str take_last_component(struct str *path)
{
	const char *slash = path->n ? memrchr(path->p, '/', path->n) : NULL;
	struct str last = *path;

	if (!slash) {
		path->n = 0;
		return last;
	}
	path->n = (size_t)(slash - path->p);
	last.p = slash + 1;
	last.n -= path->n + 1;
	return last;
}

/* What stands behind the last ':' and, in that, behind the last '-'. */
static struct str strip_runtime(struct str component)
{
	for (size_t i = component.n; i > 0; i--)
		if (component.p[i - 1] == ':' || component.p[i - 1] == '-')
			return (struct str){ component.p + i, component.n - i };
	return component;
}

static struct str id_of_component(struct str component)
{
	struct str id = strip_runtime(component), none = { "", 0 };

	if (id.n < FULL_ID_CHARS)
		return none;
	for (size_t i = 0; i < FULL_ID_CHARS; i++)
		if (!is_lower_hex(id.p[i]))
			return none;
	if (id.n > FULL_ID_CHARS &&
	    !str_equal((struct str){ id.p + FULL_ID_CHARS, id.n - FULL_ID_CHARS }, STR(".scope")))
		return none;
	return (struct str){ id.p, CONTAINER_ID_CHARS };
}

struct str container_id_find(struct str cgroup)
{
	struct str last = take_last_component(&cgroup);
	struct str id = id_of_component(last);

	/* Podman puts the processes one level below the cgroup that has the name. */
	if (id.n == 0 && str_equal(last, STR("container")))
		id = id_of_component(take_last_component(&cgroup));
	return id;
}
