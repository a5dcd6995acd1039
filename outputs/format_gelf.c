/* GELF 1.1: one flat JSON object; fields beyond the format's own begin with an underscore, hold
 * text or numbers and are never called _id.
 *
 * One line of JSON: text stays escaped as the event has it, and nothing that isn't JSON on one line
 * is taken (outputs/json_token.h). NUL, which ends a frame of GELF over TCP, is escaped as every
 * control character is. */
#include "outputs/format.h"
#include "outputs/mapping.h"

#include <ctype.h>

/* "_" and then what Graylog takes. */
static bool is_gelf_name(struct str part)
{
	size_t i;

	for (i = 1; i < part.n; i++)
		if (!isalnum((unsigned char)part.p[i]) && !strchr("_.-", part.p[i]))
			return false;
	return part.n > 1 && part.p[0] == '_' && !str_equal(part, STR("_id"));
}

static const struct mapping_style style = {
	.quote = '"',
	.separator = ',',
	.equal = "\":",
	.put = mapping_put_json,
	.is_name = is_gelf_name,
	.names = "an underscore, then letters, digits, '_', '.' and '-', but not _id",
};

#define PROCESS(at, from)                                                         \
	FROM(at "pid", ON_PROCESS, MAP_VALUE, from ".pid"),                       \
		FROM(at "exec_id", ON_PROCESS, MAP_VALUE, from ".exec_id"),       \
		FROM(at "binary", ON_PROCESS, MAP_VALUE, from ".binary"),         \
		FROM(at "arguments", ON_PROCESS, MAP_VALUE, from ".arguments"),   \
		FROM(at "cwd", ON_PROCESS, MAP_VALUE, from ".cwd"),               \
		FROM(at "start_time", ON_PROCESS, MAP_VALUE, from ".start_time"), \
		FROM(at "uid", ON_PROCESS, MAP_VALUE, from ".uid"),               \
		FROM(at "user", ON_PROCESS, MAP_VALUE, from ".user.name")

static const struct mapping_row rows[] = {
	TEXT("version", ON_ALL, "1.1"),
	FROM_OR("host", ON_ALL, MAP_VALUE, "node_name", "\"unknown\""),
	OF_EVENT("timestamp", ON_ALL, MAP_TIME_S),
	JSON("level", ON_ALL & ~(ON(LOSS) | ON(CONFIG_REFUSED)), "6"),
	JSON("level", ON(LOSS) | ON(CONFIG_REFUSED), "4"),
	TEMPLATE("short_message", ON(EXEC), "exec[ {process.binary}][ {process.arguments}]"),
	TEMPLATE("short_message", ON_ENDED, "exit[ {process.binary}][ status {status}][ {signal}]"),
	TEMPLATE("short_message", ON_CONNECT,
		 "connect[ {process.binary}][ to {destination_ip}][ port {destination_port}][: "
		 "{error}]"),
	TEMPLATE("short_message", ON(ACCEPT),
		 "accept[ {process.binary}][ from {destination_ip}][ on port {source_port}]"),
	TEMPLATE("short_message", ON(LISTEN),
		 "listen[ {process.binary}][ on {source_ip}][ port {source_port}]"),
	TEMPLATE("short_message", ON_CLOSE,
		 "close[ {process.binary}][ {destination_ip}][: {error}]"),
	TEMPLATE("short_message", ON(LOSS),
		 "events lost[: {count}][, cause {cause}][, kind {kind}]"),
	TEMPLATE("short_message", ON(START), "weir started"),
	TEMPLATE("short_message", ON(STOP), "weir stopped"),
	TEMPLATE("short_message", ON(CONFIG), "configuration changed[: {message}]"),
	TEMPLATE("short_message", ON(CONFIG_REFUSED), "configuration refused[: {message}]"),

	OF_EVENT("_event", ON_ALL, MAP_KIND),
	OF_EVENT("_event_id", ON_ALL, MAP_ID),
	FROM("_seq", ON_ALL, MAP_NUMBER, "weir.seq"),
	FROM("_cluster", ON_ALL, MAP_VALUE, "cluster_name"),
	PROCESS("_", "process"),
	FROM("_tid", ON_PROCESS, MAP_VALUE, "process.tid"),
	FROM("_auid", ON_PROCESS, MAP_VALUE, "process.auid"),
	FROM("_flags", ON_PROCESS, MAP_VALUE, "process.flags"),
	FROM("_container", ON_PROCESS, MAP_VALUE, "process.docker"),
	FROM("_exe", ON(EXEC), MAP_VALUE, "weir.exe"),
	FROM("_cgroup", ON(EXEC), MAP_VALUE, "weir.cgroup"),
	PROCESS("_parent_", "parent"),
	FROM_OR("_status", ON(EXIT), MAP_VALUE, "status", "0"),
	FROM("_signal", ON(KILLED), MAP_VALUE, "signal"),
	FROM("_protocol", ON_NETWORK, MAP_VALUE, "protocol"),
	FROM("_source_ip", ON_NETWORK, MAP_VALUE, "source_ip"),
	FROM("_source_port", ON_NETWORK, MAP_VALUE, "source_port"),
	FROM("_destination_ip", ON_NETWORK, MAP_VALUE, "destination_ip"),
	FROM("_destination_port", ON_NETWORK, MAP_VALUE, "destination_port"),
	FROM("_role", ON_CLOSE, MAP_VALUE, "role"),
	FROM("_error", ON_NETWORK, MAP_VALUE, "error"),
	FROM("_duration_ns", ON_NETWORK, MAP_NUMBER, "duration_ns"),
	FROM("_bytes_sent", ON_CLOSE, MAP_NUMBER, "bytes_sent"),
	FROM("_bytes_received", ON_CLOSE, MAP_NUMBER, "bytes_received"),
	FROM("_sock_cookie", ON_NETWORK, MAP_VALUE, "sock_cookie"),
	FROM("_netns", ON_NETWORK, MAP_VALUE, "netns"),
	FROM("_cause", ON(LOSS), MAP_VALUE, "cause"),
	FROM("_kind", ON(LOSS), MAP_VALUE, "kind"),
	FROM("_key", ON(LOSS), MAP_VALUE, "key"),
	FROM("_count", ON(LOSS), MAP_NUMBER, "count"),
	FROM("_first_seq", ON(LOSS), MAP_NUMBER, "first_seq"),
	FROM("_last_seq", ON(LOSS), MAP_NUMBER, "last_seq"),
	FROM("_first_time", ON(LOSS), MAP_VALUE, "first_time"),
	FROM("_last_time", ON(LOSS), MAP_VALUE, "last_time"),
	FROM("_weir_version", ON_SELF, MAP_VALUE, "version"),
	FROM("_config_digest", ON_SELF, MAP_VALUE, "config_digest"),
};

const struct schema schema_gelf = {
	.name = "gelf",
	.title = "Graylog Extended Log Format",
	.version = "1.1",
	.style = &style,
	.rows = rows,
	.count = ARRAY_SIZE(rows),
};

const struct format format_gelf = {
	.name = "gelf",
	.help = "One line of JSON per event after GELF 1.1.",
	.content_type = "application/json",
	.schema = &schema_gelf,
};
