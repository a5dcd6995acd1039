#include "outputs/kafka_record.h"

#include "base/clock.h"

#include <errno.h>

#define KEY_BYTES  4096
#define TEXT_BYTES 256 /* of the headers that are made anew for each event */

struct kafka_recorder {
	const struct kafka_settings *settings;
	struct template *topic, *key;
	unsigned int headers; /* 1 << enum kafka_header */
};

int kafka_recorder_create(const struct kafka_settings *settings, struct kafka_recorder **recorder_r,
			  struct errmsg *em)
{
	struct kafka_recorder *r = calloc(1, sizeof(*r));
	int err;

	*recorder_r = NULL;
	if (!r)
		return -ENOMEM;
	r->settings = settings;
	r->headers = kafka_settings_headers(settings);
	err = template_compile(settings->topic, &kafka_topic_rules, &r->topic, em);
	if (!err)
		err = template_compile(settings->key, &kafka_key_rules, &r->key, em);
	if (err)
		kafka_recorder_free(&r);
	*recorder_r = r;
	return err;
}

void kafka_recorder_free(struct kafka_recorder **recorder)
{
	struct kafka_recorder *r = *recorder;

	*recorder = NULL;
	if (!r)
		return;
	template_free(&r->topic);
	template_free(&r->key);
	free(r);
}

static struct template_source source_of(const struct kafka_recorder *r, struct batch *batch,
					size_t i)
{
	return (struct template_source){ .batch = batch,
					 .i = i,
					 .output = str_of(r->settings->common.name) };
}

static bool is_allowed(const struct kafka_settings *settings, struct str name)
{
	size_t i;

	if (!kafka_is_topic(name))
		return false;
	for (i = 0; i < settings->topics.n; i++)
		if (str_equal(name, str_of(settings->topics.v[i])))
			return true;
	return settings->topics.n == 0;
}

rd_kafka_topic_t *kafka_recorder_topic(const struct kafka_recorder *r,
				       struct kafka_producer *producer, struct batch *batch,
				       size_t i)
{
	const char *fallback = r->settings->fallback_topic;
	rd_kafka_topic_t *topic = NULL;
	char name[KAFKA_TOPIC_BYTES + 1];
	struct buf buf = buf_fixed(name, sizeof(name));
	struct template_source source = source_of(r, batch, i);

	if (template_fields(r->topic) == 0)
		return kafka_producer_topic(producer, str_of(r->settings->topic));
	if (template_write(r->topic, &source, &buf) && buf_ok(&buf) &&
	    is_allowed(r->settings, buf_str(&buf)))
		topic = kafka_producer_topic(producer, buf_str(&buf));
	if (!topic && *fallback)
		topic = kafka_producer_topic(producer, str_of(fallback));
	return topic;
}

static void add_header(rd_kafka_vu_t *headers, size_t *n, const char *name, struct str value)
{
	rd_kafka_vu_t *header = &headers[(*n)++];

	header->vtype = RD_KAFKA_VTYPE_HEADER;
	header->u.header.name = name;
	header->u.header.val = value.p;
	header->u.header.size = value.n;
}

/* A record is one event, not lines of them. */
static struct str content_type(const struct format *format)
{
	if (strcmp(format->content_type, "application/x-ndjson") == 0)
		return STR("application/json");
	return str_of(format->content_type);
}

/* `text` keeps what is made here until the record is put. */
static size_t write_headers(const struct kafka_recorder *r, struct batch *batch, size_t i,
			    rd_kafka_vu_t *headers, struct buf *text)
{
	const struct format *format = r->settings->common.format;
	size_t n = 0, from;

	if (r->headers & 1u << KAFKA_HEADER_ID) {
		batch_write_id(batch, i, text);
		add_header(headers, &n, "weir.id", buf_str(text));
	}
	if (r->headers & 1u << KAFKA_HEADER_SEQUENCE) {
		from = text->len;
		buf_u64(text, batch_event_at(batch, i)->seq);
		add_header(headers, &n, "weir.seq",
			   (struct str){ text->p + from, text->len - from });
	}
	if (r->headers & 1u << KAFKA_HEADER_BOOT_ID)
		add_header(headers, &n, "weir.boot_id", batch_boot_id(batch));
	if (r->headers & 1u << KAFKA_HEADER_FORMAT)
		add_header(headers, &n, "weir.format", str_of(format->name));
	if (r->headers & 1u << KAFKA_HEADER_CONTENT_TYPE)
		add_header(headers, &n, "content-type", content_type(format));
	return n;
}

rd_kafka_resp_err_t kafka_recorder_put(const struct kafka_recorder *r,
				       struct kafka_producer *producer, rd_kafka_topic_t *topic,
				       struct batch *batch, size_t i, uint64_t opaque)
{
	char key_bytes[KEY_BYTES], text_bytes[TEXT_BYTES];
	struct buf key = buf_fixed(key_bytes, sizeof(key_bytes));
	struct buf text = buf_fixed(text_bytes, sizeof(text_bytes));
	struct template_source source = source_of(r, batch, i);
	rd_kafka_vu_t headers[KAFKA_HEADERS];
	struct kafka_record record = {
		.topic = topic,
		.value = batch_payload(batch, i),
		.time_ms = batch_event_at(batch, i)->time_wall_ns / NSEC_PER_MSEC,
		.headers = headers,
		.opaque = opaque,
	};

	template_write(r->key, &source, &key);
	record.key = buf_str(&key);
	record.header_count = write_headers(r, batch, i, headers, &text);
	return kafka_producer_put(producer, &record);
}
