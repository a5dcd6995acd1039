/* The Fluentd destination without a network: what a batch becomes on the wire, tags, the handshake,
 * and what of the configuration is refused. */
#include "base/secret.h"
#include "outputs/fluentd_handshake.h"
#include "outputs/forwarder.h"
#include "outputs/msgpack_reader.h"
#include "tests/unit/fluentd_rig.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <zlib.h>
#include <cmocka.h>

#define EXEC(binary) "{\"process_exec\":{\"process\":{\"binary\":\"" binary "\",\"pid\":7}}}"

/* --- reading back what goes out --- */

static size_t wire_of(const struct fluentd_request *r, char *to, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < r->piece_count; i++) {
		assert_true(n + r->pieces[i].iov_len <= size);
		memcpy(to + n, r->pieces[i].iov_base, r->pieces[i].iov_len);
		n += r->pieces[i].iov_len;
	}
	return n;
}

struct message {
	struct str tag, entries, chunk, compressed;
	uint64_t size;
};

static uint64_t integer_at(struct str map, const char *key)
{
	struct msgpack_token token;

	assert_true(msgpack_find(&map, str_of(key)));
	assert_int_equal(msgpack_read(&map, &token), MSGPACK_OK);
	assert_int_equal(token.type, MSGPACK_INTEGER);
	return token.integer;
}

static struct str text_at(struct str map, const char *key)
{
	struct str text = { "", 0 };

	if (msgpack_find(&map, str_of(key)))
		assert_true(msgpack_read_text(&map, &text));
	return text;
}

static struct message read_message(struct str *in)
{
	struct msgpack_token token;
	struct message m;
	struct str options;

	assert_int_equal(msgpack_read(in, &token), MSGPACK_OK);
	assert_int_equal(token.type, MSGPACK_ARRAY);
	assert_int_equal(token.count, 3);
	assert_true(msgpack_read_text(in, &m.tag));
	assert_int_equal(msgpack_read(in, &token), MSGPACK_OK);
	assert_int_equal(token.type, MSGPACK_BIN);
	m.entries = token.bytes;
	options = *in;
	assert_int_equal(msgpack_skip(in), MSGPACK_OK);
	m.size = integer_at(options, "size");
	m.chunk = text_at(options, "chunk");
	m.compressed = text_at(options, "compressed");
	return m;
}

static uint64_t be32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint64_t)u[0] << 24 | u[1] << 16 | u[2] << 8 | u[3];
}

/* [EventTime, record]; returns the time in ns and the record's bytes. */
static uint64_t read_entry(struct str *in, struct str *record_r)
{
	struct msgpack_token token;
	struct str from;

	assert_int_equal(msgpack_read(in, &token), MSGPACK_OK);
	assert_true(token.type == MSGPACK_ARRAY && token.count == 2);
	assert_int_equal(msgpack_read(in, &token), MSGPACK_OK);
	assert_true(token.type == MSGPACK_EXT && token.bytes.n == 9 && token.bytes.p[0] == 0);
	from = *in;
	assert_int_equal(msgpack_skip(in), MSGPACK_OK);
	*record_r = (struct str){ from.p, from.n - in->n };
	return be32(token.bytes.p + 1) * 1000000000ull + be32(token.bytes.p + 5);
}

static struct fluentd_request *make(struct fluentd_rig *rig)
{
	struct fluentd_request *r = fluentd_request_create(rig->maker, rig->batch, 0);

	assert_non_null(r);
	return r;
}

static void write_all(struct fluentd_request *r)
{
	char wire[65536];

	fluentd_request_advance(r, wire_of(r, wire, sizeof(wire)));
	assert_true(fluentd_request_is_written(r));
}

/* --- messages --- */

static void test_packed_forward(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct message m;
	struct str wire, record, entries;
	char bytes[4096];

	fluentd_rig_init(&rig, "");
	fluentd_rig_add(&rig, 1, KIND_PROCESS_EXEC, EXEC("/bin/a"));
	fluentd_rig_add(&rig, 2, KIND_PROCESS_EXEC, EXEC("/bin/b\\n"));
	r = make(&rig);
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	m = read_message(&wire);
	assert_int_equal(wire.n, 0);
	assert_true(str_equal(m.tag, STR("weir")));
	assert_int_equal(m.size, 2);
	assert_int_equal(m.chunk.n, 24);
	assert_int_equal(m.compressed.n, 0);
	entries = m.entries;
	assert_true(read_entry(&entries, &record) == 1700000000123456790ull);
	assert_true(str_equal(record, batch_payload(rig.batch, 0)));
	assert_true(read_entry(&entries, &record) == 1700000000123456791ull);
	assert_true(str_equal(record, batch_payload(rig.batch, 1)));
	assert_int_equal(entries.n, 0);
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

static void test_no_chunk_without_acknowledgement(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct message m;
	struct str wire;
	char bytes[4096];

	fluentd_rig_init(&rig, "acknowledge: false,");
	fluentd_rig_add(&rig, 1, KIND_PROCESS_EXEC, EXEC("/bin/a"));
	r = make(&rig);
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	m = read_message(&wire);
	assert_int_equal(m.chunk.n, 0);
	assert_int_equal(m.size, 1);
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

static void test_text_under_a_key(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct str wire, record, entries;
	char bytes[4096];

	fluentd_rig_init(&rig, "format: json, message_key: line,");
	fluentd_rig_add(&rig, 1, KIND_PROCESS_EXEC, EXEC("/bin/a"));
	fluentd_rig_add(&rig, 2, KIND_PROCESS_EXEC, EXEC("/bin/bb"));
	r = make(&rig);
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	entries = read_message(&wire).entries;
	read_entry(&entries, &record);
	assert_true(str_equal(text_at(record, "line"), STR(EXEC("/bin/a"))));
	read_entry(&entries, &record);
	assert_true(str_equal(text_at(record, "line"), STR(EXEC("/bin/bb"))));
	assert_int_equal(entries.n, 0);
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

static size_t gunzip(struct str packed, char *to, size_t size)
{
	z_stream z = { 0 };

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (unsigned char *)packed.p;
	z.avail_in = packed.n;
	z.next_out = (unsigned char *)to;
	z.avail_out = size;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	return z.total_out;
}

static void test_compressed_packed_forward(void **state)
{
	struct fluentd_rig plain, packed;
	struct fluentd_request *a, *b;
	struct message m, n;
	struct str wire;
	char bytes[2][65536], unpacked[65536];
	unsigned int i;

	fluentd_rig_init(&plain, "tag: '{kind}',");
	fluentd_rig_init(&packed, "tag: '{kind}', compression: gzip,");
	for (i = 0; i < 300; i++) {
		enum event_kind kind = i % 3 ? KIND_PROCESS_EXEC : KIND_PROCESS_EXIT;

		fluentd_rig_add(&plain, i + 1, kind, EXEC("/bin/sh"));
		fluentd_rig_add(&packed, i + 1, kind, EXEC("/bin/sh"));
	}
	a = make(&plain);
	b = make(&packed);
	wire = (struct str){ bytes[0], wire_of(a, bytes[0], sizeof(bytes[0])) };
	m = read_message(&wire);
	wire = (struct str){ bytes[1], wire_of(b, bytes[1], sizeof(bytes[1])) };
	for (i = 0; i < 2; i++) {
		n = read_message(&wire);
		assert_true(str_equal(n.compressed, STR("gzip")));
		assert_int_equal(n.size, i ? 200 : 100);
		if (i)
			continue;
		assert_int_equal(gunzip(n.entries, unpacked, sizeof(unpacked)), m.entries.n);
		assert_memory_equal(unpacked, m.entries.p, m.entries.n);
	}
	assert_int_equal(wire.n, 0);
	fluentd_request_free(&a);
	fluentd_request_free(&b);
	fluentd_rig_close(&plain);
	fluentd_rig_close(&packed);
}

/* --- chunk ids --- */

static void id_of(const char *keys, uint64_t first, uint64_t n, char id[25])
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	uint64_t seq;

	fluentd_rig_init(&rig, keys);
	for (seq = first; seq < first + n; seq++)
		fluentd_rig_add(&rig, seq, KIND_PROCESS_EXEC, EXEC("/bin/a"));
	r = make(&rig);
	memcpy(id, r->chunks[0].id, 25);
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

static void test_ids_are_of_the_events(void **state)
{
	char id[6][25];
	size_t i, k;

	id_of("", 1, 200, id[0]);
	id_of("window: 3,", 1, 200, id[1]);
	assert_string_equal(id[0], id[1]);
	id_of("", 2, 200, id[1]);
	id_of("", 1, 199, id[2]);
	id_of("tag: other,", 1, 200, id[3]);
	id_of("", 1, 64, id[4]);
	id_of("", 1, 65, id[5]);
	for (i = 0; i < 6; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(id[i], id[k]);
}

static void test_notices_have_ids_of_their_own(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *a, *b, *c;

	fluentd_rig_init(&rig, "");
	fluentd_rig_add_notice(&rig, 3, 5);
	a = make(&rig);
	fluentd_rig_new_batch(&rig);
	fluentd_rig_add_notice(&rig, 4, 5);
	b = make(&rig);
	fluentd_rig_new_batch(&rig);
	fluentd_rig_add(&rig, 5, KIND_WEIR_LOSS, "{\"weir_loss\":{}}");
	c = make(&rig);
	assert_string_not_equal(a->chunks[0].id, b->chunks[0].id);
	assert_string_not_equal(a->chunks[0].id, c->chunks[0].id);
	fluentd_request_free(&a);
	fluentd_request_free(&b);
	fluentd_request_free(&c);
	fluentd_rig_close(&rig);
}

/* --- acknowledgements --- */

static void fill_two_kinds(struct fluentd_rig *rig)
{
	fluentd_rig_init(rig, "tag: 'x.{kind}',");
	fluentd_rig_add(rig, 1, KIND_PROCESS_EXEC, EXEC("/bin/a"));
	fluentd_rig_add(rig, 2, KIND_PROCESS_EXIT, EXEC("/bin/b"));
	fluentd_rig_add(rig, 3, KIND_PROCESS_EXEC, EXEC("/bin/c"));
}

static void test_a_chunk_for_each_tag(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct str wire, record;
	struct message m;
	char bytes[4096];

	fill_two_kinds(&rig);
	r = make(&rig);
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	m = read_message(&wire);
	assert_true(str_equal(m.tag, STR("x.process_exec")));
	assert_int_equal(m.size, 2);
	read_entry(&m.entries, &record);
	assert_true(str_equal(record, batch_payload(rig.batch, 0)));
	read_entry(&m.entries, &record);
	assert_true(str_equal(record, batch_payload(rig.batch, 2)));
	m = read_message(&wire);
	assert_true(str_equal(m.tag, STR("x.process_exit")));
	assert_int_equal(m.size, 1);
	assert_int_equal(wire.n, 0);
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

static void test_acknowledgement_is_of_events(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct str wire;
	char bytes[4096];

	fill_two_kinds(&rig);
	r = make(&rig);
	assert_false(fluentd_request_acknowledge(r, str_of(r->chunks[0].id)));
	write_all(r);
	assert_false(fluentd_request_acknowledge(r, STR("AAAAAAAAAAAAAAAAAAAAAA==")));
	assert_false(fluentd_request_acknowledge(r, STR("")));
	assert_true(fluentd_request_acknowledge(r, str_of(r->chunks[0].id)));
	assert_false(fluentd_request_acknowledge(r, str_of(r->chunks[0].id)));
	assert_false(fluentd_request_is_acked(r));
	assert_int_equal(batch_event_at(rig.batch, 0)->verdict, VERDICT_SENT);
	assert_int_equal(batch_event_at(rig.batch, 1)->verdict, VERDICT_BATCH);
	assert_int_equal(batch_event_at(rig.batch, 2)->verdict, VERDICT_SENT);

	fluentd_request_rewind(r); /* only the other one goes out again */
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	assert_true(str_equal(read_message(&wire).tag, STR("x.process_exit")));
	assert_int_equal(wire.n, 0);
	write_all(r);
	assert_true(fluentd_request_acknowledge(r, str_of(r->chunks[1].id)));
	assert_true(fluentd_request_is_acked(r));
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

static void test_a_part_that_is_not_written_is_not_confirmed(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	char bytes[4096];
	size_t n;

	fill_two_kinds(&rig);
	r = make(&rig);
	n = wire_of(r, bytes, sizeof(bytes));
	fluentd_request_advance(r, n - 1);
	assert_true(fluentd_request_acknowledge(r, str_of(r->chunks[0].id)));
	assert_false(fluentd_request_acknowledge(r, str_of(r->chunks[1].id)));
	fluentd_request_advance(r, 1);
	assert_true(fluentd_request_acknowledge(r, str_of(r->chunks[1].id)));
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

/* However the writes fall, the bytes are the same. */
static void test_written_in_steps(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	char bytes[4096], again[4096];
	size_t n, step, at;

	fill_two_kinds(&rig);
	r = make(&rig);
	n = wire_of(r, bytes, sizeof(bytes));
	for (step = 1; step < 40; step++) {
		fluentd_request_rewind(r);
		for (at = 0; at < n; at += step) {
			struct iovec *piece = &r->pieces[r->piece_at];

			again[at] = ((char *)piece->iov_base)[r->piece_offset];
			assert_int_equal(again[at], bytes[at]);
			fluentd_request_advance(r, step < n - at ? step : n - at);
		}
		assert_true(fluentd_request_is_written(r));
	}
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

/* What is left of a batch shares its memory, with gaps. */
static void test_part_of_a_batch(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct batch *part;
	struct str wire, record, whole;
	struct message m;
	char bytes[4096];

	fluentd_rig_init(&rig, "");
	fluentd_rig_add(&rig, 1, KIND_PROCESS_EXEC, EXEC("/bin/a"));
	fluentd_rig_add(&rig, 2, KIND_PROCESS_EXEC, EXEC("/bin/b"));
	fluentd_rig_add(&rig, 3, KIND_PROCESS_EXEC, EXEC("/bin/c"));
	whole = batch_payload(rig.batch, 2);
	batch_event_at(rig.batch, 1)->verdict = VERDICT_SENT;
	part = batch_part(rig.batch, 0, 3);
	assert_non_null(part);
	r = fluentd_request_create(rig.maker, part, 0);
	assert_non_null(r);
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	m = read_message(&wire);
	assert_int_equal(m.size, 2);
	assert_true(read_entry(&m.entries, &record) == 1700000000123456790ull);
	assert_true(read_entry(&m.entries, &record) == 1700000000123456792ull);
	assert_true(str_equal(record, whole));
	assert_int_equal(m.entries.n, 0);
	fluentd_request_free(&r);
	batch_unref(&part);
	fluentd_rig_close(&rig);
}

static void test_as_many_tags_as_events(void **state)
{
	struct fluentd_rig rig;
	struct fluentd_request *r;
	struct str wire;
	static char bytes[1 << 20];
	char json[256];
	unsigned int i, size = 0;

	fluentd_rig_init(&rig, "tag: '{process.binary}',");
	for (i = 0; i < 1000; i++) {
		snprintf(json, sizeof(json), "{\"process_exec\":{\"process\":{\"binary\":\"%u\"}}}",
			 i % 900);
		fluentd_rig_add(&rig, i + 1, KIND_PROCESS_EXEC, json);
	}
	r = make(&rig);
	assert_int_equal(r->chunk_count, 900);
	wire = (struct str){ bytes, wire_of(r, bytes, sizeof(bytes)) };
	for (i = 0; i < 900; i++)
		size += read_message(&wire).size;
	assert_int_equal(size, 1000);
	assert_int_equal(wire.n, 0);
	fluentd_request_free(&r);
	fluentd_rig_close(&rig);
}

/* --- tags --- */

static void assert_tag(const char *template, const char *json, const char *want)
{
	struct template *tag;
	struct template_source source = { .output = STR("out") };
	struct fluentd_rig rig;
	struct buf out = buf_growable(4096);
	struct errmsg em;

	fluentd_rig_init(&rig, "");
	fluentd_rig_add(&rig, 1, KIND_PROCESS_EXEC, json);
	source.batch = rig.batch;
	assert_int_equal(template_compile(template, &fluentd_tag_rules, &tag, &em), 0);
	assert_true(template_write(tag, &source, &out));
	buf_putc(&out, '\0');
	assert_string_equal(out.p, want);
	template_free(&tag);
	buf_free(&out);
	fluentd_rig_close(&rig);
}

static void test_tags(void **state)
{
	static const char event[] =
		"{\"process_exec\":{\"process\":{\"binary\":\"/bin/a.b\",\"pid\":7,\"pod\":{\"namespace\":"
		"\"default\"},\"empty\":\"\",\"list\":[1]}},\"node_name\":\"host.example\"}";

	assert_tag("weir.events", event, "weir.events");
	assert_tag("a.{kind}.b", event, "a.process_exec.b");
	assert_tag("{node}", event, "host_example");
	assert_tag("{process.binary}.x", event, "_bin_a_b.x");
	assert_tag("{process.pid}-{process.pod.namespace}", event, "7-default");
	assert_tag("{process.nothing}.{process.empty}.{process.list}", event, "none.none.none");
	assert_tag("{boot}", event, "11111111-2222-3333-4444-555555555555");
	assert_tag("{node}", "{\"process_exec\":{}}", "none");
	assert_tag("{output}.{date}", event, "out.2023_11_14");
}

static void test_values_are_cut(void **state)
{
	char json[1024], want[256];

	snprintf(json, sizeof(json), "{\"process_exec\":{\"process\":{\"binary\":\"%0500d\"}}}", 0);
	snprintf(want, sizeof(want), "t.%0128d", 0);
	assert_tag("t.{process.binary}", json, want);
}

static void assert_tag_refused(const char *tag)
{
	struct config_document *doc;
	struct outputs_list list;
	struct errmsg em;
	char text[1024];

	snprintf(text, sizeof(text), "[{name: f, type: fluentd, servers: ['h:1'], tag: \"%s\"}]",
		 tag);
	assert_int_equal(config_parse(str_of(text), "t", &doc, &em), 0);
	assert_int_not_equal(outputs_list_read(config_root(doc), &list, &em), 0);
	if (strncmp(em.text, "t:1:", 4) != 0 || !strstr(em.text, "tag"))
		fail_msg("%s: %s", tag, em.text);
	config_document_free(&doc);
}

static void test_tags_refused(void **state)
{
	static const char *const bad[] = { "",		 "a b",	     "{kind", "kind}",	 "a{}b",
					   "{.a}",	 "{a..b}",   "{a b}", "{kind}}", "x\\n",
					   "{process.}", "{{kind}}", "*.x",   "{nod}" };
	char text[512];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_tag_refused(bad[i]);
	snprintf(text, sizeof(text), "%0256d", 0);
	assert_tag_refused(text);
	for (i = 0; i <= TEMPLATE_MAX_PARTS; i++)
		memcpy(text + 6 * i, "{kind}", 7);
	assert_tag_refused(text);
}

/* --- handshake --- */

#define KEY   "secret"
#define NONCE "\xff\x00nonce"

static struct secret *key, *password;
static struct fluentd_identity identity = { .hostname = "sensor", .username = "joe" };

static int make_secrets(void **state)
{
	key = secret_create(KEY, strlen(KEY));
	password = secret_create("pw", 2);
	identity.shared_key = key;
	identity.password = password;
	return !key || !password;
}

static int free_secrets(void **state)
{
	secret_free(&key);
	secret_free(&password);
	return 0;
}

static void sha512_hex(struct str bytes, char hex[129])
{
	unsigned char digest[64];
	size_t i;

	assert_int_equal(EVP_Digest(bytes.p, bytes.n, digest, NULL, EVP_sha512(), NULL), 1);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void assert_is_digest(struct str said, struct buf *of)
{
	char hex[129];

	sha512_hex(buf_str(of), hex);
	assert_true(str_equal(said, str_of(hex)));
	buf_reset(of);
}

#define HELO_AUTH                                        \
	"\x92\xa4HELO\x83\xa5nonce\xc4\x07" NONCE "\xa4" \
	"auth\xa3\x01\xfe\x02\xa9keepalive\xc2"
#define HELO                                         \
	"\x92\xa4HELO\x82\xa5nonce\xa7" NONCE "\xa4" \
	"auth\xa0"

static struct buf begin(struct fluentd_handshake *h, struct str helo)
{
	struct buf ping = buf_growable(4096);
	struct errmsg em;

	*h = (struct fluentd_handshake){ .identity = &identity };
	if (!fluentd_handshake_begin(h, helo, &ping, &em))
		fail_msg("%s", em.text);
	return ping;
}

static void test_ping(void **state)
{
	struct fluentd_handshake h;
	struct msgpack_token head;
	struct buf ping = begin(&h, STR(HELO_AUTH)), of = buf_growable(1024);
	struct str at = buf_str(&ping), text[6];
	size_t i;

	assert_false(h.keeps_alive);
	assert_int_equal(msgpack_read(&at, &head), MSGPACK_OK);
	assert_int_equal(head.count, 6);
	for (i = 0; i < 6; i++)
		assert_true(msgpack_read_text(&at, &text[i]));
	assert_int_equal(at.n, 0);
	assert_true(str_equal(text[0], STR("PING")));
	assert_true(str_equal(text[1], STR("sensor")));
	buf_puts(&of, text[2]);
	buf_puts(&of, STR("sensor" NONCE KEY));
	assert_is_digest(text[3], &of);
	assert_true(str_equal(text[4], STR("joe")));
	buf_puts(&of, STR("\x01\xfe\x02"
			  "joepw"));
	assert_is_digest(text[5], &of);
	buf_free(&of);
	buf_free(&ping);
}

static void test_no_user_for_who_does_not_ask(void **state)
{
	struct fluentd_handshake h;
	struct buf ping = begin(&h, STR(HELO));

	assert_true(h.keeps_alive);
	assert_null(memmem(ping.p, ping.len, "joe", 3));
	assert_memory_equal(ping.p + ping.len - 6, "\xda\0\0\xda\0\0", 6);
	buf_free(&ping);
}

static void put_text(struct buf *out, struct str text)
{
	const char head[2] = { (char)0xd9, (char)text.n };

	buf_put(out, head, 2);
	buf_puts(out, text);
}

/* A PONG as that server makes it which knows the key, with byte number `flip` of its digest wrong.
 */
static bool end(const char *hostname, int flip, size_t digest_bytes, struct errmsg *em)
{
	struct fluentd_handshake h;
	struct buf ping = begin(&h, STR(HELO)), of = buf_growable(1024), pong = buf_growable(1024);
	char hex[130];
	bool ok;

	buf_put(&of, h.salt, sizeof(h.salt));
	buf_puts(&of, str_of(hostname));
	buf_puts(&of, STR(NONCE KEY));
	sha512_hex(buf_str(&of), hex);
	if (flip >= 0)
		hex[flip] ^= 1;
	hex[129] = 'x';
	buf_lit(&pong, "\x95\xa4PONG\xc3\xa0");
	put_text(&pong, str_of(hostname));
	put_text(&pong, (struct str){ hex, digest_bytes });
	ok = fluentd_handshake_end(&h, buf_str(&pong), em);
	buf_free(&ping);
	buf_free(&of);
	buf_free(&pong);
	return ok;
}

static void test_pong(void **state)
{
	struct errmsg em;
	int i;

	assert_true(end("server", -1, 128, &em));
	for (i = 0; i < 128; i++) {
		assert_false(end("server", i, 128, &em));
		assert_non_null(strstr(em.text, "has not proven"));
	}
	assert_false(end("server", -1, 127, &em));
	assert_false(end("server", -1, 0, &em));
	assert_false(end("sensor", -1, 128, &em));
	assert_non_null(strstr(em.text, "self_hostname"));
}

static void test_a_server_that_repeats_the_key(void **state)
{
	static const struct str pongs[] = { STR("\x93\xa4PONG\xc2\xafno: " KEY " bad!"),
					    STR("\x93\xa4PONG\xc2\xa5is pw") };
	struct fluentd_handshake h = { .identity = &identity };
	struct errmsg em;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pongs); i++) {
		assert_false(fluentd_handshake_end(&h, pongs[i], &em));
		assert_non_null(strstr(em.text, "check shared_key"));
		assert_null(strstr(em.text, KEY));
		assert_null(strstr(em.text, "pw"));
	}
}

static void test_bad_helo_and_pong(void **state)
{
	static const struct str helos[] = {
		STR("\x92\xa4HELP\x81\xa5nonce\xa0"),
		STR("\x91\xa4HELO"),
		STR("\x92\xa4HELO\xa5nonce"),
		STR("\x92\xa4HELO\x80"),
		STR("\x81\xa4HELO\x80"),
		STR("\x92\xa4HELO\x81\xa5nonce\x05"),
		STR("\x90"),
		STR("\x05"),
	};
	static const struct str pongs[] = {
		STR("\x95\xa4PANG\xc3\xa0\xa0\xa0"),
		STR("\x91\xa4PONG"),
		STR("\x92\xa4PONG\x01"),
		STR("\x93\xa4PONG\xc3\xa0"),
		STR("\x95\xa4PONG\xc3\xa0\xa0\x05"),
		STR("\x80"),
		STR("\x93\xa4PONG\xc2\xa2no"),
		STR("\x92\xa4PONG\xc2"),
	};
	struct fluentd_handshake h = { .identity = &identity };
	struct buf ping = buf_growable(4096);
	struct errmsg em;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(helos); i++) {
		assert_false(fluentd_handshake_begin(&h, helos[i], &ping, &em));
		assert_int_equal(ping.len, 0);
	}
	for (i = 0; i < ARRAY_SIZE(pongs); i++)
		assert_false(fluentd_handshake_end(&h, pongs[i], &em));
	buf_free(&ping);
}

static void test_long_nonce_is_refused(void **state)
{
	struct fluentd_handshake h = { .identity = &identity };
	struct buf helo = buf_growable(1024), ping = buf_growable(4096);
	struct errmsg em;

	buf_lit(&helo, "\x92\xa4HELO\x81\xa5nonce\xda\x01\x01");
	while (helo.len < 15 + 257)
		buf_putc(&helo, 'n');
	assert_false(fluentd_handshake_begin(&h, buf_str(&helo), &ping, &em));
	buf_free(&helo);
	buf_free(&ping);
}

/* --- configuration --- */

static void assert_refused(const char *keys, const char *words)
{
	struct config_document *doc;
	struct errmsg em = { "" };
	char yaml[1024];

	snprintf(yaml, sizeof(yaml), "- {name: a, type: fluentd, %s}\n", keys);
	assert_int_equal(config_parse(str_of(yaml), "test.yaml", &doc, &em), 0);
	assert_int_not_equal(outputs_check(config_root(doc), &em), 0);
	if (!strstr(em.text, words) || !strstr(em.text, "test.yaml:1:"))
		fail_msg("\"%s\" does not say \"%s\"", em.text, words);
	config_document_free(&doc);
}

static void test_configuration_refused(void **state)
{
	assert_refused("servers: []", "1 to 16");
	assert_refused("servers: ['a b']", "weight=1 to weight=1000 and standby");
	assert_refused("servers: ['a weight=0']", "weight=0");
	assert_refused("servers: ['a weight=1001']", "weight=1001");
	assert_refused("servers: ['a:0']", "port");
	assert_refused("servers: ['']", "no address");
	assert_refused("servers: [b, 'a weight=3x']", "weight=3x");
	assert_refused("servers: ['a standby', 'b standby']", "must not be standby");
	assert_refused("servers: [a], tag: 'a b'", "tag: ' '");
	assert_refused("servers: [a], username: joe", "need shared_key");
	assert_refused("servers: [a], shared_key: k, username: joe", "need each other");
	assert_refused("servers: [a], tls: {verify: false}", "transport: tls");
	assert_refused("servers: [/run/x], transport: tls", "not a Unix socket");
	assert_refused("servers: [/run/x], heartbeat: udp", "not a Unix socket");
	assert_refused("servers: [a], heartbeat: tcp, proxy: 'p:1'", "through a proxy");
	assert_refused("servers: [a], heartbeat: tcp, heartbeat_interval: 20s", "shorter");
	assert_refused("servers: [a], window: 65", "window");
}

static void test_server_lines(void **state)
{
	struct fluentd_server_settings server;
	struct errmsg em;

	assert_int_equal(fluentd_parse_server("log-1", &server, &em), 0);
	assert_int_equal(server.endpoint.port, 24224);
	assert_int_equal(server.weight, 60);
	assert_false(server.is_standby);
	assert_int_equal(fluentd_parse_server(" [::1]:5  standby\tweight=7 ", &server, &em), 0);
	assert_int_equal(server.endpoint.port, 5);
	assert_int_equal(server.weight, 7);
	assert_true(server.is_standby);
	assert_int_equal(fluentd_parse_server("/run/fluent.sock", &server, &em), 0);
	assert_string_equal(server.endpoint.path, "/run/fluent.sock");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packed_forward),
		cmocka_unit_test(test_no_chunk_without_acknowledgement),
		cmocka_unit_test(test_text_under_a_key),
		cmocka_unit_test(test_compressed_packed_forward),
		cmocka_unit_test(test_ids_are_of_the_events),
		cmocka_unit_test(test_notices_have_ids_of_their_own),
		cmocka_unit_test(test_a_chunk_for_each_tag),
		cmocka_unit_test(test_acknowledgement_is_of_events),
		cmocka_unit_test(test_a_part_that_is_not_written_is_not_confirmed),
		cmocka_unit_test(test_written_in_steps),
		cmocka_unit_test(test_part_of_a_batch),
		cmocka_unit_test(test_as_many_tags_as_events),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_values_are_cut),
		cmocka_unit_test(test_tags_refused),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_no_user_for_who_does_not_ask),
		cmocka_unit_test(test_pong),
		cmocka_unit_test(test_a_server_that_repeats_the_key),
		cmocka_unit_test(test_bad_helo_and_pong),
		cmocka_unit_test(test_long_nonce_is_refused),
		cmocka_unit_test(test_configuration_refused),
		cmocka_unit_test(test_server_lines),
	};

	return cmocka_run_group_tests(tests, make_secrets, free_secrets);
}
