/* Standard output: a terminal, a pipe or a file that somebody else opened. It may be shared with a
 * shell, so it is never made non-blocking; a thread writes, and a reader that is slow or paused
 * holds up this output alone. */
#include "outputs/output_settings.h"
#include "outputs/worker.h"

#include <unistd.h>

struct stdout_output {
	struct output base;
	struct worker *worker;
	bool mid_line; /* a write was cut off: end that line before the next */
};

/* -EINTR: asked to stop. */
static int write_all(struct stdout_output *out, struct str lines)
{
	while (lines.n) {
		ssize_t n = write(STDOUT_FILENO, lines.p, lines.n);

		if (n < 0 && errno == EINTR && !worker_is_stopping(out->worker))
			continue;
		if (n < 0)
			return -errno;
		out->mid_line = lines.p[n - 1] != '\n';
		lines.p += n;
		lines.n -= n;
	}
	return 0;
}

static enum output_verdict write_batch(void *ctx, struct batch *batch, struct errmsg *em)
{
	struct stdout_output *out = ctx;
	size_t i, n = batch_count(batch);
	int err = out->mid_line ? write_all(out, STR("\n")) : 0;

	for (i = 0; !err && i < n;) {
		struct str lines;
		size_t events = batch_lines(batch, i, &lines);

		err = write_all(out, lines);
		for (; !err && events > 0; events--)
			batch_event_at(batch, i++)->verdict = VERDICT_SENT;
	}
	if (!err)
		return OUTPUT_SENT;
	errmsg_set(em, "can't write: %s", strerror(-err));
	return OUTPUT_LOST;
}

static int stdout_open(const struct output_settings *settings, struct event_base *base,
		       struct output **out_r, struct errmsg *em)
{
	struct stdout_output *out = calloc(1, sizeof(*out));
	int err;

	if (!out)
		return -ENOMEM;
	err = worker_create(base, &out->base, write_batch, out, &out->worker, em);
	if (err)
		free(out);
	else
		*out_r = &out->base;
	return err;
}

static enum output_verdict stdout_send(struct output *output, struct batch *batch)
{
	return worker_send(((struct stdout_output *)output)->worker, batch);
}

static void stdout_close(struct output **output)
{
	struct stdout_output *out = (struct stdout_output *)*output;

	worker_free(&out->worker);
	free(out);
	*output = NULL;
}

const struct output_type output_stdout = {
	.name = "stdout",
	.help = "Writes one line per event to standard output.",
	.settings_bytes = sizeof(struct output_settings),
	.open = stdout_open,
	.send = stdout_send,
	.close = stdout_close,
};
