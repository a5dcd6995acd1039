/* OCSF 1.5.0 (https://schema.ocsf.io/1.5.0): processes are Process Activity (1007), connections
 * Network Activity (4001), what weir says of itself Application Lifecycle (6002), and what it lost
 * Application Error (6008). As OCSF has it, `src_endpoint` is who opened the connection, whichever
 * side this host has. What OCSF has no place for is under `unmapped`.
 *
 * One line of JSON: text stays escaped as the event has it, and nothing that isn't JSON on one line
 * is taken (outputs/json_token.h). */
#include "outputs/format.h"
#include "outputs/mapping.h"

#define OCSF_VERSION "1.5.0"

/* class, activity and type go together: type_uid = class_uid * 100 + activity_id. */
#define CLASS(cases, category, category_text, class, class_text)                            \
	JSON("category_uid", cases, category), TEXT("category_name", cases, category_text), \
		JSON("class_uid", cases, class), TEXT("class_name", cases, class_text)
#define ACTIVITY(cases, class, class_text, activity, activity_text)                        \
	JSON("activity_id", cases, activity), TEXT("activity_name", cases, activity_text), \
		JSON("type_uid", cases, class "0" activity),                               \
		TEXT("type_name", cases, class_text ": " activity_text)
#define SEVERITY(cases, id, text) JSON("severity_id", cases, id), TEXT("severity", cases, text)
#define STATUS(cases, id, text)	  JSON("status_id", cases, id), TEXT("status", cases, text)

/* What a process's fields are in any place of the event. */
#define PROCESS(at, cases, from)                                                             \
	FROM(at ".pid", cases, MAP_VALUE, from ".pid"),                                      \
		FROM(at ".uid", cases, MAP_VALUE, from ".exec_id"),                          \
		FROM(at ".name", cases, MAP_LAST_PART, from ".binary"),                      \
		FROM(at ".path", cases, MAP_VALUE, from ".binary"),                          \
		FROM(at ".file.name", cases, MAP_LAST_PART, from ".binary"),                 \
		FROM(at ".file.path", cases, MAP_VALUE, from ".binary"),                     \
		JSON(at ".file.type_id", cases, "1"),                                        \
		TEMPLATE(at ".cmd_line", cases, "{" from ".binary}[ {" from ".arguments}]"), \
		FROM(at ".created_time", cases, MAP_MILLISECONDS, from ".start_time"),       \
		FROM(at ".working_directory", cases, MAP_VALUE, from ".cwd"),                \
		FROM(at ".user.uid", cases, MAP_TEXT, from ".uid"),                          \
		FROM(at ".user.name", cases, MAP_VALUE, from ".user.name"),                  \
		FROM(at ".container.uid", cases, MAP_VALUE, from ".docker")
/* The acting process, which is known better. */
#define SUBJECT(at, cases)                                                               \
	PROCESS(at, cases, "process"), FROM(at ".tid", cases, MAP_VALUE, "process.tid"), \
		FROM(at ".namespace_pid", cases, MAP_VALUE, "weir.nspid"),               \
		FROM(at ".session.uid", cases, MAP_TEXT, "weir.session_id"),             \
		FROM(at ".environment_variables", cases, MAP_VARIABLES,                  \
		     "process.environment_variables"),                                   \
		PROCESS(at ".parent_process", cases, "parent")

static const struct mapping_choice close_activity[] = { { "ECONNRESET", "3" }, { NULL, "2" } };
static const struct mapping_choice close_activity_name[] = { { "ECONNRESET", "\"Reset\"" },
							     { NULL, "\"Close\"" } };
static const struct mapping_choice close_type[] = { { "ECONNRESET", "400103" },
						    { NULL, "400102" } };
static const struct mapping_choice close_type_name[] = {
	{ "ECONNRESET", "\"Network Activity: Reset\"" }, { NULL, "\"Network Activity: Close\"" }
};
static const struct mapping_choice status_id[] = { { "", "1" }, { NULL, "2" } };
static const struct mapping_choice status[] = { { "", "\"Success\"" }, { NULL, "\"Failure\"" } };
static const struct mapping_choice ip_version[] = { { "AF_INET", "4" },
						    { "AF_INET6", "6" },
						    { NULL, "0" } };

static const struct mapping_row rows[] = {
	CLASS(ON_IMAGE, "1", "System Activity", "1007", "Process Activity"),
	CLASS(ON_NETWORK, "4", "Network Activity", "4001", "Network Activity"),
	CLASS(ON_SELF, "6", "Application Activity", "6002", "Application Lifecycle"),
	CLASS(ON(LOSS), "6", "Application Activity", "6008", "Application Error"),
	ACTIVITY(ON(EXEC), "1007", "Process Activity", "1", "Launch"),
	ACTIVITY(ON_ENDED, "1007", "Process Activity", "2", "Terminate"),
	ACTIVITY(ON(CONNECT) | ON(ACCEPT), "4001", "Network Activity", "1", "Open"),
	ACTIVITY(ON(FAILED), "4001", "Network Activity", "4", "Fail"),
	ACTIVITY(ON(REFUSED), "4001", "Network Activity", "5", "Refuse"),
	ACTIVITY(ON(LISTEN), "4001", "Network Activity", "7", "Listen"),
	CHOOSE("activity_id", ON_CLOSE, "error", close_activity),
	CHOOSE("activity_name", ON_CLOSE, "error", close_activity_name),
	CHOOSE("type_uid", ON_CLOSE, "error", close_type),
	CHOOSE("type_name", ON_CLOSE, "error", close_type_name),
	ACTIVITY(ON(START), "6002", "Application Lifecycle", "3", "Start"),
	ACTIVITY(ON(STOP), "6002", "Application Lifecycle", "4", "Stop"),
	ACTIVITY(ON_CONFIG, "6002", "Application Lifecycle", "8", "Update"),
	ACTIVITY(ON(LOSS), "6008", "Application Error", "1", "General Error"),
	SEVERITY(ON_ALL & ~(ON(LOSS) | ON(CONFIG_REFUSED)), "1", "Informational"),
	SEVERITY(ON(LOSS) | ON(CONFIG_REFUSED), "3", "Medium"),

	OF_EVENT("time", ON_ALL, MAP_TIME_MS),
	FROM("start_time", ON(LOSS), MAP_MILLISECONDS, "first_time"),
	FROM("end_time", ON(LOSS), MAP_MILLISECONDS, "last_time"),
	FROM("duration", ON_NETWORK, MAP_NS_TO_MS, "duration_ns"),
	FROM("count", ON(LOSS), MAP_NUMBER, "count"),
	STATUS(ON_IMAGE | ON(CONNECT) | ON(ACCEPT) | ON(LISTEN) | (ON_SELF & ~ON(CONFIG_REFUSED)),
	       "1", "Success"),
	STATUS(ON(REFUSED) | ON(FAILED) | ON(LOSS) | ON(CONFIG_REFUSED), "2", "Failure"),
	CHOOSE("status_id", ON_CLOSE, "error", status_id),
	CHOOSE("status", ON_CLOSE, "error", status),
	FROM("status_code", ON_NETWORK, MAP_VALUE, "error"),
	FROM("status_code", ON(LOSS), MAP_VALUE, "cause"),
	FROM("status_detail", ON(KILLED), MAP_VALUE, "signal"),
	FROM_OR("exit_code", ON(EXIT), MAP_VALUE, "status", "0"),
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

	TEXT("metadata.version", ON_ALL, OCSF_VERSION),
	JSON("metadata.profiles", ON_ALL, "[\"container\",\"host\"]"),
	TEXT("metadata.product.name", ON_ALL, "weir"),
	TEXT("metadata.product.vendor_name", ON_ALL, "weir"),
	TEXT("metadata.product.version", ON_ALL, WEIR_VERSION),
	OF_EVENT("metadata.uid", ON_ALL, MAP_ID),
	OF_EVENT("metadata.event_code", ON_ALL, MAP_KIND),
	FROM("metadata.sequence", ON_ALL, MAP_NUMBER, "weir.seq"),

	FROM_OR("device.hostname", ON_ALL, MAP_VALUE, "node_name", "\"unknown\""),
	FROM("device.boot_uid", ON_ALL, MAP_VALUE, "weir.boot_id"),
	JSON("device.type_id", ON_ALL, "0"),
	TEXT("device.os.name", ON_ALL, "Linux"),
	JSON("device.os.type_id", ON_ALL, "200"),

	SUBJECT("process", ON_IMAGE),
	OF_EVENT("process.terminated_time", ON_ENDED, MAP_TIME_MS),
	/* Who launched it; who ended is its own actor. */
	PROCESS("actor.process", ON(EXEC), "parent"),
	FROM("actor.process.pid", ON_ENDED, MAP_VALUE, "process.pid"),
	FROM("actor.process.uid", ON_ENDED, MAP_VALUE, "process.exec_id"),
	FROM("actor.process.path", ON_ENDED, MAP_VALUE, "process.binary"),
	SUBJECT("actor.process", ON_NETWORK),
	FROM_OR("actor.user.uid", ON(EXEC), MAP_TEXT, "process.uid", "\"unknown\""),
	FROM("actor.user.name", ON(EXEC), MAP_VALUE, "process.user.name"),
	FROM("actor.user.uid", ON_ENDED | ON_NETWORK, MAP_TEXT, "process.uid"),
	FROM("actor.user.name", ON_ENDED | ON_NETWORK, MAP_VALUE, "process.user.name"),

	FROM("src_endpoint.ip", ON_CLIENT, MAP_VALUE, "source_ip"),
	FROM("src_endpoint.port", ON_CLIENT, MAP_VALUE, "source_port"),
	FROM("dst_endpoint.ip", ON_CLIENT, MAP_VALUE, "destination_ip"),
	FROM("dst_endpoint.port", ON_CLIENT, MAP_VALUE, "destination_port"),
	FROM("src_endpoint.ip", ON_SERVER, MAP_VALUE, "destination_ip"),
	FROM("src_endpoint.port", ON_SERVER, MAP_VALUE, "destination_port"),
	FROM("dst_endpoint.ip", ON_SERVER, MAP_VALUE, "source_ip"),
	FROM("dst_endpoint.port", ON_SERVER, MAP_VALUE, "source_port"),
	JSON("connection_info.direction_id", ON_CLIENT, "2"),
	TEXT("connection_info.direction", ON_CLIENT, "Outbound"),
	JSON("connection_info.direction_id", ON(ACCEPT) | ON(CLOSE_SERVER), "1"),
	TEXT("connection_info.direction", ON(ACCEPT) | ON(CLOSE_SERVER), "Inbound"),
	JSON("connection_info.direction_id", ON_LISTEN, "0"),
	TEXT("connection_info.protocol_name", ON_NETWORK, "tcp"),
	JSON("connection_info.protocol_num", ON_NETWORK, "6"),
	CHOOSE("connection_info.protocol_ver_id", ON_NETWORK, "family", ip_version),
	FROM("connection_info.uid", ON_NETWORK, MAP_VALUE, "sock_cookie"),
	FROM("traffic.bytes_out", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_sent"),
	FROM("traffic.bytes_in", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_received"),
	FROM("traffic.bytes_out", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_received"),
	FROM("traffic.bytes_in", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_sent"),

	TEXT("app.name", ON_SELF, "weir"),
	TEXT("app.vendor_name", ON_SELF, "weir"),
	FROM("app.version", ON_SELF, MAP_VALUE, "version"),

	FROM("unmapped.flags", ON_PROCESS, MAP_VALUE, "process.flags"),
	FROM("unmapped.auid", ON_PROCESS, MAP_VALUE, "process.auid"),
	FROM("unmapped.in_init_tree", ON_PROCESS, MAP_VALUE, "process.in_init_tree"),
	FROM("unmapped.exe", ON(EXEC), MAP_VALUE, "weir.exe"),
	FROM("unmapped.argv", ON(EXEC), MAP_LIST, "weir.argv"),
	FROM("unmapped.cgroup", ON(EXEC), MAP_VALUE, "weir.cgroup"),
	FROM("unmapped.raw", ON(EXEC), MAP_JSON, "weir.raw"),
	FROM("unmapped.redacted", ON(EXEC), MAP_JSON, "weir.redacted"),
	FROM("unmapped.defects", ON_PROCESS, MAP_LIST, "weir.defects"),
	FROM("unmapped.core_dumped", ON_ENDED, MAP_VALUE, "weir.core_dumped"),
	FROM("unmapped.ancestors", ON_PROCESS, MAP_JSON, "ancestors"),
	FROM("unmapped.cap", ON_PROCESS, MAP_JSON, "process.cap"),
	FROM("unmapped.process_credentials", ON_PROCESS, MAP_JSON, "process.process_credentials"),
	FROM("unmapped.ns", ON_PROCESS, MAP_JSON, "process.ns"),
	FROM("unmapped.binary_properties", ON(EXEC), MAP_JSON, "process.binary_properties"),
	FROM("unmapped.socket_owner", ON_NETWORK, MAP_VALUE, "owner"),
	FROM("unmapped.socket_uid", ON_NETWORK, MAP_VALUE, "socket_uid"),
	FROM("unmapped.netns", ON_NETWORK, MAP_VALUE, "netns"),
	FROM("unmapped.backlog", ON_LISTEN, MAP_VALUE, "backlog"),
	FROM("unmapped.kind", ON(LOSS), MAP_VALUE, "kind"),
	FROM("unmapped.key", ON(LOSS), MAP_VALUE, "key"),
	FROM("unmapped.first_seq", ON(LOSS), MAP_NUMBER, "first_seq"),
	FROM("unmapped.last_seq", ON(LOSS), MAP_NUMBER, "last_seq"),
	FROM("unmapped.config_digest", ON_SELF, MAP_VALUE, "config_digest"),
	FROM("unmapped.accounting", ON(STOP), MAP_JSON, "accounting"),
	FROM("unmapped.cluster_name", ON_ALL, MAP_VALUE, "cluster_name"),
};

const struct schema schema_ocsf = {
	.name = "ocsf",
	.title = "Open Cybersecurity Schema Framework",
	.version = OCSF_VERSION,
	.style = &mapping_json_nested,
	.rows = rows,
	.count = ARRAY_SIZE(rows),
};

const struct format format_ocsf = {
	.name = "ocsf",
	.help = "One line of JSON per event after OCSF " OCSF_VERSION ".",
	.content_type = "application/x-ndjson",
	.schema = &schema_ocsf,
};
