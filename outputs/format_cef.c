/* CEF (ArcSight Common Event Format, "CEF:0"): one line, a header of seven fields ended by '|',
 * then KEY=VALUE with spaces between. `src` is who opened the connection, whichever side this host
 * has, and s... and d... are the processes on that side and on the other; of an exec they are the
 * parent and the new process.
 *
 * No event can end its field or the line: in a value '\' and '=' get a backslash before them, line
 * feed and carriage return are written \n and \r as CEF has it, and other control characters as a
 * visible \\u0001. The header holds nothing of the event but its kind. */
#include "outputs/format.h"
#include "outputs/key_value.h"
#include "outputs/mapping.h"

static const struct key_value_rules rules = {
	.special = { KEY_VALUE_SPECIAL, ['='] = true },
	.escaped = "\\=",
	.control = "\\\\u",
};

static void put_value(struct str raw, bool is_escaped, struct buf *out)
{
	key_value_put(&rules, raw, out);
}

static const struct mapping_style style = {
	.separator = ' ',
	.equal = "=",
	.put = put_value,
	.is_name = key_value_is_name,
	.names = "letters, digits and '_'",
};

static const struct {
	const char *id, *name;
	int severity; /* 0 to 10 */
} headers[EVENT_CASES] = {
	[CASE_EXEC] = { "process_exec", "Process executed", 1 },
	[CASE_EXIT] = { "process_exit", "Process exited", 1 },
	[CASE_KILLED] = { "process_exit", "Process killed", 2 },
	[CASE_CONNECT] = { "process_connect", "Connection opened", 1 },
	[CASE_REFUSED] = { "process_connect", "Connection refused", 2 },
	[CASE_FAILED] = { "process_connect", "Connection failed", 2 },
	[CASE_ACCEPT] = { "process_accept", "Connection accepted", 1 },
	[CASE_LISTEN] = { "process_listen", "Socket listens", 2 },
	[CASE_CLOSE_CLIENT] = { "process_close", "Connection closed", 1 },
	[CASE_CLOSE_SERVER] = { "process_close", "Connection closed", 1 },
	[CASE_CLOSE_LISTENER] = { "process_close", "Listening socket closed", 1 },
	[CASE_LOSS] = { "weir_loss", "Events lost", 6 },
	[CASE_START] = { "weir_start", "Sensor started", 3 },
	[CASE_STOP] = { "weir_stop", "Sensor stopped", 5 },
	[CASE_CONFIG] = { "weir_config", "Sensor configuration changed", 3 },
	[CASE_CONFIG_REFUSED] = { "weir_config", "Sensor configuration refused", 5 },
};

static void write_header(enum event_case of, struct buf *out)
{
	buf_printf(out, "CEF:0|weir|weir|" WEIR_VERSION "|%s|%s|%d|", headers[of].id,
		   headers[of].name, headers[of].severity);
}

/* One of CEF's numbered fields, with its label when it is there. */
#define LABELLED(key, label, cases_, conversion_, source_)                               \
	{ .target = key "Label",                                                         \
	  .cases = cases_,                                                               \
	  .conversion = MAP_CHOICE,                                                      \
	  .source = source_,                                                             \
	  .choices = (const struct mapping_choice[]){ { "", NULL }, { NULL, label } } }, \
		FROM(key, cases_, conversion_, source_)
#define ADDRESS(cases, ip4, ip6, port, label, from_ip, from_port)                         \
	FROM(ip4, cases, MAP_IPV4, from_ip), CHOOSE(ip6 "Label", cases, "family", label), \
		FROM(ip6, cases, MAP_IPV6, from_ip), FROM(port, cases, MAP_VALUE, from_port)
#define SIDE(s, cases, from)                                      \
	FROM(s "pid", cases, MAP_VALUE, from ".pid"),             \
		FROM(s "proc", cases, MAP_VALUE, from ".binary"), \
		FROM(s "uid", cases, MAP_VALUE, from ".uid"),     \
		FROM(s "user", cases, MAP_VALUE, from ".user.name")

static const struct mapping_choice source_label[] = { { "AF_INET6", "Source IPv6 Address" },
						      { NULL, NULL } };
static const struct mapping_choice destination_label[] = {
	{ "AF_INET6", "Destination IPv6 Address" }, { NULL, NULL }
};
static const struct mapping_choice outcome[] = { { "", "success" }, { NULL, "failure" } };

static const struct mapping_row rows[] = {
	OF_EVENT("rt", ON_ALL, MAP_TIME_MS),
	FROM("dvchost", ON_ALL, MAP_VALUE, "node_name"),
	OF_EVENT("externalId", ON_ALL, MAP_ID),
	OF_EVENT("cat", ON_ALL, MAP_KIND),
	TEMPLATE("msg", ON(EXEC), "exec[ {process.binary}][ {process.arguments}]"),
	FROM("msg", ON_SELF, MAP_VALUE, "message"),
	TEMPLATE("msg", ON(LOSS), "events lost[: {count}][, cause {cause}][, kind {kind}]"),
	SIDE("s", ON(EXEC), "parent"),
	SIDE("d", ON_IMAGE, "process"),
	SIDE("s", ON_CLIENT, "process"),
	SIDE("d", ON_SERVER, "process"),
	FROM("filePath", ON_IMAGE, MAP_VALUE, "process.binary"),
	FROM("fname", ON_IMAGE, MAP_LAST_PART, "process.binary"),
	FROM("start", ON_IMAGE, MAP_MILLISECONDS, "process.start_time"),
	OF_EVENT("end", ON_ENDED, MAP_TIME_MS),
	FROM("start", ON(LOSS), MAP_MILLISECONDS, "first_time"),
	FROM("end", ON(LOSS), MAP_MILLISECONDS, "last_time"),
	FROM("cnt", ON(LOSS), MAP_NUMBER, "count"),
	FROM("reason", ON(LOSS), MAP_VALUE, "cause"),
	FROM("reason", ON(KILLED), MAP_VALUE, "signal"),
	FROM("reason", ON_NETWORK, MAP_VALUE, "error"),
	CHOOSE("outcome", ON_NETWORK, "error", outcome),
	TEXT("outcome", ON(EXEC) | ON(CONFIG), "success"),
	TEXT("outcome", ON(CONFIG_REFUSED), "failure"),
	TEXT("proto", ON_NETWORK, "TCP"),
	ADDRESS(ON_CLIENT, "src", "c6a2", "spt", source_label, "source_ip", "source_port"),
	ADDRESS(ON_CLIENT, "dst", "c6a3", "dpt", destination_label, "destination_ip",
		"destination_port"),
	ADDRESS(ON_SERVER & ~ON_LISTEN, "src", "c6a2", "spt", source_label, "destination_ip",
		"destination_port"),
	ADDRESS(ON_SERVER, "dst", "c6a3", "dpt", destination_label, "source_ip", "source_port"),
	/* From the source to the destination, and back. */
	FROM("in", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_sent"),
	FROM("out", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_received"),
	FROM("in", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_received"),
	FROM("out", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_sent"),
	TEXT("deviceDirection", ON_CLIENT, "1"),
	TEXT("deviceDirection", ON(ACCEPT) | ON(CLOSE_SERVER), "0"),
	LABELLED("cs1", "Arguments", ON_PROCESS, MAP_VALUE, "process.arguments"),
	LABELLED("cs2", "ContainerId", ON_PROCESS, MAP_VALUE, "process.docker"),
	LABELLED("cs3", "ExecId", ON_PROCESS, MAP_VALUE, "process.exec_id"),
	LABELLED("cs4", "WorkingDirectory", ON_PROCESS, MAP_VALUE, "process.cwd"),
	LABELLED("cs5", "ParentExecId", ON_PROCESS, MAP_VALUE, "parent.exec_id"),
	LABELLED("cs6", "Flags", ON_PROCESS, MAP_VALUE, "process.flags"),
	LABELLED("cs1", "ConfigDigest", ON_SELF, MAP_VALUE, "config_digest"),
	LABELLED("cs1", "Kind", ON(LOSS), MAP_VALUE, "kind"),
	LABELLED("cs2", "Key", ON(LOSS), MAP_VALUE, "key"),
	TEXT("cn1Label", ON(EXIT), "ExitStatus"),
	FROM_OR("cn1", ON(EXIT), MAP_VALUE, "status", "0"),
	LABELLED("cn1", "FirstSeq", ON(LOSS), MAP_NUMBER, "first_seq"),
	LABELLED("cn2", "LastSeq", ON(LOSS), MAP_NUMBER, "last_seq"),
	LABELLED("cn1", "DurationNs", ON_NETWORK, MAP_NUMBER, "duration_ns"),
	LABELLED("cn3", "Sequence", ON_ALL, MAP_NUMBER, "weir.seq"),
};

const struct schema schema_cef = {
	.name = "cef",
	.title = "ArcSight Common Event Format",
	.version = "CEF:0",
	.style = &style,
	.rows = rows,
	.count = ARRAY_SIZE(rows),
	.header = write_header,
};

const struct format format_cef = {
	.name = "cef",
	.help = "One line per event in the Common Event Format (CEF:0).",
	.content_type = "text/plain; charset=utf-8",
	.schema = &schema_cef,
};
