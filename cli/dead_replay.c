#include "cli/dead_replay.h"

#include "base/file_io.h"

#include "cli/control_verb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STATUS_TIMEOUT_MS 5000
#define LOOK_AGAIN_NS	  50000000
#define NAME_BYTES	  64

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

/* What the running weir says of an output; NULL: it has none of that name. */
static const json_t *find_output(const json_t *status, struct str name)
{
	json_t *output;
	size_t i;

	json_array_foreach(json_object_get(status, "outputs"), i, output)
	{
		if (str_equal(str_of(text(output, "name")), name) &&
		    strcmp(text(output, "state"), "closed") != 0)
			return output;
	}
	return NULL;
}

static enum exit_code ask_status(const struct dead_replay *replay, json_t **status_r)
{
	struct buf body = buf_growable(CONTROL_RESPONSE_MAX_BYTES);
	struct control_request request = { .method = "GET",
					   .path = "/v1/status",
					   .timeout_ms = STATUS_TIMEOUT_MS };
	unsigned int code = 0;
	enum exit_code exit =
		control_verb_ask(replay->verb, replay->locate, &request, &code, &body);

	if (exit == EXIT_OK && code != 200)
		exit = control_verb_refuse(replay->verb, code);
	if (exit == EXIT_OK)
		*status_r = json_loadb(body.p, body.len, 0, NULL);
	buf_free(&body);
	return exit;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void pause_a_little(void)
{
	const struct timespec pause = { 0, LOOK_AGAIN_NS };

	nanosleep(&pause, NULL);
}

/* A forwarder that has just been started again, as after a reload, has no outputs yet. */
static enum exit_code await_forwarder(const struct dead_replay *replay, json_t **status_r)
{
	uint64_t until = now_ns() + replay->wait_ns;
	enum exit_code code = ask_status(replay, status_r);

	while (code == EXIT_OK && json_is_false(json_object_get(*status_r, "forwarder_ready")) &&
	       now_ns() < until) {
		json_decref(*status_r);
		*status_r = NULL;
		pause_a_little();
		code = ask_status(replay, status_r);
	}
	return code;
}

static int write_letters(int fd, const struct dead_store *store, struct str output)
{
	int err = 0;

	for (size_t i = 0; !err && i < store->n; i++) {
		const struct dead_entry *entry = &store->entries[i];

		if (!str_equal(entry->letter.output, output))
			continue;
		err = file_write_all(fd, entry->line);
		if (!err)
			err = file_write_all(fd, STR("\n"));
	}
	return err;
}

/* Makes the file whole under another name first, so the forwarder never sees a part of it, and of
 * the directory's owner, which the forwarder is. */
static int write_request(const char *directory, struct str output, const struct dead_store *store)
{
	int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1, err = 0;
	char name[NAME_BYTES + 16], making[NAME_BYTES + 16];
	struct stat owner;

	snprintf(name, sizeof(name), "%.*s.replay", STR_FMT(output));
	snprintf(making, sizeof(making), "%.*s.replay.new", STR_FMT(output));
	if (dir < 0 || fstat(dir, &owner) < 0)
		err = -errno;
	if (!err) {
		unlinkat(dir, making, 0); /* of one that was interrupted */
		fd = openat(dir, making, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
	}
	if (!err && (fd < 0 || fchown(fd, owner.st_uid, owner.st_gid) < 0))
		err = -errno;
	if (!err)
		err = write_letters(fd, store, output);
	if (!err && renameat2(dir, making, dir, name, RENAME_NOREPLACE) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err && fd >= 0)
		unlinkat(dir, making, 0);
	if (dir >= 0)
		close(dir);
	return err;
}

static enum exit_code request_output(const struct dead_replay *replay, const json_t *status,
				     struct str output, const struct dead_store *store)
{
	int err;

	if (!find_output(status, output)) {
		verb_complain(replay->verb, "weir has no output '%.*s' any more", STR_FMT(output));
		return EXIT_FAILED;
	}
	err = write_request(replay->state_directory, output, store);
	if (err == -EEXIST)
		verb_complain(replay->verb, "output %.*s: dead letters are being sent already",
			      STR_FMT(output));
	else if (err)
		verb_complain(replay->verb, "output %.*s: can't ask for it: %s", STR_FMT(output),
			      strerror(-err));
	return err ? EXIT_FAILED : EXIT_OK;
}

/* Once for each output; the letters are sorted by it. */
static enum exit_code request_all(const struct dead_replay *replay, const json_t *status,
				  const struct dead_store *store)
{
	enum exit_code code = EXIT_OK;
	struct str before = STR("");

	for (size_t i = 0; i < store->n; i++) {
		struct str output = store->entries[i].letter.output;

		if (!str_equal(output, before) &&
		    request_output(replay, status, output, store) != EXIT_OK)
			code = EXIT_FAILED;
		before = output;
	}
	return code;
}

static bool is_asked_for(const struct dead_replay *replay, struct str output)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%.*s.replay", replay->state_directory, STR_FMT(output));
	return access(path, F_OK) == 0;
}

static bool is_under_way(const struct dead_replay *replay, const struct dead_store *store)
{
	for (size_t i = 0; i < store->n; i++)
		if (is_asked_for(replay, store->entries[i].letter.output))
			return true;
	return false;
}

/* False: it takes longer. */
static bool await(const struct dead_replay *replay, const struct dead_store *store)
{
	uint64_t until = now_ns() + replay->wait_ns;

	while (is_under_way(replay, store)) {
		if (now_ns() >= until)
			return false;
		pause_a_little();
	}
	return true;
}

static bool is_in(const void *ctx, const struct dead_entry *entry)
{
	const struct dead_store *store = ctx;

	for (size_t i = 0; i < store->n; i++)
		if (str_equal(store->entries[i].letter.id, entry->letter.id) &&
		    str_equal(store->entries[i].letter.output, entry->letter.output))
			return true;
	return false;
}

/* What is still there was not acknowledged. */
static enum exit_code tell(const struct dead_replay *replay, const struct dead_store *asked,
			   bool is_over)
{
	struct dead_store left;
	struct errmsg em = { "" };
	size_t still;

	if (dead_store_open(replay->state_directory, replay->output, &left, &em) < 0) {
		verb_complain(replay->verb, "%s", em.text);
		return EXIT_FAILED;
	}
	dead_store_keep(&left, is_in, asked);
	still = left.n;
	dead_store_close(&left);
	printf("%zu acknowledged, %zu %s\n", asked->n - still, still,
	       is_over ? "refused again" : "not answered yet");
	if (!is_over)
		verb_complain(replay->verb,
			      "the receiver has not answered so far: weir status says "
			      "why; they go out when it is back");
	return still ? EXIT_FAILED : EXIT_OK;
}

enum exit_code dead_replay(const struct dead_replay *replay, const struct dead_store *store)
{
	json_t *status = NULL;
	enum exit_code code = await_forwarder(replay, &status);

	if (code == EXIT_OK && store->n == 0)
		printf("no dead letters\n");
	if (code != EXIT_OK || store->n == 0) {
		json_decref(status);
		return code;
	}
	code = request_all(replay, status, store);
	json_decref(status);
	return code == EXIT_OK ? tell(replay, store, await(replay, store)) : code;
}
