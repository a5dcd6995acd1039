/* The shape of every event, byte for byte where Tetragon decides it; and, over random processes
 * and bytes, that a line is valid JSON whatever is in it, that spliced and whole encoding agree,
 * that the bytes come back, and that docs/events.md names every member there is. */
#include "fake_redaction.h"
#include "base/utf8.h"
#include "pipeline/encode_json.h"
#include "pipeline/event_manual.h"
#include "pipeline/ip_text.h"
#include "pipeline/process_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BOOT_ID "6f0a1b2c-0000-4000-8000-1234567890ab"
#define WALL	1700000000123456789ull

static struct encode_settings settings_of(bool splice, enum detail_level details)
{
	return (struct encode_settings){
		.node_name = STR("node-1"),
		.boot_id = STR(BOOT_ID),
		.credentials = details,
		.namespaces = details,
		.splice = splice,
		.host_ns = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
	};
}

static struct process_draft plain_draft(void)
{
	return (struct process_draft){
		.filename = STR("/usr/bin/curl"),
		.exe = STR("/usr/bin/curl"),
		.cwd = STR("/root"),
		.args = STR("curl\0-s\0http://x/\0"),
		.auid = UINT32_MAX,
		.session_id = UINT32_MAX,
	};
}

static struct process process_of(struct image *image, uint32_t pid, uint64_t start_ns)
{
	return (struct process){
		.refs = 1,
		.flags = PROCESS_EXECVE | PROCESS_CLONE,
		.key = { start_ns, pid },
		.parent_key = { 500, 7 },
		.image = image,
		.start_wall_ns = 1700000000000000000ull,
		.nspid = pid,
	};
}

static void process_drop(struct process *process)
{
	fragment_drop(&process->json, NULL);
	image_unref(&process->image);
}

static struct str encode(const struct encode_settings *settings, const struct event *event,
			 struct buf *out)
{
	buf_reset(out);
	encode_json(settings, event, 12, out);
	assert_true(buf_ok(out));
	return buf_str(out);
}

static json_t *parse(struct str line)
{
	json_error_t error;
	json_t *json = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);

	if (!json)
		print_error("%s at %d: %.*s\n", error.text, error.position, STR_FMT(line));
	assert_non_null(json);
	return json;
}

static void assert_line(struct str line, const char *expected)
{
	if (line.n != strlen(expected) || memcmp(line.p, expected, line.n))
		print_error("got      %.*s\nexpected %s\n", STR_FMT(line), expected);
	assert_true(str_equal(line, str_of(expected)));
}

/* node-1:2000:42, node-1:500:7, node-1:1:0 */
#define ID_SELF	  "bm9kZS0xOjIwMDA6NDI="
#define ID_PARENT "bm9kZS0xOjUwMDo3"
#define ID_NOBODY "bm9kZS0xOjE6MA=="

static void test_exec_is_tetragons(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();
	struct process process = process_of(image_create(&draft, NULL), 42, 2000);
	struct process parent = process_of(NULL, 7, 500);
	struct event event = { .kind = KIND_PROCESS_EXEC,
			       .time_wall_ns = WALL,
			       .tid = 99,
			       .process = &process,
			       .parent = &parent };

	(void)state;
	draft.filename = draft.exe = STR("/bin/sh");
	draft.args = STR("sh\0");
	draft.user_name = STR("root");
	draft.container_id = STR("0123456789abcdef0123456789abcdef0123456789abcdef");
	draft.auid = 1000;
	draft.creds.euid = 33;
	parent.image = image_create(&draft, NULL);
	parent.parent_key = (struct process_key){ 0 };
	parent.flags = PROCESS_PROCFS | PROCESS_IN_INIT_TREE;
	parent.live_children = 2;
	assert_line(encode(&settings, &event, &out),
		    "{\"process_exec\":{\"process\":{\"exec_id\":\"" ID_SELF "\",\"pid\":42,"
		    "\"flags\":\"execve clone\",\"start_time\":\"2023-11-14T22:13:20Z\","
		    "\"parent_exec_id\":\"" ID_PARENT "\",\"in_init_tree\":false,\"uid\":0,"
		    "\"cwd\":\"/root\",\"binary\":\"/usr/bin/curl\",\"arguments\":\"-s http://x/\","
		    "\"auid\":4294967295,\"refcnt\":1,\"tid\":42},"
		    "\"parent\":{\"exec_id\":\"" ID_PARENT "\",\"pid\":7,"
		    "\"flags\":\"procFS inInitTree\",\"start_time\":\"2023-11-14T22:13:20Z\","
		    "\"parent_exec_id\":\"" ID_NOBODY "\",\"in_init_tree\":true,\"uid\":33,"
		    "\"cwd\":\"/root\",\"binary\":\"/bin/sh\",\"auid\":1000,"
		    "\"docker\":\"0123456789abcdef0123456789abcde\",\"user\":{\"name\":\"root\"},"
		    "\"refcnt\":3,\"tid\":7}},"
		    "\"node_name\":\"node-1\",\"time\":\"2023-11-14T22:13:20.123456789Z\","
		    "\"weir\":{\"seq\":\"12\",\"boot_id\":\"" BOOT_ID "\"}}");
	process_drop(&process);
	process_drop(&parent);
	buf_free(&out);
}

static void check_exit(uint32_t code, const char *expected)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process process = process_of(NULL, 42, 2000);
	struct event event = { .kind = KIND_PROCESS_EXIT,
			       .time_wall_ns = 1700000000120000000ull,
			       .process = &process,
			       .exit_code = code };

	assert_line(encode(&settings, &event, &out), expected);
	fragment_drop(&process.json, NULL);
	buf_free(&out);
}

#define UNKNOWN                                                             \
	"{\"process_exit\":{\"process\":{\"pid\":42,\"flags\":\"unknown\"," \
	"\"start_time\":\"2023-11-14T22:13:20Z\"}"
#define ENVELOPE                                                                                \
	"\"time\":\"2023-11-14T22:13:20.120Z\"},\"node_name\":\"node-1\","                      \
	"\"time\":\"2023-11-14T22:13:20.120Z\",\"weir\":{\"seq\":\"12\",\"boot_id\":\"" BOOT_ID \
	"\","

static void test_exit_tells_status_or_signal(void **state)
{
	(void)state;
	check_exit(0, UNKNOWN "," ENVELOPE "\"defects\":[\"process_unknown\"]}}");
	check_exit(3 << 8, UNKNOWN ",\"status\":3," ENVELOPE "\"defects\":[\"process_unknown\"]}}");
	check_exit(9, UNKNOWN ",\"signal\":\"SIGKILL\"," ENVELOPE
			      "\"defects\":[\"process_unknown\"]}}");
	check_exit(0x80 | 11, UNKNOWN ",\"signal\":\"SIGSEGV\"," ENVELOPE
				      "\"core_dumped\":true,\"defects\":[\"process_unknown\"]}}");
	check_exit(37, UNKNOWN ",\"signal\":\"SIGRTMIN+3\"," ENVELOPE
			       "\"defects\":[\"process_unknown\"]}}");
}

static const char *exec_with(const struct encode_settings *settings, struct process_draft *draft,
			     uint32_t flags, struct buf *out)
{
	struct process process = process_of(image_create(draft, NULL), 42, 2000);
	struct event event = { .kind = KIND_PROCESS_EXEC,
			       .time_wall_ns = WALL,
			       .process = &process };

	process.flags |= flags;
	process.parent_key.pid = 0;
	process.nspid = draft->nspid;
	encode(settings, &event, out);
	buf_putc(out, '\0');
	process_drop(&process);
	return out->p;
}

static void test_details_are_named_as_tetragon_names_them(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_EXEC);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();
	const char *line;

	(void)state;
	draft.creds = (struct credentials){ .uid = 1,
					    .gid = 2,
					    .euid = 0,
					    .egid = 4,
					    .suid = 5,
					    .sgid = 6,
					    .fsuid = 7,
					    .fsgid = 8,
					    .cap_permitted = 3 | 1ull << 40 | 1ull << 63,
					    .cap_effective = 1ull << 21,
					    .securebits = 0x81 };
	draft.ns = (struct namespaces){ 1, 20, 3, 4, 5, 6, 0, 0, 9, 10 };
	draft.privileges = PRIVILEGES_SETUID | PRIVILEGES_SETGID | PRIVILEGES_FILE_CAP;
	draft.exe_ino = 18446744073709551615ull;
	line = exec_with(&settings, &draft, 0, &out);
	assert_non_null(strstr(
		line,
		",\"cap\":{\"permitted\":[\"CAP_CHOWN\",\"DAC_OVERRIDE\",\"CAP_CHECKPOINT_RESTORE\"],"
		"\"effective\":[\"CAP_SYS_ADMIN\"]}"
		",\"process_credentials\":{\"uid\":1,\"gid\":2,\"euid\":0,\"egid\":4,\"suid\":5,"
		"\"sgid\":6,\"fsuid\":7,\"fsgid\":8,"
		"\"securebits\":[\"SecBitNoRoot\",\"SecBitNoCapAmbientRaiseLocked\"]}"
		",\"ns\":{\"uts\":{\"inum\":1,\"is_host\":true},\"ipc\":{\"inum\":20},"
		"\"mnt\":{\"inum\":3,\"is_host\":true},\"pid\":{\"inum\":4,\"is_host\":true},"
		"\"pid_for_children\":{\"inum\":5,\"is_host\":true},"
		"\"net\":{\"inum\":6,\"is_host\":true},\"cgroup\":{\"inum\":9,\"is_host\":true},"
		"\"user\":{\"inum\":10,\"is_host\":true}}"
		",\"binary_properties\":{\"setuid\":0,\"setgid\":4,\"privileges_changed\":["
		"\"PRIVILEGES_RAISED_EXEC_FILE_CAP\",\"PRIVILEGES_RAISED_EXEC_FILE_SETUID\"],"
		"\"file\":{\"inode\":{\"number\":\"18446744073709551615\",\"links\":0}}}}},"));

	draft = plain_draft();
	draft.creds.user_ns_level = 1;
	draft.ns.user = 77;
	draft.exe_ino = 5;
	draft.exe_nlink = 1;
	line = exec_with(&settings, &draft, 0, &out);
	assert_non_null(strstr(line, ",\"cap\":{},\"process_credentials\":"));
	assert_non_null(strstr(line, "\"user_ns\":{\"level\":1,\"uid\":0,\"gid\":0,"
				     "\"ns\":{\"inum\":77}}"));
	assert_null(strstr(line, "binary_properties"));
	buf_free(&out);
}

static void test_details_of_all_follow_the_setting(void **state)
{
	struct encode_settings all = settings_of(true, DETAIL_ALL);
	struct encode_settings off = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();
	struct process process = process_of(image_create(&draft, NULL), 42, 2000);
	struct event event = { .kind = KIND_PROCESS_EXIT, .process = &process };
	struct str line;

	(void)state;
	for (int i = 0; i < 4; i++) {
		line = encode(i % 2 ? &off : &all, &event, &out);
		assert_int_equal(memmem(line.p, line.n, "\"cap\":{", 7) != NULL, i % 2 == 0);
		assert_int_equal(memmem(line.p, line.n, "\"ns\":{", 6) != NULL, i % 2 == 0);
	}
	process_drop(&process);
	buf_free(&out);
}

static void test_all_flags_stand_in_their_order(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();

	(void)state;
	assert_non_null(strstr(exec_with(&settings, &draft, PROCESS_UNKNOWN - 1, &out),
			       "\"flags\":\"execve procFS errorEnvs truncArgs miss errorFilename "
			       "errorArgs nocwd rootcwd errorCWD clone errorCgroupName "
			       "inInitTree\""));
	buf_free(&out);
}

static void test_what_the_line_hides_is_under_weir(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();

	(void)state;
	draft.args = STR("curl\0a b\0\0x\xff\0");
	draft.args_total = 70000;
	draft.exe = STR("/usr/lib/curl-real");
	draft.cwd = STR("/\xfe");
	draft.cgroup = STR("user-SECRET.slice");
	draft.cgroup_id = 1ull << 40;
	draft.nspid = 3;
	draft.session_id = 9;
	draft.env = STR("A=b=c\0EMPTY=\0odd\0P=SECRET\xff\0");
	draft.truncated = TRUNCATED_CWD | TRUNCATED_FILENAME;
	exec_with(&settings, &draft, PROCESS_TRUNC_ARGS, &out);
	assert_non_null(strstr(out.p, "\"arguments\":\" \\\"a b\\\"  x\xef\xbf\xbd\","));
	assert_non_null(strstr(out.p,
			       "\"environment_variables\":[{\"Key\":\"A\",\"Value\":\"b=c\"},"
			       "{\"Key\":\"EMPTY\"},{\"Key\":\"invalid\",\"Value\":\"odd\"},"
			       "{\"Key\":\"P\",\"Value\":\"[secret removed]\xef\xbf\xbd\"}]"));
	assert_non_null(strstr(
		out.p,
		"\"argv\":[\"curl\",\"a b\",\"\",\"x\xef\xbf\xbd\"],\"argv_total_bytes\":70000,"
		"\"exe\":\"/usr/lib/curl-real\",\"cgroup\":\"user-[secret removed].slice\","
		"\"cgroup_id\":\"1099511627776\",\"nspid\":3,\"session_id\":9,"
		"\"redacted\":{\"replaced\":2},"
		"\"raw\":{\"cwd\":\"L/4=\",\"argv\":{\"3\":\"eP8=\"},"
		"\"environment\":{\"3\":\"UD1bc2VjcmV0IHJlbW92ZWRd/w==\"}},"
		"\"defects\":[\"binary_truncated\",\"cwd_truncated\"]}}"));
	buf_free(&out);
}

static void test_parent_that_is_not_known_is_said(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();
	struct process process = process_of(image_create(&draft, NULL), 42, 2000);
	struct event event = { .kind = KIND_PROCESS_EXIT, .process = &process };
	struct str line = encode(&settings, &event, &out);

	(void)state;
	assert_null(memmem(line.p, line.n, "\"parent\":", 9));
	assert_non_null(memmem(line.p, line.n, "\"defects\":[\"parent_unknown\"]", 28));
	process_drop(&process);
	buf_free(&out);
}

static void test_ancestors_are_bounded_by_the_event(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process chain[5];
	struct event event = { .kind = KIND_PROCESS_EXIT,
			       .process = &chain[0],
			       .parent = &chain[1] };

	(void)state;
	for (uint32_t i = 0; i < 5; i++) {
		chain[i] = process_of(NULL, 10 + i, 1);
		chain[i].parent = i < 4 ? &chain[i + 1] : NULL;
	}
	for (uint8_t n = 0; n < 6; n++) {
		json_t *json, *list;

		event.ancestors = n;
		json = parse(encode(&settings, &event, &out));
		list = json_object_get(json_object_get(json, "process_exit"), "ancestors");
		assert_int_equal(json_array_size(list), n < 3 ? n : 3);
		for (size_t i = 0; i < json_array_size(list); i++)
			assert_int_equal(
				json_integer_value(json_object_get(json_array_get(list, i), "pid")),
				12 + i);
		json_decref(json);
	}
	for (int i = 0; i < 5; i++)
		process_drop(&chain[i]);
	buf_free(&out);
}

static void check_tcp(enum event_kind kind, const struct tcp_fields *tcp, uint32_t tid,
		      const char *expected)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process process = process_of(NULL, 42, 0);
	struct event event = { .kind = kind, .process = &process, .tid = tid, .tcp = *tcp };
	struct str line;

	process.start_wall_ns = 0;
	line = encode(&settings, &event, &out);
	if (!memmem(line.p, line.n, expected, strlen(expected)))
		print_error("got      %.*s\nexpected %s\n", STR_FMT(line), expected);
	assert_non_null(memmem(line.p, line.n, expected, strlen(expected)));
	process_drop(&process);
	buf_free(&out);
}

static void test_connections_have_their_members(void **state)
{
	struct tcp_fields tcp = {
		.family = AF_INET,
		.saddr = { 192, 0, 2, 1 },
		.daddr = { 10, 200, 0, 99 },
		.sport = 40000,
		.dport = 443,
		.role = ROLE_CLIENT,
		.owner = OWNED_BY_CALLER,
		.old_state = 2,
		.new_state = 7,
		.error = 111,
		.netns = 4026531840u,
		.cookie = 1ull << 60,
		.duration_ns = 1500,
		.uid = 0,
	};

	(void)state;
	check_tcp(
		KIND_PROCESS_CONNECT, &tcp, 5,
		"{\"process_connect\":{\"process\":{\"pid\":42,\"flags\":\"unknown\"},"
		"\"family\":\"AF_INET\",\"protocol\":\"TCP\",\"source_ip\":\"192.0.2.1\","
		"\"source_port\":40000,\"destination_ip\":\"10.200.0.99\",\"destination_port\":443,"
		"\"sock_cookie\":\"1152921504606846976\",\"state\":\"TCP_CLOSE\","
		"\"old_state\":\"TCP_SYN_SENT\",\"error\":\"ECONNREFUSED\",\"errno\":111,"
		"\"duration_ns\":\"1500\",\"socket_uid\":0,\"netns\":4026531840}");
	tcp.error = 0;
	tcp.owner = OWNED_BY_LISTENER;
	tcp.role = ROLE_SERVER;
	tcp.bytes_received = UINT64_MAX;
	check_tcp(KIND_PROCESS_CLOSE, &tcp, 0,
		  "\"role\":\"server\",\"owner\":\"listener\",\"duration_ns\":\"1500\","
		  "\"bytes_sent\":\"0\",\"bytes_received\":\"18446744073709551615\","
		  "\"socket_uid\":0");
	tcp = (struct tcp_fields){ .family = AF_INET6,
				   .role = ROLE_LISTENER,
				   .sport = 22,
				   .backlog = 128,
				   .new_state = 10,
				   .old_state = 7 };
	check_tcp(KIND_PROCESS_LISTEN, &tcp, 0,
		  "\"family\":\"AF_INET6\",\"protocol\":\"TCP\",\"source_ip\":\"::\","
		  "\"source_port\":22,\"sock_cookie\":\"0\",\"state\":\"TCP_LISTEN\","
		  "\"old_state\":\"TCP_CLOSE\",\"owner\":\"unknown\",\"backlog\":128,");
}

static void check_ipv6(const uint16_t groups[8], const char *expected)
{
	uint8_t address[16];
	char mem[64];
	struct buf out = buf_fixed(mem, sizeof(mem));

	for (int i = 0; i < 8; i++) {
		address[2 * i] = (uint8_t)(groups[i] >> 8);
		address[2 * i + 1] = (uint8_t)groups[i];
	}
	ipv6_write(address, &out);
	assert_line(buf_str(&out), expected);
}

#define G(...) ((const uint16_t[8]){ __VA_ARGS__ })

static void test_ipv6_follows_rfc5952(void **state)
{
	(void)state;
	check_ipv6(G(0), "::");
	check_ipv6(G(0, 0, 0, 0, 0, 0, 0, 1), "::1");
	check_ipv6(G(1), "1::");
	check_ipv6(G(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1), "2001:db8:0:1:1:1:1:1");
	check_ipv6(G(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), "2001:db8::1:0:0:1");
	check_ipv6(G(0x2001, 0, 0, 1, 0, 0, 0, 1), "2001:0:0:1::1");
	check_ipv6(G(0xfe80, 0, 0, 0, 0xABCD, 0xf, 0xff, 0xfff), "fe80::abcd:f:ff:fff");
	check_ipv6(G(1, 2, 3, 4, 5, 6, 7, 0), "1:2:3:4:5:6:7:0");
	check_ipv6(G(1, 2, 3, 4, 5, 6, 0, 0), "1:2:3:4:5:6::");
	check_ipv6(G(0, 0, 3, 4, 5, 6, 7, 8), "::3:4:5:6:7:8");
	check_ipv6(G(0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff),
		   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	check_ipv6(G(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201), "::ffff:192.0.2.1");
	check_ipv6(G(0, 0, 0, 0, 0, 0, 0x102, 0x304), "::102:304");
}

static bool ends_with(const struct buf *out, struct str end)
{
	return out->len >= end.n && memcmp(out->p + out->len - end.n, end.p, end.n) == 0;
}

static void test_weirs_own_events(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct accounting accounting = { 0 };
	struct event event = { .kind = KIND_WEIR_LOSS,
			       .time_wall_ns = WALL,
			       .loss = { .cause = LOSS_RING_FULL,
					 .of = KIND_PROCESS_EXEC,
					 .count = 5,
					 .first_wall_ns = 1700000000000000000ull,
					 .last_wall_ns = 1700000001000000000ull } };

	(void)state;
	settings.cluster_name = STR("c\"1");
	assert_line(encode(&settings, &event, &out),
		    "{\"weir_loss\":{\"cause\":\"ring_full\",\"kind\":\"process_exec\","
		    "\"count\":\"5\",\"first_time\":\"2023-11-14T22:13:20Z\","
		    "\"last_time\":\"2023-11-14T22:13:21Z\"},\"node_name\":\"node-1\","
		    "\"time\":\"2023-11-14T22:13:20.123456789Z\",\"cluster_name\":\"c\\\"1\","
		    "\"weir\":{\"seq\":\"12\",\"boot_id\":\"" BOOT_ID "\"}}");

	event.loss = (struct loss_fields){ .cause = LOSS_JOURNAL_DAMAGED,
					   .first_seq = 3,
					   .last_seq = 9 };
	assert_non_null(memmem(
		encode(&settings, &event, &out).p, out.len,
		"{\"cause\":\"journal_damaged\",\"first_seq\":\"3\",\"last_seq\":\"9\"}", 56));
	event.loss.notice_id = STR(BOOT_ID "-3-9-journal_damaged");
	encode(&settings, &event, &out);
	assert_true(ends_with(&out, STR("\"weir\":{\"id\":\"" BOOT_ID "-3-9-journal_damaged\","
					"\"boot_id\":\"" BOOT_ID "\"}}")));

	accounting.captured[KIND_PROCESS_EXEC] = 10;
	accounting.journaled[KIND_PROCESS_EXEC] = 7;
	accounting.lost[KIND_PROCESS_EXEC][LOSS_RING_FULL] = 2;
	accounting.lost[KIND_PROCESS_EXEC][LOSS_MEMORY] = 1;
	accounting.captured[KIND_NONE] = accounting.filtered[KIND_NONE] = 4;
	event.kind = KIND_WEIR_STOP;
	event.notice = (struct notice_fields){ .version = STR("1.0"), .accounting = &accounting };
	settings.cluster_name = STR("");
	settings.node_name = STR("");
	assert_line(encode(&settings, &event, &out),
		    "{\"weir_stop\":{\"version\":\"1.0\",\"accounting\":["
		    "{\"kind\":\"none\",\"captured\":\"4\",\"journaled\":\"0\",\"filtered\":\"4\"},"
		    "{\"kind\":\"process_exec\",\"captured\":\"10\",\"journaled\":\"7\","
		    "\"lost\":{\"ring_full\":\"2\",\"memory\":\"1\"}}]},"
		    "\"time\":\"2023-11-14T22:13:20.123456789Z\","
		    "\"weir\":{\"seq\":\"12\",\"boot_id\":\"" BOOT_ID "\"}}");

	event.kind = KIND_WEIR_CONFIG;
	event.notice = (struct notice_fields){ .config_digest = STR("abc"),
					       .message = STR("x.yaml:3:1: \"no\"\n"),
					       .refused = true };
	assert_non_null(
		memmem(encode(&settings, &event, &out).p, out.len,
		       "{\"config_digest\":\"abc\",\"message\":\"x.yaml:3:1: \\\"no\\\"\\n\","
		       "\"refused\":true}",
		       71));
	buf_free(&out);
}

static void test_a_full_buffer_leaves_nothing_behind(void **state)
{
	struct encode_settings settings = settings_of(true, DETAIL_OFF);
	struct process_draft draft = plain_draft();
	struct process process = process_of(image_create(&draft, NULL), 42, 2000);
	struct event event = { .kind = KIND_PROCESS_EXIT, .process = &process };
	struct buf whole = buf_growable(ENCODE_MAX_BYTES);
	char mem[1024];

	(void)state;
	for (size_t size = 0; size < 250; size++) {
		struct buf out = buf_fixed(mem, size);

		encode_json(&settings, &event, 1, &out);
		assert_false(buf_ok(&out));
	}
	json_decref(parse(encode(&settings, &event, &whole)));
	process_drop(&process);
	buf_free(&whole);
}

/* Arguments of control characters take six bytes each: a parent and a child that are both full of
 * them must not be able to make the exec vanish. */
static void test_an_event_that_is_too_large_is_reduced(void **state)
{
	static char args[120 * 1024];
	struct encode_settings settings = settings_of(true, DETAIL_EXEC);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct process_draft draft = plain_draft();
	struct event event = { .kind = KIND_PROCESS_EXEC };

	(void)state;
	for (size_t size = 1024; size <= sizeof(args); size += 17 * 1024) {
		struct process process, parent;
		json_t *json, *who, *weir;

		memset(args, 1, size);
		args[0] = args[size - 1] = '\0';
		draft.args = (struct str){ args, size };
		process = process_of(image_create(&draft, NULL), 42, 2000);
		parent = process_of(image_create(&draft, NULL), 7, 500);
		event.process = &process;
		event.parent = &parent;
		json = parse(encode(&settings, &event, &out));
		who = json_object_get(json_object_get(json, "process_exec"), "process");
		weir = json_object_get(json, "weir");
		assert_string_equal(json_string_value(json_object_get(who, "exec_id")), ID_SELF);
		assert_string_equal(json_string_value(json_object_get(who, "binary")),
				    "/usr/bin/curl");
		assert_int_equal(json_object_get(weir, "argv") == NULL,
				 size * 6 * 3 > ENCODE_MAX_BYTES);
		assert_int_equal(json_object_get(weir, "defects") != NULL,
				 size * 6 * 3 > ENCODE_MAX_BYTES);
		assert_int_equal(json_object_get(who, "arguments") == NULL,
				 size * 6 > ENCODE_MAX_BYTES);
		json_decref(json);
		process_drop(&process);
		process_drop(&parent);
	}
	buf_free(&out);
}

/* Random events. */

struct random {
	uint64_t state;
};

static uint64_t next(struct random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state;
}

static uint64_t below(struct random *random, uint64_t n)
{
	return next(random) % n;
}

/* Bytes of all kinds: plain, markup, control, UTF-8 in pieces, separators of lines. */
static struct str random_bytes(struct random *random, char *mem, size_t max)
{
	static const struct str pieces[] = {
		{ "/", 1 },
		{ "usr", 3 },
		{ "\"", 1 },
		{ "\\", 1 },
		{ "\n", 1 },
		{ "\x1b[2J", 4 },
		{ "\xe2\x80\xa8", 3 },
		{ "\xe2\x80", 2 },
		{ "\xff", 1 },
		{ "\xc2\x85", 2 },
		{ "\xf0\x9f\x90\x9f", 4 },
		{ "\xed\xa0\x80", 3 },
		{ " ", 1 },
		{ "{}],:", 5 },
		{ "\x7f", 1 },
		{ "SECRET", 6 },
		{ "=", 1 },
		{ "\x01", 1 },
		{ "..", 2 },
		{ "\xc0\x80", 2 },
	};
	struct buf out = buf_fixed(mem, max);

	for (uint64_t n = below(random, 12); n; n--) {
		if (below(random, 4) == 0)
			buf_putc(&out, (char)(1 + below(random, 255)));
		else
			buf_puts(&out, pieces[below(random, ARRAY_SIZE(pieces))]);
	}
	return buf_str(&out);
}

static struct str random_list(struct random *random, char *mem, size_t max)
{
	struct buf out = buf_fixed(mem, max);
	char element[256];

	for (uint64_t n = below(random, 6); n; n--) {
		buf_puts(&out, random_bytes(random, element, sizeof(element)));
		buf_putc(&out, '\0');
	}
	return buf_str(&out);
}

static struct image *random_image(struct random *random)
{
	char text[8][2048];
	struct process_draft draft = {
		.filename = random_bytes(random, text[0], sizeof(text[0])),
		.exe = random_bytes(random, text[1], sizeof(text[1])),
		.cwd = random_bytes(random, text[2], sizeof(text[2])),
		.cgroup = random_bytes(random, text[3], sizeof(text[3])),
		.args = random_list(random, text[4], sizeof(text[4])),
		.env = random_list(random, text[5], sizeof(text[5])),
		.user_name = below(random, 2) ? STR("root") : STR(""),
		.container_id = below(random, 2) ? STR("abcdef") : STR(""),
		.auid = (uint32_t)next(random),
		.session_id = below(random, 2) ? UINT32_MAX : 3,
		.cgroup_id = below(random, 3),
		.exe_ino = below(random, 2),
		.exe_nlink = (uint32_t)below(random, 2),
		.privileges = (uint32_t)below(random, 8),
		.args_total = (uint32_t)next(random),
		.truncated = (uint32_t)below(random, 16),
		.creds = { .uid = (uint32_t)below(random, 2),
			   .gid = (uint32_t)below(random, 2),
			   .euid = (uint32_t)below(random, 2),
			   .egid = (uint32_t)below(random, 2),
			   .cap_permitted = next(random) & next(random),
			   .cap_effective = next(random) & next(random),
			   .cap_inheritable = next(random) & next(random),
			   .securebits = (uint32_t)below(random, 256),
			   .user_ns_level = (uint32_t)below(random, 2) },
		.ns = { (uint32_t)below(random, 3), (uint32_t)below(random, 3), 1, 2, 3, 4,
			(uint32_t)below(random, 3), 5, 6, (uint32_t)below(random, 11) },
	};

	return image_create(&draft, NULL);
}

static struct process random_process(struct random *random)
{
	return (struct process){
		.refs = 1,
		.flags = (uint32_t)below(random, PROCESS_UNKNOWN),
		.key = { below(random, 1ull << 50), (uint32_t)below(random, 1 << 22) },
		.parent_key = { below(random, 1ull << 50), (uint32_t)below(random, 3) },
		.image = below(random, 16) ? random_image(random) : NULL,
		.start_wall_ns = below(random, 8) ? next(random) >> 2 : 0,
		.nspid = (uint32_t)below(random, 3),
		.live_children = (uint32_t)below(random, 2),
		.exited = below(random, 2),
	};
}

struct family {
	struct process process, parent, grandparent;
};

static void random_family(struct random *random, struct family *family)
{
	family->process = random_process(random);
	family->parent = random_process(random);
	family->grandparent = random_process(random);
	family->parent.parent = &family->grandparent;
}

static void family_drop(struct family *family)
{
	process_drop(&family->process);
	process_drop(&family->parent);
	process_drop(&family->grandparent);
}

static struct tcp_fields random_tcp(struct random *random)
{
	struct tcp_fields tcp = {
		.family = below(random, 2) ? AF_INET : AF_INET6,
		.sport = (uint16_t)next(random),
		.dport = (uint16_t)next(random),
		.error = (uint16_t)below(random, 200),
		.role = (enum socket_role)below(random, 4),
		.owner = (enum owner_source)below(random, 4),
		.old_state = (uint8_t)below(random, 14),
		.new_state = (uint8_t)below(random, 14),
		.cookie = next(random),
		.duration_ns = below(random, 2) ? next(random) : 0,
		.bytes_sent = next(random),
		.netns = (uint32_t)below(random, 2),
	};

	for (int i = 0; i < 16; i++) {
		tcp.saddr[i] = (uint8_t)below(random, 3);
		tcp.daddr[i] = (uint8_t)next(random);
	}
	return tcp;
}

static struct event random_event(struct random *random, const struct family *family)
{
	struct event event = {
		.kind = (enum event_kind)(KIND_PROCESS_EXEC + below(random, 6)),
		.time_wall_ns = next(random) >> 2,
		.process = &family->process,
		.parent = below(random, 4) ? &family->parent : NULL,
		.tid = (uint32_t)below(random, 3),
		.ancestors = (uint8_t)below(random, 3),
	};

	if (event.kind == KIND_PROCESS_EXEC)
		return event;
	if (event.kind == KIND_PROCESS_EXIT)
		event.exit_code = (uint32_t)below(random, 65536);
	else
		event.tcp = random_tcp(random);
	return event;
}

/* Every byte of a line, as a line of a log may hold it. */
static void check_line(struct str line)
{
	assert_true(utf8_is_valid(line));
	for (size_t i = 0; i < line.n; i++)
		assert_true((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7f);
}

static void test_spliced_and_whole_are_the_same_bytes(void **state)
{
	struct random random = { 88172645463325252ull };
	struct buf spliced = buf_growable(ENCODE_MAX_BYTES), whole = buf_growable(ENCODE_MAX_BYTES);
	struct encode_settings settings;
	struct family family;

	(void)state;
	for (int i = 0; i < 1500; i++) {
		random_family(&random, &family);
		for (int k = 0; k < 6; k++) {
			struct event event = random_event(&random, &family);
			enum detail_level details = (enum detail_level)below(&random, 3);

			settings = settings_of(true, details);
			encode(&settings, &event, &spliced);
			settings.splice = false;
			encode(&settings, &event, &whole);
			assert_line(buf_str(&spliced), (buf_putc(&whole, '\0'), whole.p));
			check_line(buf_str(&spliced));
		}
		family_drop(&family);
	}
	buf_free(&spliced);
	buf_free(&whole);
}

/* What a reader gets back for one string: the raw bytes where there are some, else the text. */
static struct str recover(json_t *text, json_t *raw, unsigned char *mem)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *b64 = json_string_value(raw);
	uint32_t bits = 0;
	size_t n = 0;

	if (!raw)
		return (struct str){ text ? json_string_value(text) : "",
				     json_string_length(text) };
	for (size_t i = 0; b64[i] && b64[i] != '='; i++) {
		bits = bits << 6 | (uint32_t)(strchr(alphabet, b64[i]) - alphabet);
		if (i % 4)
			mem[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	return (struct str){ (const char *)mem, n };
}

/* The argument list as a consumer rebuilds it; only elements 1.. when weir.argv is not there. */
static void check_argv(const struct image *image, json_t *process, json_t *weir)
{
	json_t *argv = json_object_get(weir, "argv");
	json_t *raw = json_object_get(json_object_get(weir, "raw"), "argv");
	struct str list = image->argv.text, element, rest;
	unsigned char mem[4096];
	char place[24];

	if (!argv) {
		rest = recover(json_object_get(process, "arguments"), NULL, mem);
		list_take(&list, &element);
		for (; list_take(&list, &element); rest.p += element.n, rest.n -= element.n) {
			if (rest.n && *rest.p == ' ')
				rest = (struct str){ rest.p + 1, rest.n - 1 };
			assert_true(str_starts_with(rest, element));
		}
		assert_int_equal(rest.n, 0);
		return;
	}
	for (size_t i = 0; i < json_array_size(argv); i++) {
		struct buf text = buf_fixed(place, sizeof(place) - 1);

		assert_true(list_take(&list, &element));
		buf_u64(&text, i);
		place[text.len] = '\0';
		assert_true(str_equal(
			recover(json_array_get(argv, i), json_object_get(raw, place), mem),
			element));
	}
	assert_int_equal(list.n, 0);
}

static void test_the_bytes_come_back(void **state)
{
	struct random random = { 362436069ull };
	struct encode_settings settings = settings_of(true, DETAIL_EXEC);
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	unsigned char mem[4096];

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct process process = random_process(&random);
		struct event event = { .kind = KIND_PROCESS_EXEC, .process = &process };
		json_t *json = parse(encode(&settings, &event, &out)), *who, *weir, *raw;

		who = json_object_get(json_object_get(json, "process_exec"), "process");
		weir = json_object_get(json, "weir");
		raw = json_object_get(weir, "raw");
		if (process.image) {
			const struct image *image = process.image;
			json_t *exe = json_object_get(weir, "exe");

			assert_true(str_equal(recover(json_object_get(who, "binary"),
						      json_object_get(raw, "binary"), mem),
					      image->binary.text));
			assert_true(str_equal(recover(json_object_get(who, "cwd"),
						      json_object_get(raw, "cwd"), mem),
					      image->cwd.text));
			assert_true(str_equal(recover(json_object_get(weir, "cgroup"),
						      json_object_get(raw, "cgroup"), mem),
					      image->cgroup.text));
			if (exe)
				assert_true(
					str_equal(recover(exe, json_object_get(raw, "exe"), mem),
						  image->exe.text));
			check_argv(image, who, weir);
		}
		json_decref(json);
		process_drop(&process);
	}
	buf_free(&out);
}

/* docs/events.md against what is written. */

static bool seen[256];

#define PATH_BYTES 256

static void path_join(char out[PATH_BYTES], const char *a, const char *b)
{
	struct buf path = buf_fixed(out, PATH_BYTES);

	buf_puts(&path, str_of(a));
	buf_puts(&path, str_of(b));
	buf_putc(&path, '\0');
	assert_true(buf_ok(&path));
}

static bool path_fits(const char *pattern, const char *path)
{
	while (*pattern) {
		if (*pattern == '*') {
			while (*path && *path != '.')
				path++;
			pattern++;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static void note_member(enum event_section section, const char *path)
{
	for (size_t i = 0; i < event_members_count; i++)
		if (event_members[i].section == section && path_fits(event_members[i].path, path)) {
			seen[i] = true;
			return;
		}
	fail_msg("no row for %s in section %d", path, section);
}

static void note_members(enum event_section section, json_t *object, const char *prefix);

static void note_list(enum event_section section, json_t *list, const char *path)
{
	char below_path[PATH_BYTES];
	size_t i;
	json_t *element;

	path_join(below_path, path, "[].");
	json_array_foreach(list, i, element) if (json_is_object(element))
		note_members(section, element, below_path);
}

static void note_value(enum event_section section, const char *name, const char *path,
		       json_t *value)
{
	bool is_process =
		section == SECTION_EXEC || section == SECTION_EXIT || section == SECTION_TCP;
	char below_path[PATH_BYTES];
	size_t i;
	json_t *element;

	note_member(section, path);
	if (is_process && json_is_object(value)) {
		note_members(SECTION_PROCESS, value, "");
	} else if (is_process && json_is_array(value)) {
		json_array_foreach(value, i, element) note_members(SECTION_PROCESS, element, "");
	} else if (section == SECTION_ENVELOPE && !strcmp(name, "weir")) {
		note_members(SECTION_WEIR, value, "");
	} else if (json_is_object(value)) {
		path_join(below_path, path, ".");
		note_members(section, value, below_path);
	} else if (json_is_array(value)) {
		note_list(section, value, path);
	}
}

static void note_members(enum event_section section, json_t *object, const char *prefix)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		char path[PATH_BYTES];

		path_join(path, prefix, name);
		note_value(section, name, path, value);
	}
}

static enum event_section section_of(enum event_kind kind)
{
	switch (kind) {
	case KIND_PROCESS_EXEC:
		return SECTION_EXEC;
	case KIND_PROCESS_EXIT:
		return SECTION_EXIT;
	case KIND_PROCESS_CONNECT:
	case KIND_PROCESS_ACCEPT:
	case KIND_PROCESS_LISTEN:
	case KIND_PROCESS_CLOSE:
		return SECTION_TCP;
	case KIND_WEIR_LOSS:
		return SECTION_LOSS;
	case KIND_WEIR_START:
	case KIND_WEIR_STOP:
	case KIND_WEIR_CONFIG:
	case KIND_NONE:
	case EVENT_KINDS:
		return SECTION_NOTICE;
	}
	return SECTION_NOTICE;
}

static void note_event(const struct encode_settings *settings, const struct event *event,
		       struct buf *out)
{
	json_t *json = parse(encode(settings, event, out));
	const char *name = event_kind_name(event->kind);

	note_members(section_of(event->kind), json_object_get(json, name), "");
	json_object_del(json, name);
	note_members(SECTION_ENVELOPE, json, "");
	json_decref(json);
}

static void note_own_events(const struct encode_settings *settings, struct buf *out)
{
	struct accounting accounting = { 0 };
	struct event event = { .kind = KIND_WEIR_LOSS,
			       .loss = { LOSS_RATE_LIMIT, KIND_PROCESS_EXEC, 1, 2, 3, 4, 5,
					 STR("k"), STR("") } };

	note_event(settings, &event, out);
	event.loss.notice_id = STR("B-4-5-rejected");
	note_event(settings, &event, out);
	memset(&accounting, 1, sizeof(accounting));
	event.kind = KIND_WEIR_STOP;
	event.notice = (struct notice_fields){ STR("v"), STR("d"), STR("m"), true, &accounting };
	note_event(settings, &event, out);
}

static void test_the_manual_names_every_member_and_no_other(void **state)
{
	struct random random = { 521288629ull };
	struct buf out = buf_growable(ENCODE_MAX_BYTES);
	struct encode_settings settings = settings_of(true, DETAIL_EXEC);
	struct process_draft draft = plain_draft();
	struct family family;

	(void)state;
	assert_in_range(event_members_count, 1, ARRAY_SIZE(seen));
	settings.cluster_name = STR("c");
	for (int i = 0; i < 3000; i++) {
		random_family(&random, &family);
		for (int k = 0; k < 2; k++) {
			struct event event = random_event(&random, &family);

			note_event(&settings, &event, &out);
		}
		family_drop(&family);
	}
	note_own_events(&settings, &out);
	draft.args = STR("x\0EXPLODE\0");
	family.process = process_of(image_create(&draft, NULL), 1, 1);
	note_event(&settings,
		   &(struct event){ .kind = KIND_PROCESS_EXEC, .process = &family.process }, &out);
	process_drop(&family.process);
	for (size_t i = 0; i < event_members_count; i++)
		if (!seen[i])
			fail_msg("never written: section %d, %s", event_members[i].section,
				 event_members[i].path);
	buf_free(&out);
}

/* docs/events.md is what events_write_manual() writes. */
static void test_the_page_is_up_to_date(void **state)
{
	struct buf out = buf_growable(1 << 20);
	FILE *file = fopen(EVENTS_PAGE, "r");
	char *page = malloc(1 << 20);
	size_t n;

	(void)state;
	assert_non_null(file);
	n = fread(page, 1, 1 << 20, file);
	fclose(file);
	events_write_manual(&out);
	if (!str_equal(buf_str(&out), (struct str){ page, n }))
		fail_msg("docs/events.md is out of date: weir manual events >docs/events.md");
	free(page);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_is_tetragons),
		cmocka_unit_test(test_exit_tells_status_or_signal),
		cmocka_unit_test(test_details_are_named_as_tetragon_names_them),
		cmocka_unit_test(test_details_of_all_follow_the_setting),
		cmocka_unit_test(test_all_flags_stand_in_their_order),
		cmocka_unit_test(test_what_the_line_hides_is_under_weir),
		cmocka_unit_test(test_parent_that_is_not_known_is_said),
		cmocka_unit_test(test_ancestors_are_bounded_by_the_event),
		cmocka_unit_test(test_connections_have_their_members),
		cmocka_unit_test(test_ipv6_follows_rfc5952),
		cmocka_unit_test(test_weirs_own_events),
		cmocka_unit_test(test_a_full_buffer_leaves_nothing_behind),
		cmocka_unit_test(test_an_event_that_is_too_large_is_reduced),
		cmocka_unit_test(test_spliced_and_whole_are_the_same_bytes),
		cmocka_unit_test(test_the_bytes_come_back),
		cmocka_unit_test(test_the_manual_names_every_member_and_no_other),
		cmocka_unit_test(test_the_page_is_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
