/* LEEF 2.0 (IBM QRadar): one line, a header of six fields ended by '|', then KEY=VALUE with tabs
 * between, which the header names (x09). `src` is who opened the connection, whichever side this
 * host has.
 *
 * No event can end its field or the line: tab, line feed, carriage return and other control
 * characters are written as visible escapes, \t, \n, \r and \u0001, and a backslash is doubled, so
 * that an escape can't be mistaken for text. LEEF has no escape of its own; '=' needs none, because
 * a key ends at the first. The header holds nothing of the event but its kind. */
#include "outputs/format.h"
#include "outputs/key_value.h"
#include "outputs/mapping.h"

static const struct key_value_rules rules = {
	.special = { KEY_VALUE_SPECIAL },
	.escaped = "\\",
	.control = "\\u",
	.has_tab = true,
};

static void put_value(struct str raw, bool is_escaped, struct buf *out)
{
	key_value_put(&rules, raw, out);
}

static const struct mapping_style style = {
	.separator = '\t',
	.equal = "=",
	.put = put_value,
	.is_name = key_value_is_name,
	.names = "letters, digits and '_'",
};

static const char *const event_ids[EVENT_CASES] = {
	[CASE_EXEC] = "process_exec",
	[CASE_EXIT] = "process_exit",
	[CASE_KILLED] = "process_killed",
	[CASE_CONNECT] = "process_connect",
	[CASE_REFUSED] = "process_connect_refused",
	[CASE_FAILED] = "process_connect_failed",
	[CASE_ACCEPT] = "process_accept",
	[CASE_LISTEN] = "process_listen",
	[CASE_CLOSE_CLIENT] = "process_close",
	[CASE_CLOSE_SERVER] = "process_close",
	[CASE_CLOSE_LISTENER] = "process_close_listener",
	[CASE_LOSS] = "weir_loss",
	[CASE_START] = "weir_start",
	[CASE_STOP] = "weir_stop",
	[CASE_CONFIG] = "weir_config",
	[CASE_CONFIG_REFUSED] = "weir_config_refused",
};

static void write_header(enum event_case of, struct buf *out)
{
	buf_printf(out, "LEEF:2.0|weir|weir|" WEIR_VERSION "|%s|x09|", event_ids[of]);
}

#define PROCESS(at, from)                                                       \
	FROM(at "Pid", ON_PROCESS, MAP_VALUE, from ".pid"),                     \
		FROM(at "Name", ON_PROCESS, MAP_LAST_PART, from ".binary"),     \
		FROM(at "Path", ON_PROCESS, MAP_VALUE, from ".binary"),         \
		FROM(at "Arguments", ON_PROCESS, MAP_VALUE, from ".arguments"), \
		FROM(at "ExecId", ON_PROCESS, MAP_VALUE, from ".exec_id"),      \
		FROM(at "StartTime", ON_PROCESS, MAP_VALUE, from ".start_time")

static const struct mapping_row rows[] = {
	OF_EVENT("devTime", ON_ALL, MAP_TIME_MS),
	OF_EVENT("cat", ON_ALL, MAP_KIND),
	TEXT("sev", ON_PROCESS, "1"),
	TEXT("sev", ON_SELF & ~ON(CONFIG_REFUSED), "3"),
	TEXT("sev", ON(CONFIG_REFUSED), "5"),
	TEXT("sev", ON(LOSS), "6"),
	FROM("identHostName", ON_ALL, MAP_VALUE, "node_name"),
	OF_EVENT("eventId", ON_ALL, MAP_ID),
	FROM("seq", ON_ALL, MAP_NUMBER, "weir.seq"),
	FROM("usrName", ON_PROCESS, MAP_VALUE, "process.user.name"),
	FROM("uid", ON_PROCESS, MAP_VALUE, "process.uid"),
	FROM("auid", ON_PROCESS, MAP_VALUE, "process.auid"),
	PROCESS("process", "process"),
	FROM("processCwd", ON_PROCESS, MAP_VALUE, "process.cwd"),
	FROM("processFlags", ON_PROCESS, MAP_VALUE, "process.flags"),
	FROM("containerId", ON_PROCESS, MAP_VALUE, "process.docker"),
	PROCESS("parent", "parent"),
	FROM_OR("exitStatus", ON(EXIT), MAP_VALUE, "status", "0"),
	FROM("signal", ON(KILLED), MAP_VALUE, "signal"),
	TEXT("proto", ON_NETWORK, "TCP"),
	FROM("src", ON_CLIENT, MAP_VALUE, "source_ip"),
	FROM("srcPort", ON_CLIENT, MAP_VALUE, "source_port"),
	FROM("dst", ON_CLIENT, MAP_VALUE, "destination_ip"),
	FROM("dstPort", ON_CLIENT, MAP_VALUE, "destination_port"),
	FROM("src", ON_SERVER, MAP_VALUE, "destination_ip"),
	FROM("srcPort", ON_SERVER, MAP_VALUE, "destination_port"),
	FROM("dst", ON_SERVER, MAP_VALUE, "source_ip"),
	FROM("dstPort", ON_SERVER, MAP_VALUE, "source_port"),
	FROM("srcBytes", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_sent"),
	FROM("dstBytes", ON(CLOSE_CLIENT), MAP_NUMBER, "bytes_received"),
	FROM("srcBytes", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_received"),
	FROM("dstBytes", ON(CLOSE_SERVER), MAP_NUMBER, "bytes_sent"),
	FROM("error", ON_NETWORK, MAP_VALUE, "error"),
	FROM("durationNs", ON_NETWORK, MAP_NUMBER, "duration_ns"),
	FROM("cause", ON(LOSS), MAP_VALUE, "cause"),
	FROM("kind", ON(LOSS), MAP_VALUE, "kind"),
	FROM("key", ON(LOSS), MAP_VALUE, "key"),
	FROM("count", ON(LOSS), MAP_NUMBER, "count"),
	FROM("firstSeq", ON(LOSS), MAP_NUMBER, "first_seq"),
	FROM("lastSeq", ON(LOSS), MAP_NUMBER, "last_seq"),
	FROM("firstTime", ON(LOSS), MAP_VALUE, "first_time"),
	FROM("lastTime", ON(LOSS), MAP_VALUE, "last_time"),
	FROM("message", ON_SELF, MAP_VALUE, "message"),
	FROM("weirVersion", ON_SELF, MAP_VALUE, "version"),
	FROM("configDigest", ON_SELF, MAP_VALUE, "config_digest"),
};

const struct schema schema_leef = {
	.name = "leef",
	.title = "Log Event Extended Format",
	.version = "2.0",
	.style = &style,
	.rows = rows,
	.count = ARRAY_SIZE(rows),
	.header = write_header,
};

const struct format format_leef = {
	.name = "leef",
	.help = "One line per event in the Log Event Extended Format 2.0.",
	.content_type = "text/plain; charset=utf-8",
	.schema = &schema_leef,
};
