/* tests/unit/format_events.h: one event of each case, as the encoder writes them, for the tests of
 * formats. */
#pragma once

#include "pipeline/event.h"

#define EVENT_BOOT "11111111-2222-3333-4444-555555555555"
#define EVENT_PROCESS                                                                            \
	"\"process\":{\"exec_id\":\"aWQ6Nw==\",\"pid\":7,\"flags\":\"execve clone\","            \
	"\"start_time\":\"2026-01-02T03:04:05.123456789Z\",\"parent_exec_id\":\"aWQ6MQ==\","     \
	"\"uid\":1000,\"cwd\":\"/tmp\",\"binary\":\"/usr/bin/curl\",\"arguments\":\"-s a=b|c\"," \
	"\"auid\":1000,\"docker\":\"0123456789abcdef0123456789abcde\","                          \
	"\"user\":{\"name\":\"app\"},\"tid\":8}"
#define EVENT_PARENT                                                      \
	",\"parent\":{\"exec_id\":\"aWQ6MQ==\",\"pid\":1,\"start_time\":" \
	"\"2026-01-02T03:04:04Z\",\"uid\":0,\"cwd\":\"/\",\"binary\":\"/sbin/init\"}"
#define EVENT_BOTH EVENT_PROCESS EVENT_PARENT
#define EVENT_IPV4                                                                        \
	",\"family\":\"AF_INET\",\"protocol\":\"TCP\",\"source_ip\":\"10.0.0.5\","        \
	"\"source_port\":51514,\"destination_ip\":\"10.0.0.7\",\"destination_port\":443," \
	"\"sock_cookie\":\"77\""
#define EVENT_IPV6                                                                     \
	",\"family\":\"AF_INET6\",\"protocol\":\"TCP\",\"source_ip\":\"2001:db8::1\"," \
	"\"source_port\":22,\"destination_ip\":\"2001:db8::2\",\"destination_port\":40000"
#define EVENT_AROUND                                                                            \
	",\"node_name\":\"node-1\",\"time\":\"2026-01-02T03:04:05Z\",\"weir\":{\"seq\":\"42\"," \
	"\"boot_id\":\"" EVENT_BOOT "\"}}"
#define EVENT(kind, text) "{\"" kind "\":{" text "}" EVENT_AROUND

static const struct {
	const char *name;
	enum event_kind kind;
	const char *json;
} format_events[] = {
	{ "exec", KIND_PROCESS_EXEC, EVENT("process_exec", EVENT_BOTH) },
	{ "exit", KIND_PROCESS_EXIT, EVENT("process_exit", EVENT_BOTH) },
	{ "exit status", KIND_PROCESS_EXIT, EVENT("process_exit", EVENT_BOTH ",\"status\":3") },
	{ "killed", KIND_PROCESS_EXIT,
	  EVENT("process_exit", EVENT_BOTH ",\"signal\":\"SIGKILL\"") },
	{ "connect", KIND_PROCESS_CONNECT,
	  EVENT("process_connect", EVENT_BOTH EVENT_IPV4 ",\"duration_ns\":\"1500000\"") },
	{ "refused", KIND_PROCESS_CONNECT,
	  EVENT("process_connect",
		EVENT_BOTH EVENT_IPV4 ",\"error\":\"ECONNREFUSED\",\"errno\":111") },
	{ "failed", KIND_PROCESS_CONNECT,
	  EVENT("process_connect", EVENT_BOTH EVENT_IPV4 ",\"error\":\"ETIMEDOUT\"") },
	{ "accept", KIND_PROCESS_ACCEPT, EVENT("process_accept", EVENT_BOTH EVENT_IPV6) },
	{ "listen", KIND_PROCESS_LISTEN,
	  EVENT("process_listen",
		EVENT_BOTH ",\"family\":\"AF_INET\",\"protocol\":\"TCP\",\"source_ip\":"
			   "\"0.0.0.0\",\"source_port\":80,\"backlog\":128") },
	{ "close", KIND_PROCESS_CLOSE,
	  EVENT("process_close", EVENT_BOTH EVENT_IPV4
		",\"role\":\"client\",\"duration_ns\":\"2000000\",\"bytes_sent\":\"10\","
		"\"bytes_received\":\"20\"") },
	{ "close of a server", KIND_PROCESS_CLOSE,
	  EVENT("process_close", EVENT_BOTH EVENT_IPV6
		",\"role\":\"server\",\"error\":\"ECONNRESET\",\"bytes_sent\":\"10\","
		"\"bytes_received\":\"20\"") },
	{ "close of a listener", KIND_PROCESS_CLOSE,
	  EVENT("process_close", EVENT_BOTH ",\"family\":\"AF_INET\",\"source_ip\":\"0.0.0.0\","
					    "\"source_port\":80,\"role\":\"listener\"") },
	{ "loss", KIND_WEIR_LOSS,
	  EVENT("weir_loss", "\"cause\":\"ring_full\",\"kind\":\"process_exec\",\"count\":\"12\","
			     "\"first_time\":\"2026-01-02T03:04:05Z\",\"last_time\":"
			     "\"2026-01-02T03:04:06Z\",\"first_seq\":\"5\",\"last_seq\":\"16\"") },
	{ "start", KIND_WEIR_START,
	  EVENT("weir_start", "\"version\":\"1.2.3\",\"config_digest\":\"abc\"") },
	{ "stop", KIND_WEIR_STOP,
	  EVENT("weir_stop", "\"version\":\"1.2.3\",\"accounting\":[{\"kind\":\"none\","
			     "\"captured\":\"2\",\"lost\":{\"ring_full\":\"1\"}}]") },
	{ "config", KIND_WEIR_CONFIG,
	  EVENT("weir_config", "\"version\":\"1.2.3\",\"message\":\"outputs changed\"") },
	{ "config refused", KIND_WEIR_CONFIG,
	  EVENT("weir_config", "\"version\":\"1.2.3\",\"message\":\"bad\",\"refused\":true") },
	/* What is known of a process that was not seen to start. */
	{ "unknown", KIND_PROCESS_EXIT,
	  EVENT("process_exit", "\"process\":{\"pid\":9,\"flags\":\"unknown\"}") },
};
