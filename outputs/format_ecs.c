/* Elastic Common Schema 8.11: fields under their names there, as objects in objects; what ECS has
 * no field for is under `weir`. Fit for data streams (there is a @timestamp; the stream's own
 * data_stream.* are not set, so that the stream's name decides). As ECS has it, `source` is who
 * opened the connection, whichever side this host has.
 *
 * One line of JSON: text stays escaped as the event has it, and nothing that isn't JSON on one line
 * is taken (outputs/json_token.h). */
#include "outputs/format.h"
#include "outputs/mapping.h"

#define ECS_VERSION "8.11.0"

#define EVENT(cases, kind, category, type)                                                    \
	TEXT("event.kind", cases, kind), JSON("event.category", cases, "[\"" category "\"]"), \
		JSON("event.type", cases, "[\"" type "\"]")
#define TWO(a, b) a "\",\"" b

#define PROCESS(at, from)                                                          \
	FROM(at ".pid", ON_PROCESS, MAP_VALUE, from ".pid"),                       \
		FROM(at ".entity_id", ON_PROCESS, MAP_VALUE, from ".exec_id"),     \
		FROM(at ".name", ON_PROCESS, MAP_LAST_PART, from ".binary"),       \
		FROM(at ".executable", ON_PROCESS, MAP_VALUE, from ".binary"),     \
		TEMPLATE(at ".command_line", ON_PROCESS,                           \
			 "{" from ".binary}[ {" from ".arguments}]"),              \
		FROM(at ".working_directory", ON_PROCESS, MAP_VALUE, from ".cwd"), \
		FROM(at ".start", ON_PROCESS, MAP_VALUE, from ".start_time"),      \
		FROM(at ".user.id", ON_PROCESS, MAP_TEXT, from ".uid"),            \
		FROM(at ".user.name", ON_PROCESS, MAP_VALUE, from ".user.name")
#define CREDENTIAL(at, member) FROM(at, ON_PROCESS, MAP_TEXT, "process.process_credentials." member)

static const struct mapping_choice outcome[] = { { "", "\"success\"" }, { NULL, "\"failure\"" } };
static const struct mapping_choice network_type[] = { { "AF_INET", "\"ipv4\"" },
						      { "AF_INET6", "\"ipv6\"" },
						      { NULL, NULL } };

static const struct mapping_row rows[] = {
	OF_EVENT("@timestamp", ON_ALL, MAP_TIME),
	TEXT("ecs.version", ON_ALL, ECS_VERSION),
	EVENT(ON(EXEC), "event", "process", "start"),
	EVENT(ON_ENDED, "event", "process", "end"),
	EVENT(ON(CONNECT) | ON(ACCEPT), "event", "network", TWO("connection", "start")),
	EVENT(ON(REFUSED) | ON(FAILED), "event", "network", "connection"),
	EVENT(ON(LISTEN), "event", "network", "info"),
	EVENT(ON(CLOSE_CLIENT) | ON(CLOSE_SERVER), "event", "network", TWO("connection", "end")),
	EVENT(ON(CLOSE_LISTENER), "event", "network", "end"),
	EVENT(ON(LOSS), "pipeline_error", "host", "info"),
	EVENT(ON(START) | ON(STOP), "event", "host", "info"),
	EVENT(ON_CONFIG, "event", "configuration", "change"),
	OF_EVENT("event.action", ON_ALL, MAP_KIND),
	TEXT("event.module", ON_ALL, "weir"),
	TEXT("event.dataset", ON_ALL, "weir.events"),
	OF_EVENT("event.id", ON_ALL, MAP_ID),
	FROM("event.sequence", ON_ALL, MAP_NUMBER, "weir.seq"),
	TEXT("event.outcome", ON(EXEC) | ON(CONNECT) | ON(ACCEPT) | ON(LISTEN) | ON(CONFIG),
	     "success"),
	TEXT("event.outcome", ON(REFUSED) | ON(FAILED) | ON(CONFIG_REFUSED), "failure"),
	CHOOSE("event.outcome", ON_CLOSE, "error", outcome),
	FROM("event.duration", ON_NETWORK, MAP_NUMBER, "duration_ns"),
	FROM("event.reason", ON(KILLED), MAP_VALUE, "signal"),
	FROM("event.reason", ON(LOSS), MAP_VALUE, "cause"),
	FROM("event.start", ON(LOSS), MAP_VALUE, "first_time"),
	FROM("event.end", ON(LOSS), MAP_VALUE, "last_time"),
	FROM("error.code", ON_NETWORK, MAP_VALUE, "error"),
	FROM("error.code", ON(LOSS), MAP_VALUE, "cause"),
	FROM("error.message", ON(CONFIG_REFUSED), MAP_VALUE, "message"),
	TEMPLATE("message", ON(EXEC), "exec[ {process.binary}][ {process.arguments}]"),
	TEMPLATE("message", ON_ENDED, "exit[ {process.binary}][ status {status}][ {signal}]"),
	TEMPLATE("message", ON_CONNECT,
		 "connect[ {process.binary}][ to {destination_ip}][ port {destination_port}][: "
		 "{error}]"),
	TEMPLATE("message", ON(ACCEPT),
		 "accept[ {process.binary}][ from {destination_ip}][ on port {source_port}]"),
	TEMPLATE("message", ON(LISTEN),
		 "listen[ {process.binary}][ on {source_ip}][ port {source_port}]"),
	TEMPLATE("message", ON_CLOSE, "close[ {process.binary}][ {destination_ip}][: {error}]"),
	TEMPLATE("message", ON(LOSS), "events lost[: {count}][, cause {cause}][, kind {kind}]"),
	TEMPLATE("message", ON(START), "weir started"),
	TEMPLATE("message", ON(STOP), "weir stopped"),
	TEMPLATE("message", ON(CONFIG), "configuration changed[: {message}]"),
	TEMPLATE("message", ON(CONFIG_REFUSED), "configuration refused[: {message}]"),

	FROM("host.name", ON_ALL, MAP_VALUE, "node_name"),
	FROM("host.hostname", ON_ALL, MAP_VALUE, "node_name"),
	TEXT("host.os.type", ON_ALL, "linux"),
	FROM("host.boot.id", ON_ALL, MAP_VALUE, "weir.boot_id"),
	TEXT("agent.type", ON_ALL, "weir"),
	TEXT("agent.version", ON_ALL, WEIR_VERSION),
	FROM("orchestrator.cluster.name", ON_ALL, MAP_VALUE, "cluster_name"),
	FROM("container.id", ON_PROCESS, MAP_VALUE, "process.docker"),
	FROM("user.id", ON_PROCESS, MAP_TEXT, "process.uid"),
	FROM("user.name", ON_PROCESS, MAP_VALUE, "process.user.name"),

	PROCESS("process", "process"),
	FROM("process.args", ON_PROCESS, MAP_ARGUMENTS,
	     "process.binary process.arguments weir.argv"),
	FROM("process.env_vars", ON_PROCESS, MAP_ENVIRONMENT, "process.environment_variables"),
	FROM("process.vpid", ON(EXEC), MAP_VALUE, "weir.nspid"),
	FROM("process.thread.id", ON_PROCESS, MAP_VALUE, "process.tid"),
	FROM("process.thread.capabilities.effective", ON_PROCESS, MAP_CAPABILITIES,
	     "process.cap.effective"),
	FROM("process.thread.capabilities.permitted", ON_PROCESS, MAP_CAPABILITIES,
	     "process.cap.permitted"),
	CREDENTIAL("process.real_user.id", "uid"),
	CREDENTIAL("process.real_group.id", "gid"),
	CREDENTIAL("process.saved_user.id", "suid"),
	CREDENTIAL("process.saved_group.id", "sgid"),
	FROM_OR("process.exit_code", ON(EXIT), MAP_VALUE, "status", "0"),
	OF_EVENT("process.end", ON_ENDED, MAP_TIME),
	PROCESS("process.parent", "parent"),

	FROM("source.ip", ON_CLIENT, MAP_VALUE, "source_ip"),
	FROM("source.address", ON_CLIENT, MAP_VALUE, "source_ip"),
	FROM("source.port", ON_CLIENT, MAP_VALUE, "source_port"),
	FROM("source.bytes", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_sent"),
	FROM("destination.ip", ON_CLIENT, MAP_VALUE, "destination_ip"),
	FROM("destination.address", ON_CLIENT, MAP_VALUE, "destination_ip"),
	FROM("destination.port", ON_CLIENT, MAP_VALUE, "destination_port"),
	FROM("destination.bytes", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_received"),
	FROM("source.ip", ON_SERVER, MAP_VALUE, "destination_ip"),
	FROM("source.address", ON_SERVER, MAP_VALUE, "destination_ip"),
	FROM("source.port", ON_SERVER, MAP_VALUE, "destination_port"),
	FROM("source.bytes", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_received"),
	FROM("destination.ip", ON_SERVER, MAP_VALUE, "source_ip"),
	FROM("destination.address", ON_SERVER, MAP_VALUE, "source_ip"),
	FROM("destination.port", ON_SERVER, MAP_VALUE, "source_port"),
	FROM("destination.bytes", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_sent"),
	TEXT("network.transport", ON_NETWORK, "tcp"),
	CHOOSE("network.type", ON_NETWORK, "family", network_type),
	TEXT("network.direction", ON_CLIENT, "egress"),
	TEXT("network.direction", ON(ACCEPT) | ON(CLOSE_SERVER), "ingress"),

	FROM("weir.flags", ON_PROCESS, MAP_VALUE, "process.flags"),
	FROM("weir.auid", ON_PROCESS, MAP_VALUE, "process.auid"),
	FROM("weir.in_init_tree", ON_PROCESS, MAP_VALUE, "process.in_init_tree"),
	FROM("weir.exe", ON(EXEC), MAP_VALUE, "weir.exe"),
	FROM("weir.cgroup", ON(EXEC), MAP_VALUE, "weir.cgroup"),
	FROM("weir.session_id", ON(EXEC), MAP_VALUE, "weir.session_id"),
	FROM("weir.raw", ON(EXEC), MAP_JSON, "weir.raw"),
	FROM("weir.redacted", ON(EXEC), MAP_JSON, "weir.redacted"),
	FROM("weir.defects", ON_PROCESS, MAP_LIST, "weir.defects"),
	FROM("weir.core_dumped", ON_ENDED, MAP_VALUE, "weir.core_dumped"),
	FROM("weir.ancestors", ON_PROCESS, MAP_JSON, "ancestors"),
	FROM("weir.ns", ON_PROCESS, MAP_JSON, "process.ns"),
	FROM("weir.binary_properties", ON(EXEC), MAP_JSON, "process.binary_properties"),
	FROM("weir.socket.cookie", ON_NETWORK, MAP_VALUE, "sock_cookie"),
	FROM("weir.socket.owner", ON_NETWORK, MAP_VALUE, "owner"),
	FROM("weir.socket.uid", ON_NETWORK, MAP_VALUE, "socket_uid"),
	FROM("weir.socket.netns", ON_NETWORK, MAP_VALUE, "netns"),
	FROM("weir.socket.state", ON_NETWORK, MAP_VALUE, "state"),
	FROM("weir.socket.backlog", ON_LISTEN, MAP_VALUE, "backlog"),
	FROM("weir.loss.count", ON(LOSS), MAP_NUMBER, "count"),
	FROM("weir.loss.kind", ON(LOSS), MAP_VALUE, "kind"),
	FROM("weir.loss.key", ON(LOSS), MAP_VALUE, "key"),
	FROM("weir.loss.first_seq", ON(LOSS), MAP_NUMBER, "first_seq"),
	FROM("weir.loss.last_seq", ON(LOSS), MAP_NUMBER, "last_seq"),
	FROM("weir.config_digest", ON_SELF, MAP_VALUE, "config_digest"),
	FROM("weir.accounting", ON(STOP), MAP_JSON, "accounting"),
};

const struct schema schema_ecs = {
	.name = "ecs",
	.title = "Elastic Common Schema",
	.version = ECS_VERSION,
	.style = &mapping_json_nested,
	.rows = rows,
	.count = ARRAY_SIZE(rows),
};

const struct format format_ecs = {
	.name = "ecs",
	.help = "One line of JSON per event after the Elastic Common Schema " ECS_VERSION ".",
	.content_type = "application/x-ndjson",
	.schema = &schema_ecs,
};
