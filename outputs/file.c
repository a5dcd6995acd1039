/* A file of lines, rotated by size and by age. A thread writes, so a slow disk holds up this output
 * alone. */
#include "base/clock.h"
#include "outputs/log_file.h"
#include "outputs/output_settings.h"
#include "outputs/worker.h"

#include <stdatomic.h>

enum file_sync { FILE_SYNC_NEVER, FILE_SYNC_BATCH };

static const char *const sync_choices[] = { "never", "batch", NULL };

struct file_settings {
	struct output_settings common;
	char *path, *mode;
	uint64_t rotate_bytes, rotate_age_ns, keep;
	int sync; /* enum file_sync */
};

struct file_output {
	struct output base;
	const struct file_settings *settings;
	struct clock clock;
	struct worker *worker;
	struct log_file *file; /* the thread's, once there is one */
	atomic_bool must_reopen;
};

#define AT(field) offsetof(struct file_settings, field)

static const struct config_item file_items[] = {
	{ .name = "path", .type = CONFIG_STRING, .offset = AT(path), .help = "Absolute path." },
	{ .name = "mode",
	  .type = CONFIG_STRING,
	  .offset = AT(mode),
	  .value = "0640",
	  .help = "Permissions of a new file, in octal." },
	{ .name = "rotate_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(rotate_bytes),
	  .value = "100MiB",
	  .help = "The file is rotated before it would grow past this; 0: never." },
	{ .name = "rotate_age",
	  .type = CONFIG_DURATION,
	  .offset = AT(rotate_age_ns),
	  .value = "0s",
	  .help = "The file is rotated when it was begun longer ago than this; 0s: never." },
	{ .name = "keep",
	  .type = CONFIG_INTEGER,
	  .offset = AT(keep),
	  .value = "5",
	  .min = 0,
	  .max = 1000,
	  .unit = "files",
	  .help = "Rotated files kept as PATH.1 (the newest), PATH.2 and so on." },
	{ .name = "sync",
	  .type = CONFIG_ENUM,
	  .offset = AT(sync),
	  .value = "never",
	  .choices = sync_choices,
	  .help = "batch: an event counts as delivered when the disk has it. never: when the kernel "
		  "has it; a power failure can lose the last seconds of the file." },
	CONFIG_END,
};

static bool read_mode(const char *text, mode_t *mode_r)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end || mode > 0777)
		return false;
	*mode_r = mode;
	return true;
}

static int file_check(const struct config_node *cfg, const struct output_settings *common,
		      struct errmsg *em)
{
	const struct file_settings *settings = (const struct file_settings *)common;
	size_t n = strlen(settings->path);
	mode_t mode;

	if (settings->path[0] != '/' || settings->path[n - 1] == '/')
		return config_error(config_node_get(cfg, "path"), em,
				    "path must be the absolute path of a file");
	if (!read_mode(settings->mode, &mode))
		return config_error(config_node_get(cfg, "mode"), em,
				    "mode must be octal permissions such as 0640");
	return 0;
}

static void file_paths(const struct output_settings *common, output_path_fn visit, void *ctx)
{
	visit(ctx, ((const struct file_settings *)common)->path, true);
}

static enum output_verdict failed(struct file_output *out, const char *what, int err,
				  struct errmsg *em)
{
	errmsg_set(em, "can't %s %s: %s", what, out->settings->path, strerror(-err));
	return OUTPUT_LOST;
}

/* Does nothing unless it was asked for. What fails is asked for still: the next batch tries again
 * and says why it can't. */
static int reopen_if_asked(struct file_output *out)
{
	int err;

	if (!atomic_exchange(&out->must_reopen, false))
		return 0;
	err = log_file_reopen(out->file, clock_wall_ns(&out->clock));
	if (err)
		atomic_store(&out->must_reopen, true);
	return err;
}

static void reopen_now(void *ctx)
{
	(void)!reopen_if_asked(ctx);
}

static enum output_verdict write_batch(void *ctx, struct batch *batch, struct errmsg *em)
{
	struct file_output *out = ctx;
	size_t i, n = batch_count(batch);
	uint64_t now = clock_wall_ns(&out->clock);
	int err = reopen_if_asked(out);

	if (err)
		return failed(out, "reopen", err, em);
	for (i = 0; i < n;) {
		struct str lines;
		size_t events = batch_lines(batch, i, &lines);

		err = log_file_append(out->file, lines, now);
		if (err)
			return failed(out, "write", err, em);
		/* Without a sync what is written is delivered, even when the rest fails. */
		for (; events > 0; events--, i++)
			if (out->settings->sync == FILE_SYNC_NEVER)
				batch_event_at(batch, i)->verdict = VERDICT_SENT;
	}
	if (out->settings->sync == FILE_SYNC_BATCH)
		err = log_file_sync(out->file);
	return err ? failed(out, "sync", err, em) : OUTPUT_SENT;
}

static int open_file(struct file_output *out, struct errmsg *em)
{
	const struct file_settings *settings = out->settings;
	struct log_file_settings log_file = {
		.path = settings->path,
		.max_bytes = settings->rotate_bytes,
		.max_age_ns = settings->rotate_age_ns,
		.keep = settings->keep,
	};

	if (!read_mode(settings->mode, &log_file.mode))
		return -EINVAL;
	return log_file_open(&log_file, clock_wall_ns(&out->clock), &out->file, em);
}

static int file_open(const struct output_settings *settings, struct event_base *base,
		     struct output **out_r, struct errmsg *em)
{
	struct file_output *out = calloc(1, sizeof(*out));
	int err;

	if (!out)
		return -ENOMEM;
	out->settings = (const struct file_settings *)settings;
	clock_init(&out->clock);
	err = open_file(out, em);
	if (!err)
		err = worker_create(base, &out->base, write_batch, out, &out->worker, em);
	if (err) {
		log_file_close(&out->file);
		free(out);
		return err;
	}
	*out_r = &out->base;
	return 0;
}

static enum output_verdict file_send(struct output *output, struct batch *batch)
{
	return worker_send(((struct file_output *)output)->worker, batch);
}

static void file_reopen(struct output *output)
{
	struct file_output *out = (struct file_output *)output;

	/* At once, not with the next event: who moved the file looks for the new one. */
	atomic_store(&out->must_reopen, true);
	worker_call(out->worker, reopen_now);
}

static void file_close(struct output **output)
{
	struct file_output *out = (struct file_output *)*output;

	worker_free(&out->worker);
	log_file_close(&out->file);
	free(out);
	*output = NULL;
}

const struct output_type output_file = {
	.name = "file",
	.help = "Appends one line per event to a file, with rotation.",
	.config = file_items,
	.settings_bytes = sizeof(struct file_settings),
	.check = file_check,
	.paths = file_paths,
	.open = file_open,
	.send = file_send,
	.reopen = file_reopen,
	.close = file_close,
};
