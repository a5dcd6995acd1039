#include "outputs/syslog_message.h"

#include "base/clock.h"
#include "base/node.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define HOST_BYTES   256
#define NUMBER_BYTES 20 /* of a uint64_t in decimal digits */
#define SECOND_BYTES 24 /* "2026-01-02T03:04:05" or "Jan  2 03:04:05" */
#define BOM	     "\xEF\xBB\xBF"

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
				      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

/* What is the same in all messages of a kind, in the order of a message. */
struct kind_text {
	struct str start; /* "<134>1 " */
	struct str names; /* "Z host app proc msgid [sd id=\"" */
	struct str kind;  /* "\" kind=\"process_exec\" time_ns=\"" */
};

struct syslog_message {
	const struct syslog_settings *settings;
	bool has_sd;
	bool must_be_line;
	struct kind_text kinds[EVENT_KINDS];
	struct buf texts; /* where those lie */
	size_t header_max;
	uint64_t second; /* that second_text shows */
	size_t second_len;
	char second_text[SECOND_BYTES];
	size_t second_digits_len;
	char second_digits[NUMBER_BYTES];
};

static const char *kind_name(size_t kind)
{
	return kind == KIND_NONE ? "-" : event_kind_name(kind);
}

/* A host's name can be anything that its owner has set. */
static void read_hostname(const struct syslog_settings *set, char host[HOST_BYTES])
{
	size_t i;

	node_name_read(set->hostname, host, HOST_BYTES);
	for (i = 0; host[i]; i++)
		if (host[i] <= ' ' || host[i] > '~')
			host[i] = '?';
	if (i == 0)
		snprintf(host, HOST_BYTES, "-");
}

/* Offsets at first: the text moves while it grows. */
static struct str begin_text(const struct buf *texts)
{
	return (struct str){ NULL, texts->len };
}

static void end_text(const struct buf *texts, struct str *text)
{
	size_t start = text->n;

	*text = (struct str){ texts->p + start, texts->len - start };
}

static void write_kind(struct syslog_message *m, size_t kind, unsigned int pri, const char *host)
{
	const struct syslog_settings *set = m->settings;
	struct kind_text *text = &m->kinds[kind];
	struct buf *out = &m->texts;
	bool old = set->standard == SYSLOG_RFC3164;
	const char *procid = set->procid[0] ? set->procid : "-";

	text->start = begin_text(out);
	buf_printf(out, old ? "<%u>" : "<%u>1 ", pri);
	end_text(out, &text->start);
	text->names = begin_text(out);
	if (old && !set->procid[0])
		buf_printf(out, " %s %s: ", host, set->app_name);
	else if (old)
		buf_printf(out, " %s %s[%s]: ", host, set->app_name, procid);
	else if (m->has_sd)
		buf_printf(out, "Z %s %s %s %s [%s id=\"", host, set->app_name, procid,
			   kind_name(kind), set->sd_id);
	else
		buf_printf(out, "Z %s %s %s %s - ", host, set->app_name, procid, kind_name(kind));
	end_text(out, &text->names);
	text->kind = begin_text(out);
	if (m->has_sd)
		buf_printf(out, "\" kind=\"%s\" time_ns=\"", kind_name(kind));
	end_text(out, &text->kind);
}

static size_t text_bytes(const struct syslog_message *m)
{
	size_t i, n, most = 0;

	for (i = 0; i < EVENT_KINDS; i++) {
		n = m->kinds[i].start.n + m->kinds[i].names.n + m->kinds[i].kind.n;
		most = n > most ? n : most;
	}
	return most;
}

struct syslog_message *syslog_message_create(const struct syslog_settings *settings,
					     struct errmsg *em)
{
	struct syslog_message *m = calloc(1, sizeof(*m));
	unsigned char pri[EVENT_KINDS];
	char host[HOST_BYTES];
	size_t i;

	errmsg_set(em, "no memory");
	if (!m)
		return NULL;
	m->settings = settings;
	m->has_sd = settings->standard == SYSLOG_RFC5424 && settings->sd_id[0];
	m->must_be_line = syslog_framing_of(settings) == SYSLOG_LF;
	m->second = UINT64_MAX;
	m->texts = buf_growable(EVENT_KINDS * 2048);
	read_hostname(settings, host);
	/* Reserved first, so that the text does not move. */
	if (syslog_priorities(settings, pri, em) != 0 ||
	    !buf_reserve(&m->texts, EVENT_KINDS * 1024)) {
		syslog_message_free(&m);
		return NULL;
	}
	for (i = 0; i < EVENT_KINDS; i++)
		write_kind(m, i, pri[i], host);
	m->header_max = text_bytes(m) + SECOND_BYTES + EVENT_ID_BYTES + 2 * NUMBER_BYTES + 32;
	return m;
}

void syslog_message_free(struct syslog_message **message)
{
	if (*message)
		buf_free(&(*message)->texts);
	free(*message);
	*message = NULL;
}

size_t syslog_header_max(const struct syslog_message *message)
{
	return message->header_max;
}

size_t syslog_message_max(const struct syslog_message *message)
{
	return message->settings->max_message_bytes;
}

/* The text of a second is made once for all events in it. RFC 3164 has the host's own time. */
static void show_second(struct syslog_message *m, uint64_t second)
{
	bool old = m->settings->standard == SYSLOG_RFC3164;
	struct buf out = buf_fixed(m->second_text, sizeof(m->second_text));
	struct buf digits = buf_fixed(m->second_digits, sizeof(m->second_digits));
	time_t time = second;
	struct tm tm;

	if (old)
		localtime_r(&time, &tm);
	else
		gmtime_r(&time, &tm);
	if (old)
		buf_printf(&out, "%s %2d %02d:%02d:%02d", months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
			   tm.tm_min, tm.tm_sec);
	else
		buf_printf(&out, "%04d-%02d-%02dT%02d:%02d:%02d.", tm.tm_year + 1900, tm.tm_mon + 1,
			   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	buf_u64(&digits, second);
	m->second = second;
	m->second_len = out.len;
	m->second_digits_len = digits.len;
}

static inline char *put(char *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

static inline char *put_str(char *to, struct str s)
{
	return put(to, s.p, s.n);
}

/* Nine digits, of which the timestamp shows six. */
static void write_nanoseconds(uint32_t ns, char digits[9])
{
	memcpy(digits, buf_digit_pairs + 2 * (ns / 10000000), 2);
	memcpy(digits + 2, buf_digit_pairs + 2 * (ns / 100000 % 100), 2);
	memcpy(digits + 4, buf_digit_pairs + 2 * (ns / 1000 % 100), 2);
	memcpy(digits + 6, buf_digit_pairs + 2 * (ns / 10 % 100), 2);
	digits[8] = '0' + ns % 10;
}

/* The id of a record ends with its number: the digits are made once. */
static char *put_id_and_seq(struct batch *batch, size_t i, char *p)
{
	const struct batch_event *event = batch_event_at(batch, i);
	char seq[NUMBER_BYTES];
	struct buf digits = buf_fixed(seq, sizeof(seq));
	struct buf id = buf_fixed(p, EVENT_ID_BYTES);

	buf_u64(&digits, event->seq);
	if (event->notice) {
		batch_write_id(batch, i, &id);
		p += id.len;
	} else {
		p = put_str(p, batch_boot_id(batch));
		*p++ = '-';
		p = put(p, seq, digits.len);
	}
	p = put_str(p, STR("\" seq=\""));
	return put(p, seq, digits.len);
}

static char *put_sd(const struct syslog_message *m, const struct kind_text *text,
		    struct batch *batch, size_t i, const char nanoseconds[9], char *p)
{
	p = put_id_and_seq(batch, i, p);
	p = put_str(p, text->kind);
	p = put(p, m->second_digits, m->second_digits_len);
	p = put(p, nanoseconds, 9);
	return put_str(p, STR("\"] "));
}

void syslog_write_header(struct syslog_message *m, struct batch *batch, size_t i, struct buf *out)
{
	const struct batch_event *event = batch_event_at(batch, i);
	const struct kind_text *text = &m->kinds[event->kind < EVENT_KINDS ? event->kind : 0];
	uint64_t second = event->time_wall_ns / NSEC_PER_SEC;
	char nanoseconds[9], *p;

	if (!buf_reserve(out, m->header_max))
		return;
	if (second != m->second)
		show_second(m, second);
	write_nanoseconds(event->time_wall_ns % NSEC_PER_SEC, nanoseconds);
	p = put_str(out->p + out->len, text->start);
	p = put(p, m->second_text, m->second_len);
	if (m->settings->standard == SYSLOG_RFC5424)
		p = put(p, nanoseconds, 6); /* as many as RFC 5424 has */
	p = put_str(p, text->names);
	if (m->has_sd)
		p = put_sd(m, text, batch, i, nanoseconds, p);
	if (m->settings->bom && utf8_is_valid(batch_payload(batch, i)))
		p = put_str(p, STR(BOM));
	out->len = p - out->p;
}

/* Backwards over the bytes of a character that is cut. */
static size_t whole_characters(struct str event, size_t n)
{
	size_t back = 0;

	while (back < 3 && back < n && ((unsigned char)event.p[n - back] & 0xC0) == 0x80)
		back++;
	return n - back;
}

static bool is_line(struct str event)
{
	return !memchr(event.p, '\n', event.n) && !memchr(event.p, '\0', event.n) &&
	       !memchr(event.p, '\r', event.n);
}

bool syslog_fit(const struct syslog_message *m, size_t header_bytes, struct str event,
		size_t *bytes_r, struct errmsg *em)
{
	uint64_t max = m->settings->max_message_bytes;

	if (m->must_be_line && !is_line(event)) {
		errmsg_set(em, "it holds a byte that would end the line it is sent as");
		return false;
	}
	*bytes_r = event.n;
	if (header_bytes + event.n <= max)
		return true;
	if (m->settings->oversize == SYSLOG_REFUSE || header_bytes >= max) {
		errmsg_set(em, "%zu bytes with its header: longer than max_message_bytes (%llu)",
			   header_bytes + event.n, (unsigned long long)max);
		return false;
	}
	*bytes_r = whole_characters(event, max - header_bytes);
	return true;
}
