#include "outputs/fluentd_settings.h"

#include <errno.h>
#include <stdlib.h>

#define TAG_BYTES 255

#define DEFAULT_PORT   24224
#define DEFAULT_WEIGHT 60
#define SERVER_BYTES   512

static const char *const transport_choices[] = { "tcp", "tls", NULL };
static const char *const compression_choices[] = { "none", "gzip", NULL };
static const char *const heartbeat_choices[] = { "none", "tcp", "udp", NULL };

#define AT(field) offsetof(struct fluentd_settings, field)

static const struct config_item fluentd_tls_items[] = {
	TLS_ITEMS(struct fluentd_settings, tls),
	CONFIG_END,
};

const struct config_item fluentd_items[] = {
	{ .name = "servers",
	  .type = CONFIG_LIST,
	  .offset = AT(servers),
	  .help = "1 to 16 of HOST, HOST:PORT (24224 when not given) or the path of a Unix socket, "
		  "each followed by weight=N (its share of the batches, 60 when not given) and "
		  "standby (used only while another is down) as wished: [log-1, \"log-2 "
		  "weight=20\", \"log-3:24225 standby\"]." },
	{ .name = "transport",
	  .type = CONFIG_ENUM,
	  .offset = AT(transport),
	  .value = "tcp",
	  .choices = transport_choices,
	  .help = "Whether TLS is spoken, from the first byte on." },
	{ .name = "tag",
	  .type = CONFIG_STRING,
	  .offset = AT(tag),
	  .value = "weir",
	  .help = "Tag of the events: text with {kind}, {node}, {boot}, {output}, {date} (2026_11_30) or "
		  "the path of a member of the event's body ({process.pod.namespace}) in it. What such a value has besides "
		  "letters, digits, _ and - becomes _, so none can add a part to the tag; a missing "
		  "one is \"none\"." },
	{ .name = "message_key",
	  .type = CONFIG_STRING,
	  .offset = AT(message_key),
	  .value = "message",
	  .help = "With another format than msgpack the record has one field, the event's text, "
		  "under this key." },
	{ .name = "acknowledge",
	  .type = CONFIG_BOOL,
	  .offset = AT(acknowledge),
	  .value = "true",
	  .help = "Whether the server has to confirm each chunk. With false an event counts as "
		  "delivered when the server's kernel has it: what the server has not read when it "
		  "dies is lost, and nobody knows." },
	{ .name = "ack_timeout",
	  .type = CONFIG_DURATION,
	  .offset = AT(ack_timeout_ns),
	  .value = "60s",
	  .min = 100 * NSEC_PER_MSEC,
	  .max = 600 * NSEC_PER_SEC,
	  .help = "A chunk that is not confirmed so long after it went out: the connection is given "
		  "up, and it goes out again under the same id." },
	{ .name = "grace",
	  .type = CONFIG_DURATION,
	  .offset = AT(grace_ns),
	  .value = "50ms",
	  .max = 60 * NSEC_PER_SEC,
	  .help = "With acknowledge: false, how long the connection must live on after the server's "
		  "kernel had an event; if it ends before, the event goes out again." },
	{ .name = "window",
	  .type = CONFIG_INTEGER,
	  .offset = AT(window),
	  .value = "8",
	  .min = 1,
	  .max = 64,
	  .unit = "batches",
	  .help = "So many batches at most are on their way unconfirmed." },
	{ .name = "compression",
	  .type = CONFIG_ENUM,
	  .offset = AT(compression),
	  .value = "none",
	  .choices = compression_choices,
	  .help = "gzip sends CompressedPackedForward: a fifth of the bytes for several times the "
		  "CPU." },
	{ .name = "shared_key",
	  .type = CONFIG_SECRET,
	  .offset = AT(shared_key),
	  .optional = true,
	  .help = "The server's shared_key, when it has a <security> section; each side proves to "
		  "the other that it knows it." },
	{ .name = "username",
	  .type = CONFIG_STRING,
	  .offset = AT(username),
	  .value = "",
	  .help = "For servers with user_auth." },
	{ .name = "password",
	  .type = CONFIG_SECRET,
	  .offset = AT(password),
	  .optional = true,
	  .help = "Of that user." },
	{ .name = "self_hostname",
	  .type = CONFIG_STRING,
	  .offset = AT(self_hostname),
	  .value = "",
	  .help = "What this host calls itself in the handshake; it must differ from the server's "
		  "own. Empty: this host's name." },
	{ .name = "heartbeat",
	  .type = CONFIG_ENUM,
	  .offset = AT(heartbeat),
	  .value = "none",
	  .choices = heartbeat_choices,
	  .help = "Asks each server besides the connection whether it is alive: tcp connects to it, "
		  "udp sends a byte to the same port and wants one back (Fluentd's in_forward "
		  "answers, many others don't)." },
	{ .name = "heartbeat_interval",
	  .type = CONFIG_DURATION,
	  .offset = AT(heartbeat_interval_ns),
	  .value = "1s",
	  .min = 10 * NSEC_PER_MSEC,
	  .max = 3600 * NSEC_PER_SEC,
	  .help = "How often." },
	{ .name = "heartbeat_timeout",
	  .type = CONFIG_DURATION,
	  .offset = AT(heartbeat_timeout_ns),
	  .value = "10s",
	  .min = 10 * NSEC_PER_MSEC,
	  .max = 3600 * NSEC_PER_SEC,
	  .help = "A server that has not answered for so long is down: its chunks go to another." },
	STREAM_ITEMS(struct fluentd_settings, stream),
	{ .name = "tls",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = fluentd_tls_items,
	  .help = TLS_HELP },
	CONFIG_END,
};

static bool parse_weight(const char *text, unsigned int *weight_r)
{
	char *end;
	unsigned long weight;

	if (*text < '0' || *text > '9')
		return false;
	weight = strtoul(text, &end, 10);
	*weight_r = weight;
	return !*end && weight > 0 && weight <= FLUENTD_MAX_WEIGHT;
}

int fluentd_parse_server(const char *text, struct fluentd_server_settings *server_r,
			 struct errmsg *em)
{
	char copy[SERVER_BYTES], *rest, *word;

	*server_r = (struct fluentd_server_settings){ .weight = DEFAULT_WEIGHT };
	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy)) {
		errmsg_set(em, "a server is written in less than %d characters", SERVER_BYTES);
		return -EINVAL;
	}
	word = strtok_r(copy, " \t", &rest);
	if (endpoint_parse(word ?: "", DEFAULT_PORT, &server_r->endpoint, em) != 0)
		return -EINVAL;
	while ((word = strtok_r(NULL, " \t", &rest))) {
		if (strcmp(word, "standby") == 0) {
			server_r->is_standby = true;
			continue;
		}
		if (strncmp(word, "weight=", 7) == 0 && parse_weight(word + 7, &server_r->weight))
			continue;
		errmsg_set(em, "\"%.60s\" after %s: there are weight=1 to weight=%d and standby",
			   word, endpoint_name(&server_r->endpoint).text, FLUENTD_MAX_WEIGHT);
		return -EINVAL;
	}
	return 0;
}

bool fluentd_is_map(const struct fluentd_settings *settings)
{
	return strcmp(settings->common.format->name, "msgpack") == 0;
}

static int check_server(const struct fluentd_settings *set, const char *text, bool *is_standby_r,
			struct errmsg *em)
{
	struct fluentd_server_settings server;
	int err = fluentd_parse_server(text, &server, em);

	if (err)
		return err;
	*is_standby_r = server.is_standby;
	if (!endpoint_is_unix(&server.endpoint))
		return 0;
	if (set->transport == FLUENTD_TLS)
		errmsg_set(em, "transport tls needs HOST:PORT, not a Unix socket");
	else if (set->heartbeat == FLUENTD_HEARTBEAT_UDP)
		errmsg_set(em, "heartbeat udp needs HOST:PORT, not a Unix socket");
	else
		return 0;
	return -EINVAL;
}

static int check_servers(const struct config_node *cfg, const struct fluentd_settings *set,
			 struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "servers");
	bool is_standby, has_regular = false;
	struct errmsg why;
	size_t i;

	if (set->servers.n == 0 || set->servers.n > FLUENTD_MAX_SERVERS)
		return config_error(node, em, "servers: 1 to %d are needed", FLUENTD_MAX_SERVERS);
	for (i = 0; i < set->servers.n; i++) {
		if (check_server(set, set->servers.v[i], &is_standby, &why) != 0)
			return config_error(config_node_at(node, i), em, "servers: %s", why.text);
		has_regular |= !is_standby;
	}
	if (!has_regular)
		return config_error(node, em, "servers: one at least must not be standby");
	return 0;
}

static int check_security(const struct config_node *cfg, const struct fluentd_settings *set,
			  struct errmsg *em)
{
	if ((set->username[0] || set->password) && !set->shared_key)
		return config_error(cfg, em, "username and password need shared_key");
	if (!set->username[0] != !set->password)
		return config_error(cfg, em, "username and password need each other");
	if (strlen(set->self_hostname) > 255)
		return config_error(config_node_get(cfg, "self_hostname"), em,
				    "self_hostname is at most 255 characters long");
	return 0;
}

static int check_combinations(const struct config_node *cfg, const struct fluentd_settings *set,
			      struct errmsg *em)
{
	if (config_node_get(cfg, "tls") && set->transport != FLUENTD_TLS)
		return config_error(config_node_get(cfg, "tls"), em, "tls needs transport: tls");
	if (set->heartbeat != FLUENTD_HEARTBEAT_NONE && set->stream.proxy[0])
		return config_error(config_node_get(cfg, "heartbeat"), em,
				    "a heartbeat does not go through a proxy: use heartbeat: none");
	if (set->heartbeat != FLUENTD_HEARTBEAT_NONE &&
	    set->heartbeat_timeout_ns < set->heartbeat_interval_ns)
		return config_error(config_node_get(cfg, "heartbeat_timeout") ?: cfg, em,
				    "heartbeat_timeout must not be shorter than "
				    "heartbeat_interval");
	if (strlen(set->message_key) > 255)
		return config_error(config_node_get(cfg, "message_key"), em,
				    "message_key is at most 255 characters long");
	return 0;
}

/* Routing follows the parts of the tag between its dots, so no value can hold one or be empty. */
const struct template_rules fluentd_tag_rules = {
	.what = "tag",
	.fields = TEMPLATE_ALL,
	.is_name = true,
	.allowed = TEMPLATE_LETTERS "_-",
	.replacement = '_',
	.max_bytes = 128,
	.absent = "none",
};

static int check_tag(const struct config_node *cfg, const struct fluentd_settings *set,
		     struct errmsg *em)
{
	const struct config_node *node = config_node_get(cfg, "tag");

	if (!*set->tag || strlen(set->tag) > TAG_BYTES)
		return config_error(node, em, "a tag has 1 to %d characters", TAG_BYTES);
	return template_check(node, set->tag, &fluentd_tag_rules, em);
}

int fluentd_settings_check(const struct config_node *cfg, const struct output_settings *common,
			   struct errmsg *em)
{
	const struct fluentd_settings *set = (const struct fluentd_settings *)common;
	int err = check_servers(cfg, set, em);

	if (!err)
		err = check_tag(cfg, set, em);
	if (!err)
		err = check_security(cfg, set, em);
	if (!err)
		err = check_combinations(cfg, set, em);
	if (!err)
		err = stream_settings_check(cfg, &set->stream, em);
	if (!err)
		err = tls_settings_check(config_node_get(cfg, "tls"), &set->tls, em);
	return err;
}

void fluentd_settings_paths(const struct output_settings *common, output_path_fn visit, void *ctx)
{
	const struct fluentd_settings *set = (const struct fluentd_settings *)common;

	if (set->transport == FLUENTD_TLS)
		tls_settings_paths(&set->tls, visit, ctx);
}
