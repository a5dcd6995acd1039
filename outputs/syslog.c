/* Syslog: RFC 5424 or RFC 3164, over TCP, TLS, UDP, RELP and Unix sockets. What each of them can
 * know about delivery is in docs/outputs/syslog.md. */
#include "outputs/syslog_internal.h"

#include <errno.h>

static const struct syslog_link_type *link_of(const struct syslog_settings *settings)
{
	switch ((enum syslog_transport)settings->transport) {
	case SYSLOG_TCP:
	case SYSLOG_TLS:
	case SYSLOG_UNIX_STREAM:
		return &syslog_stream_link;
	case SYSLOG_RELP:
	case SYSLOG_RELP_TLS:
		return &syslog_relp_link;
	case SYSLOG_UDP:
	case SYSLOG_UNIX_DATAGRAM:
		return &syslog_datagram_link;
	}
	return NULL;
}

static enum syslog_frame frame_of(const struct syslog_settings *settings)
{
	if (link_of(settings) == &syslog_relp_link)
		return SYSLOG_FRAME_RELP;
	if (link_of(settings) == &syslog_datagram_link)
		return SYSLOG_FRAME_NONE;
	return syslog_framing_of(settings) == SYSLOG_LF ? SYSLOG_FRAME_LF : SYSLOG_FRAME_COUNT;
}

static void syslog_close(struct output **output)
{
	struct syslog_output *out = (struct syslog_output *)*output;

	*output = NULL;
	if (out->link)
		out->link_type->free(&out->link);
	syslog_queue_free(&out->queue);
	tls_free(&out->tls);
	free(out);
}

static int prepare(struct syslog_output *out, struct errmsg *em)
{
	const struct syslog_settings *set = out->settings;
	int err = syslog_endpoint(set, &out->endpoint, em);

	if (err)
		return err;
	out->queue.message = syslog_message_create(set, em);
	if (!out->queue.message)
		return -ENOMEM;
	if (syslog_is_tls(set)) {
		out->tls = tls_create(&set->tls, set->common.name);
		if (!out->tls)
			return -ENOMEM;
	}
	out->link = out->link_type->create(out);
	return out->link ? 0 : -ENOMEM;
}

static int syslog_open(const struct output_settings *settings, struct event_base *base,
		       struct output **out_r, struct errmsg *em)
{
	struct syslog_output *out = calloc(1, sizeof(*out));
	int err;

	errmsg_set(em, "no memory");
	if (!out)
		return -ENOMEM;
	out->settings = (const struct syslog_settings *)settings;
	out->loop = base;
	out->link_type = link_of(out->settings);
	out->queue.frame = frame_of(out->settings);
	out->queue.out = &out->base;
	clock_init(&out->clock);
	*out_r = &out->base;
	err = prepare(out, em);
	if (err)
		syslog_close(out_r);
	return err;
}

static enum output_verdict lost(struct syslog_output *out, const struct errmsg *em)
{
	output_error(&out->base, em);
	return OUTPUT_LOST;
}

static enum output_verdict syslog_send(struct output *output, struct batch *batch)
{
	struct syslog_output *out = (struct syslog_output *)output;
	struct errmsg em = { "no memory" };
	size_t messages;

	if (syslog_queue_add(&out->queue, batch, &messages) != 0)
		return lost(out, &em);
	if (messages == 0)
		return OUTPUT_SENT; /* each event was refused */
	/* When it fails, delivery takes back all that is pending. */
	if (out->link_type->push(out->link, &em) != 0)
		return lost(out, &em);
	/* It may have failed on the way and settled all, also this one, which is not pending yet.
	 */
	return out->queue.count ? OUTPUT_PENDING : lost(out, &out->queue.why);
}

static void syslog_reopen(struct output *output)
{
	struct syslog_output *out = (struct syslog_output *)output;

	if (out->tls)
		tls_reload(out->tls);
}

const struct output_type output_syslog = {
	.name = "syslog",
	.help = "Syslog messages (RFC 5424, RFC 3164) over TCP, TLS, UDP, RELP or a Unix socket.",
	.config = syslog_items,
	.settings_bytes = sizeof(struct syslog_settings),
	.check = syslog_settings_check,
	.paths = syslog_settings_paths,
	/* Above the deadlines of a connection, which say more. */
	.settle_timeout_ns = 3600 * NSEC_PER_SEC,
	.window = SYSLOG_WINDOW,
	.open = syslog_open,
	.send = syslog_send,
	.reopen = syslog_reopen,
	.close = syslog_close,
};
