/* outputs/fluentd_settings.h: what the configuration says about a Fluentd destination, and what can
 * be read from it alone. */
#pragma once

#include "outputs/endpoint.h"
#include "outputs/output_settings.h"
#include "outputs/stream_settings.h"
#include "outputs/template.h"
#include "outputs/tls_settings.h"

#define FLUENTD_MAX_SERVERS 16
#define FLUENTD_MAX_WEIGHT  1000

enum fluentd_transport { FLUENTD_TCP, FLUENTD_TLS };
enum fluentd_compression { FLUENTD_PLAIN, FLUENTD_GZIP };
enum fluentd_heartbeat_kind {
	FLUENTD_HEARTBEAT_NONE,
	FLUENTD_HEARTBEAT_TCP,
	FLUENTD_HEARTBEAT_UDP
};

struct fluentd_settings {
	struct output_settings common;
	struct config_strings servers;
	char *tag, *message_key, *self_hostname, *username;
	struct secret *shared_key, *password;
	int transport, compression, heartbeat;
	bool acknowledge;
	uint64_t ack_timeout_ns, grace_ns, window, heartbeat_interval_ns, heartbeat_timeout_ns;
	struct stream_settings stream;
	struct tls_settings tls;
};

/* One line of `servers`. */
struct fluentd_server_settings {
	struct endpoint endpoint;
	unsigned int weight;
	bool is_standby;
};

extern const struct config_item fluentd_items[];
extern const struct template_rules fluentd_tag_rules;

int fluentd_settings_check(const struct config_node *cfg, const struct output_settings *common,
			   struct errmsg *em);
void fluentd_settings_paths(const struct output_settings *common, output_path_fn visit, void *ctx);

/* HOST[:PORT] or /PATH, then weight=N and standby as wished. -EINVAL: em says what is wrong. */
WARN_UNUSED int fluentd_parse_server(const char *text, struct fluentd_server_settings *server_r,
				     struct errmsg *em);
/* Whether the record is the event's own MessagePack, not its text under message_key. */
bool fluentd_is_map(const struct fluentd_settings *settings);
