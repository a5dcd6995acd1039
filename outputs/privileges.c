#include "outputs/privileges.h"

#include "base/clock.h"
#include "outputs/sandbox.h"
#include "outputs/state_directory.h"
#include "outputs/system_files.h"
#include "pipeline/metrics.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* The forwarder before this one may take its whole drain timeout. */
#define LOCK_MARGIN_MS 5000

/* On the heap: the parents alone are a few hundred KiB. */
struct path_list {
	const struct sandbox_user *user;
	struct sandbox_path v[4 * METRICS_MAX_OUTPUTS];
	char parents[4 * METRICS_MAX_OUTPUTS][PATH_MAX];
	size_t n;
	bool overflow;
	int err;
	struct errmsg *em;
};

static void add_path(struct path_list *paths, const char *path, bool is_written)
{
	size_t i;

	for (i = 0; i < paths->n; i++)
		if (paths->v[i].is_written == is_written && strcmp(paths->v[i].path, path) == 0)
			return;
	if (paths->n == ARRAY_SIZE(paths->v))
		paths->overflow = true;
	else
		paths->v[paths->n++] = (struct sandbox_path){ path, is_written };
}

static void add_directory_of(struct path_list *paths, const char *path, bool is_written)
{
	const char *slash = strrchr(path, '/');
	char *parent;

	if (!slash || paths->n == ARRAY_SIZE(paths->v)) {
		paths->overflow |= slash != NULL;
		return;
	}
	parent = paths->parents[paths->n];
	snprintf(parent, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	add_path(paths, parent, is_written);
}

/* An output's path: its directory, since files are rotated and made anew in it; and the one in
 * which what it links to is, since what renews certificates keeps them elsewhere. */
static void visit_path(void *ctx, const char *path, bool is_written)
{
	struct path_list *paths = ctx;
	char target[PATH_MAX];

	if (is_written && !paths->err)
		paths->err = state_directory_make_parent(path, paths->user, paths->em);
	add_directory_of(paths, path, is_written);
	if (!is_written && realpath(path, target))
		add_directory_of(paths, target, false);
}

static int collect_paths(struct path_list *paths, const struct settings *settings,
			 const struct outputs_list *outputs)
{
	size_t i;

	add_path(paths, settings->journal.directory, false);
	add_path(paths, settings->forwarder.state_directory, true);
	for (i = 0; system_files_paths[i]; i++)
		add_path(paths, system_files_paths[i], false);
	for (i = 0; i < outputs->n; i++)
		if (outputs->v[i]->output_type->paths)
			outputs->v[i]->output_type->paths(outputs->v[i], visit_path, paths);
	if (paths->overflow && !paths->err) {
		errmsg_set(paths->em, "the outputs use too many paths");
		paths->err = -E2BIG;
	}
	return paths->err;
}

static int enter_sandbox(const struct settings *settings, const struct outputs_list *outputs,
			 const struct sandbox_user *user, struct errmsg *em)
{
	struct path_list *paths = calloc(1, sizeof(*paths));
	struct sandbox_settings sandbox = { .user = user };
	int err;

	if (!paths)
		return -ENOMEM;
	paths->user = user;
	paths->em = em;
	err = collect_paths(paths, settings, outputs);
	sandbox.paths = paths->v;
	sandbox.path_count = paths->n;
	if (!err)
		err = sandbox_enter(&sandbox, em);
	free(paths);
	return err;
}

static int take_state_directory(const struct settings *settings, const struct sandbox_user *user,
				int *lock_fd_r, struct errmsg *em)
{
	unsigned int timeout_ms =
		settings->forwarder.drain_timeout_ns / NSEC_PER_MSEC + LOCK_MARGIN_MS;
	int err = state_directory_make(settings->forwarder.state_directory, user, em);

	if (err)
		return err;
	return state_directory_lock(settings->forwarder.state_directory, user, timeout_ms,
				    lock_fd_r, em);
}

int privileges_drop(const struct settings *settings, const struct outputs_list *outputs,
		    int *lock_fd_r, struct errmsg *em)
{
	struct sandbox_user user;
	bool is_root = geteuid() == 0;
	int err = is_root ? sandbox_find_user(settings->forwarder.user, &user, em) : 0;

	if (!err)
		err = take_state_directory(settings, is_root ? &user : NULL, lock_fd_r, em);
	if (err)
		return err;
	err = enter_sandbox(settings, outputs, is_root ? &user : NULL, em);
	if (err)
		errmsg_prefix(em, "sandbox");
	return err;
}
