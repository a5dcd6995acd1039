/* The output that throws everything away: for measuring what comes before, and the shortest
 * example of a destination. */
#include "outputs/output_settings.h"

static int null_open(const struct output_settings *settings, struct event_base *base,
		     struct output **out_r, struct errmsg *em)
{
	*out_r = calloc(1, sizeof(**out_r));
	return *out_r ? 0 : -ENOMEM;
}

static enum output_verdict null_send(struct output *out, struct batch *batch)
{
	return OUTPUT_SENT;
}

static void null_close(struct output **out)
{
	free(*out);
	*out = NULL;
}

const struct output_type output_null = {
	.name = "null",
	.takes_binary = true,
	.help = "Throws everything away.",
	.settings_bytes = sizeof(struct output_settings),
	.open = null_open,
	.send = null_send,
	.close = null_close,
};
