#include "outputs/fluentd_request.h"

#include "base/clock.h"
#include "outputs/event_id.h"
#include "outputs/fluentd_group.h"

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <zlib.h>

/* [EventTime, record]: an array of two, and an extension of type 0 with seconds and nanoseconds. */
#define ENTRY_BYTES 11
/* A record of one text: a map of one pair, the key's header, and a str with 32 bits of length. */
#define TEXT_BYTES	(1 + 3 + 5)
#define KEY_BYTES	255
#define ENTRY_MAX_BYTES (ENTRY_BYTES + TEXT_BYTES + KEY_BYTES)
#define HEAD_BYTES	(1 + 3 + 5) /* array, tag's header, bin with 32 bits of length */
#define OPTIONS_BYTES	96
#define DIGEST_AT_ONCE	64
#define GZIP_LEVEL	1
#define GZIP_WINDOW	(15 + 16) /* 16: gzip's header and trailer */
#define GZIP_MEMORY	8

struct fluentd_maker {
	const struct fluentd_settings *settings;
	struct template *tag;
	struct fluentd_groups *groups; /* NULL: one tag for all */
	EVP_MD_CTX *digest;
	z_stream gzip;
	bool has_gzip;
	/* What goes into the room before each event; time, and the length of a text, are filled
	 * in. */
	char entry[ENTRY_MAX_BYTES];
	size_t entry_bytes;
	bool is_text;
};

/* --- MessagePack --- */

static void put_u32(char *at, size_t v)
{
	uint32_t be = htobe32((uint32_t)v);

	memcpy(at, &be, sizeof(be));
}

/* At most 255 bytes. */
static void put_short_str(struct buf *out, struct str text)
{
	if (text.n < 32) {
		buf_putc(out, (char)(0xa0 | text.n));
	} else {
		buf_putc(out, (char)0xd9);
		buf_putc(out, (char)text.n);
	}
	buf_puts(out, text);
}

static void put_long(struct buf *out, unsigned char type, size_t v)
{
	char bytes[5] = { (char)type };

	put_u32(bytes + 1, v);
	buf_put(out, bytes, sizeof(bytes));
}

/* --- the maker --- */

static size_t make_entry(const struct fluentd_settings *settings, char entry[ENTRY_MAX_BYTES])
{
	struct buf out = buf_fixed(entry, ENTRY_MAX_BYTES);

	buf_lit(&out, "\x92\xd7\x00");
	buf_put(&out, "\0\0\0\0\0\0\0", 8);
	if (!fluentd_is_map(settings)) {
		buf_lit(&out, "\x81");
		put_short_str(&out, str_of(settings->message_key));
		put_long(&out, 0xdb, 0);
	}
	return out.len;
}

size_t fluentd_room(const struct output_settings *settings)
{
	char entry[ENTRY_MAX_BYTES];

	return make_entry((const struct fluentd_settings *)settings, entry);
}

static int prepare(struct fluentd_maker *maker, struct errmsg *em)
{
	int err = template_compile(maker->settings->tag, &fluentd_tag_rules, &maker->tag, em);

	if (err)
		return err;
	if (template_fields(maker->tag) != 0) {
		maker->groups =
			fluentd_groups_create(maker->tag, str_of(maker->settings->common.name));
		if (!maker->groups)
			return -ENOMEM;
	}
	maker->digest = EVP_MD_CTX_new();
	if (!maker->digest)
		return -ENOMEM;
	if (maker->settings->compression == FLUENTD_PLAIN)
		return 0;
	maker->has_gzip = deflateInit2(&maker->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW,
				       GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
	return maker->has_gzip ? 0 : -ENOMEM;
}

int fluentd_maker_create(const struct fluentd_settings *settings, struct fluentd_maker **maker_r,
			 struct errmsg *em)
{
	struct fluentd_maker *maker = calloc(1, sizeof(*maker));
	int err;

	*maker_r = maker;
	errmsg_set(em, "no memory");
	if (!maker)
		return -ENOMEM;
	maker->settings = settings;
	maker->is_text = !fluentd_is_map(settings);
	maker->entry_bytes = make_entry(settings, maker->entry);
	err = prepare(maker, em);
	if (err)
		fluentd_maker_free(maker_r);
	return err;
}

void fluentd_maker_free(struct fluentd_maker **maker)
{
	struct fluentd_maker *m = *maker;

	*maker = NULL;
	if (!m)
		return;
	template_free(&m->tag);
	fluentd_groups_free(&m->groups);
	EVP_MD_CTX_free(m->digest);
	if (m->has_gzip)
		deflateEnd(&m->gzip);
	free(m);
}

/* --- the id of a chunk --- */

/* Numbers of records in blocks, since a call for each costs more than the digest. */
static bool digest_events(const struct fluentd_maker *maker, const struct fluentd_request *r,
			  const struct fluentd_chunk *chunk)
{
	uint64_t seqs[DIGEST_AT_ONCE];
	size_t i, n = 0;
	bool ok = true;

	for (i = 0; i < chunk->count && ok; i++) {
		size_t event = r->order[chunk->first + i];
		char id[EVENT_ID_BYTES];
		struct buf text = buf_fixed(id, sizeof(id));

		if (batch_notice(r->batch, event)) {
			batch_write_id(r->batch, event, &text);
			ok = EVP_DigestUpdate(maker->digest, text.p, text.len) == 1;
		} else {
			seqs[n++] = htole64(batch_event_at(r->batch, event)->seq);
		}
		if (n == DIGEST_AT_ONCE) {
			ok &= EVP_DigestUpdate(maker->digest, seqs, sizeof(seqs)) == 1;
			n = 0;
		}
	}
	return ok && EVP_DigestUpdate(maker->digest, seqs, n * sizeof(seqs[0])) == 1;
}

static bool make_id(const struct fluentd_maker *maker, const struct fluentd_request *r,
		    struct fluentd_chunk *chunk)
{
	const char *output = maker->settings->common.name;
	struct str boot = batch_boot_id(r->batch);
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = maker->digest;

	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, output, strlen(output) + 1) != 1 ||
	    EVP_DigestUpdate(ctx, r->tags.p + chunk->tag_offset, chunk->tag_bytes) != 1 ||
	    EVP_DigestUpdate(ctx, "", 1) != 1 || EVP_DigestUpdate(ctx, boot.p, boot.n) != 1 ||
	    !digest_events(maker, r, chunk) || EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *)chunk->id, digest, 16);
	return true;
}

/* --- a message --- */

static void add_piece(struct fluentd_request *r, const void *p, size_t n)
{
	r->pieces[r->piece_count++] = (struct iovec){ (void *)p, n };
}

/* What is appended to the frame from `from` on is a piece. */
static void add_frame(struct fluentd_request *r, size_t from)
{
	add_piece(r, r->frame.p + from, r->frame.len - from);
}

/* Into the room before the event. Events that follow each other in the batch are one piece. */
static void add_entry(const struct fluentd_maker *maker, struct fluentd_request *r, size_t i)
{
	uint64_t wall = batch_event_at(r->batch, i)->time_wall_ns;
	struct iovec *last = &r->pieces[r->piece_count - 1];
	struct str payload = batch_payload(r->batch, i);
	char *at = batch_room(r->batch, i);

	memcpy(at, maker->entry, maker->entry_bytes);
	put_u32(at + 3, wall / NSEC_PER_SEC);
	put_u32(at + 7, wall % NSEC_PER_SEC);
	if (maker->is_text)
		put_u32(at + maker->entry_bytes - 4, payload.n);
	if ((char *)last->iov_base + last->iov_len == at)
		last->iov_len += maker->entry_bytes + payload.n;
	else
		add_piece(r, at, maker->entry_bytes + payload.n);
}

/* [tag, entries, options: the first two, and the head of the entries. */
static void add_head(struct fluentd_request *r, const struct fluentd_chunk *chunk, size_t bytes)
{
	struct str tag = { r->tags.p + chunk->tag_offset, chunk->tag_bytes };
	size_t from = r->frame.len;

	buf_lit(&r->frame, "\x93");
	if (tag.n <= UINT8_MAX) {
		put_short_str(&r->frame, tag);
	} else {
		buf_putc(&r->frame, (char)0xda);
		buf_putc(&r->frame, (char)(tag.n >> 8));
		buf_putc(&r->frame, (char)tag.n);
		buf_puts(&r->frame, tag);
	}
	put_long(&r->frame, 0xc6, bytes);
	add_frame(r, from);
}

static void add_options(const struct fluentd_maker *maker, struct fluentd_request *r,
			const struct fluentd_chunk *chunk)
{
	size_t from = r->frame.len;

	buf_putc(&r->frame, (char)(0x80 | (1 + maker->settings->acknowledge + maker->has_gzip)));
	put_short_str(&r->frame, STR("size"));
	put_long(&r->frame, 0xce, chunk->count);
	if (maker->settings->acknowledge) {
		put_short_str(&r->frame, STR("chunk"));
		put_short_str(&r->frame, str_of(chunk->id));
	}
	if (maker->has_gzip) {
		put_short_str(&r->frame, STR("compressed"));
		put_short_str(&r->frame, STR("gzip"));
	}
	add_frame(r, from);
}

/* --- compressed --- */

static bool deflate_piece(z_stream *gzip, const struct iovec *piece)
{
	gzip->next_in = piece->iov_base;
	gzip->avail_in = piece->iov_len;
	return deflate(gzip, Z_NO_FLUSH) == Z_OK && gzip->avail_in == 0;
}

/* The pieces from `from` on become one, in memory that is there already (pack_room). */
static bool pack(struct fluentd_maker *maker, struct fluentd_request *r, size_t from)
{
	z_stream *gzip = &maker->gzip;
	size_t i, begun = r->packed.len;

	if (deflateReset(gzip) != Z_OK)
		return false;
	gzip->next_out = (unsigned char *)r->packed.p + begun;
	gzip->avail_out = r->packed.cap - begun;
	for (i = from; i < r->piece_count; i++)
		if (!deflate_piece(gzip, &r->pieces[i]))
			return false;
	if (deflate(gzip, Z_FINISH) != Z_STREAM_END)
		return false;
	r->packed.len = r->packed.cap - gzip->avail_out;
	r->piece_count = from;
	add_piece(r, r->packed.p + begun, r->packed.len - begun);
	return true;
}

static bool add_chunk(struct fluentd_maker *maker, struct fluentd_request *r,
		      struct fluentd_chunk *chunk)
{
	size_t i, from;

	chunk->piece = r->piece_count;
	if (maker->settings->acknowledge && !make_id(maker, r, chunk))
		return false;
	add_head(r, chunk, chunk->entry_bytes);
	from = r->piece_count;
	for (i = 0; i < chunk->count; i++)
		add_entry(maker, r, r->order[chunk->first + i]);
	if (maker->has_gzip) {
		if (!pack(maker, r, from))
			return false;
		/* The head was written before the length was known. */
		put_u32((char *)r->pieces[chunk->piece].iov_base + r->pieces[chunk->piece].iov_len -
				4,
			r->pieces[from].iov_len);
	}
	add_options(maker, r, chunk);
	chunk->pieces = r->piece_count - chunk->piece;
	return true;
}

/* --- a request --- */

static bool one_chunk(const struct fluentd_maker *maker, struct fluentd_request *r)
{
	struct template_source source = { .batch = r->batch };
	size_t i, n = batch_count(r->batch);

	r->chunks = calloc(1, sizeof(*r->chunks));
	if (!r->chunks)
		return false;
	r->chunk_count = 1;
	template_write(maker->tag, &source, &r->tags);
	r->chunks[0].tag_bytes = r->tags.len;
	r->chunks[0].count = n;
	for (i = 0; i < n; i++)
		r->order[i] = i;
	return buf_ok(&r->tags);
}

static void count_bytes(const struct fluentd_maker *maker, struct fluentd_request *r)
{
	size_t c, i;

	for (c = 0; c < r->chunk_count; c++) {
		struct fluentd_chunk *chunk = &r->chunks[c];

		chunk->entry_bytes = chunk->count * maker->entry_bytes;
		for (i = chunk->first; i < (size_t)chunk->first + chunk->count; i++)
			chunk->entry_bytes += batch_event_at(r->batch, r->order[i])->bytes;
	}
}

/* All memory at once, so that pieces can point into it: nothing grows any more. */
static bool make_room(struct fluentd_maker *maker, struct fluentd_request *r)
{
	size_t c, n = batch_count(r->batch), packed = 0;
	size_t frame = r->chunk_count * (HEAD_BYTES + OPTIONS_BYTES) + r->tags.len;

	for (c = 0; maker->has_gzip && c < r->chunk_count; c++)
		packed += deflateBound(&maker->gzip, r->chunks[c].entry_bytes);
	r->frame = buf_growable(frame);
	r->packed = buf_growable(packed);
	r->pieces = reallocarray(NULL, n + 2 * r->chunk_count, sizeof(*r->pieces));
	return r->pieces && buf_reserve(&r->frame, frame) &&
	       (!packed || buf_reserve(&r->packed, packed));
}

static bool fill(struct fluentd_maker *maker, struct fluentd_request *r)
{
	size_t c, n = batch_count(r->batch);

	r->order = calloc(n ? n : 1, sizeof(*r->order));
	r->tags = buf_growable(FLUENTD_TAGS_BYTES(n));
	if (!r->order ||
	    !(maker->groups ? fluentd_groups_make(maker->groups, r) : one_chunk(maker, r)))
		return false;
	count_bytes(maker, r);
	if (!make_room(maker, r))
		return false;
	for (c = 0; c < r->chunk_count; c++)
		if (!add_chunk(maker, r, &r->chunks[c]))
			return false;
	return true;
}

struct fluentd_request *fluentd_request_create(struct fluentd_maker *maker, struct batch *batch,
					       uint64_t number)
{
	struct fluentd_request *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->batch = batch;
	batch_ref(batch);
	r->number = number;
	if (!fill(maker, r))
		fluentd_request_free(&r);
	return r;
}

void fluentd_request_free(struct fluentd_request **request)
{
	struct fluentd_request *r = *request;

	*request = NULL;
	if (!r)
		return;
	batch_unref(&r->batch);
	buf_free(&r->tags);
	buf_free(&r->frame);
	buf_free(&r->packed);
	free(r->chunks);
	free(r->order);
	free(r->pieces);
	free(r);
}

void fluentd_request_advance(struct fluentd_request *r, size_t bytes)
{
	bytes += r->piece_offset;
	while (r->piece_at < r->piece_count && bytes >= r->pieces[r->piece_at].iov_len)
		bytes -= r->pieces[r->piece_at++].iov_len;
	r->piece_offset = bytes;
}

/* Who confirms what is not written yet is lying. */
static bool can_be_acked(const struct fluentd_request *r, const struct fluentd_chunk *chunk)
{
	return !chunk->is_acked && chunk->piece + chunk->pieces <= r->piece_at;
}

bool fluentd_request_acknowledge(struct fluentd_request *r, struct str id)
{
	struct fluentd_chunk *chunk = r->chunks, *end = r->chunks + r->chunk_count;
	size_t i;

	while (chunk < end && !(can_be_acked(r, chunk) && str_equal(str_of(chunk->id), id)))
		chunk++;
	if (chunk == end)
		return false;
	chunk->is_acked = true;
	r->acked_count++;
	for (i = 0; i < chunk->count; i++)
		batch_event_at(r->batch, r->order[chunk->first + i])->verdict = VERDICT_SENT;
	return true;
}

void fluentd_request_rewind(struct fluentd_request *r)
{
	size_t c, n = 0;

	for (c = 0; c < r->chunk_count; c++) {
		struct fluentd_chunk *chunk = &r->chunks[c];

		if (chunk->is_acked || chunk->pieces == 0)
			continue;
		memmove(&r->pieces[n], &r->pieces[chunk->piece],
			chunk->pieces * sizeof(*r->pieces));
		chunk->piece = n;
		n += chunk->pieces;
	}
	r->piece_count = n;
	r->piece_at = r->piece_offset = 0;
	r->written_ns = r->arrived_ns = r->end = 0;
}
