/* One line per event for a person at a terminal: time, what happened, pid, user, binary and the
 * rest. It can neither forge a line nor drive the terminal: strings stay as the JSON has them, with
 * control characters escaped; what isn't valid UTF-8 becomes '?', and characters that are invisible
 * or reverse the direction of text (Unicode's bidirectional and zero-width controls) are written as
 * \u escapes. A backslash of the event stays doubled, so no escape can be mistaken for text. */
#include "base/clock.h"
#include "base/utf8.h"
#include "outputs/format.h"
#include "outputs/json_scan.h"

#include <errno.h>

#define COLOR_DIM    "\033[2m"
#define COLOR_BOLD   "\033[1m"
#define COLOR_RED    "\033[31m"
#define COLOR_GREEN  "\033[32m"
#define COLOR_YELLOW "\033[33m"
#define COLOR_CYAN   "\033[36m"
#define COLOR_OFF    "\033[0m"

struct line {
	struct buf *out;
	bool color;
	const struct json_value *event;	  /* what stands under the kind's name */
	const struct json_value *process; /* JSON_NONE: one of weir's own */
};

static bool is_deceptive(uint32_t c)
{
	return (c >= 0x80 && c <= 0x9f) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* Decodes the sequence of n bytes, which is valid. */
static uint32_t code_point(const unsigned char *p, size_t n)
{
	uint32_t c = n == 2 ? p[0] & 0x1f : n == 3 ? p[0] & 0x0f : p[0] & 0x07;
	size_t i;

	for (i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

static size_t put_multibyte(struct buf *out, const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	if (n > left || !utf8_is_valid((struct str){ (const char *)p, n })) {
		buf_putc(out, '?');
		return 1;
	}
	c = code_point(p, n);
	if (is_deceptive(c))
		buf_printf(out, "\\u%04x", c);
	else
		buf_put(out, p, n);
	return n;
}

/* Bytes from p on that are written as they are. */
static size_t plain_prefix(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\')
		i++;
	return i;
}

/* raw: of a JSON string, still escaped. */
static void put_text(struct buf *out, struct str raw)
{
	const unsigned char *p = (const unsigned char *)raw.p;
	size_t i = 0;

	while (i < raw.n) {
		size_t plain = plain_prefix(p + i, raw.n - i);

		buf_put(out, p + i, plain);
		i += plain;
		if (i == raw.n)
			return;
		if (p[i] >= 0x80) {
			i += put_multibyte(out, p + i, raw.n - i);
		} else if (p[i] < 0x20 || p[i] == 0x7f) {
			buf_putc(out, '?');
			i++;
		} else if (p[i] == '\\' && i + 1 < raw.n && (p[i + 1] == '"' || p[i + 1] == '/')) {
			buf_putc(out, p[i + 1]);
			i += 2;
		} else if (p[i] == '\\' && i + 1 < raw.n && p[i + 1] == '\\') {
			buf_lit(out, "\\\\");
			i += 2;
		} else {
			buf_putc(out, p[i++]);
		}
	}
}

static void put_color(struct line *line, const char *color)
{
	if (line->color)
		buf_puts(line->out, str_of(color));
}

static void put_padded(struct buf *out, size_t from, size_t width)
{
	while (out->len - from < width && buf_ok(out))
		buf_putc(out, ' ');
	buf_putc(out, ' ');
}

static bool put_value(struct line *line, const struct json_value *of, const char *path)
{
	struct json_value value = json_get(of, path);

	if (value.type == JSON_NONE || value.raw.n == 0)
		return false;
	put_text(line->out, value.raw);
	return true;
}

/* " name VALUE" when there is one. */
static void put_named(struct line *line, const char *name, const char *path)
{
	struct json_value value = json_get(line->event, path);

	if (value.type == JSON_NONE || value.raw.n == 0)
		return;
	buf_putc(line->out, ' ');
	buf_puts(line->out, str_of(name));
	buf_putc(line->out, ' ');
	put_text(line->out, value.raw);
}

static void put_time(struct line *line, uint64_t wall_ns)
{
	time_t seconds = wall_ns / NSEC_PER_SEC;
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return;
	put_color(line, COLOR_DIM);
	buf_printf(line->out, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (unsigned int)(wall_ns % NSEC_PER_SEC / NSEC_PER_MSEC));
	put_color(line, COLOR_OFF);
	buf_putc(line->out, ' ');
}

static void put_process(struct line *line)
{
	size_t from = line->out->len;

	if (!put_value(line, line->process, "pid"))
		buf_putc(line->out, '-');
	put_padded(line->out, from, 7);
	from = line->out->len;
	if (!put_value(line, line->process, "user.name") && !put_value(line, line->process, "uid"))
		buf_putc(line->out, '-');
	put_padded(line->out, from, 8);
	put_color(line, COLOR_BOLD);
	if (!put_value(line, line->process, "binary"))
		buf_lit(line->out, "(unknown)");
	put_color(line, COLOR_OFF);
}

static void put_arguments(struct line *line)
{
	struct json_value arguments = json_get(line->process, "arguments");

	if (arguments.type != JSON_STRING || arguments.raw.n == 0)
		return;
	buf_putc(line->out, ' ');
	put_text(line->out, arguments.raw);
}

/* ADDRESS:PORT, with brackets around an IPv6 address. */
static void put_endpoint(struct line *line, const char *ip_path, const char *port_path)
{
	struct json_value ip = json_get(line->event, ip_path);
	bool is_ipv6 = ip.raw.n && memchr(ip.raw.p, ':', ip.raw.n);

	if (ip.type != JSON_STRING)
		return;
	if (is_ipv6)
		buf_putc(line->out, '[');
	put_text(line->out, ip.raw);
	if (is_ipv6)
		buf_putc(line->out, ']');
	buf_putc(line->out, ':');
	if (!put_value(line, line->event, port_path))
		buf_putc(line->out, '0');
}

static void put_connection(struct line *line)
{
	buf_putc(line->out, ' ');
	put_endpoint(line, "source_ip", "source_port");
	if (json_get(line->event, "destination_ip").type == JSON_STRING) {
		buf_lit(line->out, " -> ");
		put_endpoint(line, "destination_ip", "destination_port");
	}
	put_named(line, "sent", "bytes_sent");
	put_named(line, "received", "bytes_received");
	put_color(line, COLOR_RED);
	put_named(line, "failed:", "error");
	put_color(line, COLOR_OFF);
}

static void put_exit(struct line *line)
{
	put_arguments(line);
	put_color(line, COLOR_DIM);
	if (json_get(line->event, "signal").type == JSON_STRING)
		put_named(line, "killed by", "signal");
	else if (json_get(line->event, "status").type == JSON_NUMBER)
		put_named(line, "status", "status");
	else
		buf_lit(line->out, " status 0");
	put_color(line, COLOR_OFF);
}

static void put_loss(struct line *line)
{
	if (!put_value(line, line->event, "count"))
		buf_lit(line->out, "an unknown number of");
	buf_lit(line->out, " events lost:");
	put_named(line, "cause", "cause");
	put_named(line, "kind", "kind");
	put_named(line, "seq", "first_seq");
	put_named(line, "to", "last_seq");
}

static void put_notice(struct line *line)
{
	put_value(line, line->event, "message");
	put_named(line, "version", "version");
	if (json_get(line->event, "refused").type == JSON_BOOL)
		buf_lit(line->out, " (refused, kept what ran)");
}

static const struct {
	const char *label, *color;
	void (*put)(struct line *line); /* what follows label, pid, user and binary */
} kinds[EVENT_KINDS] = {
	[KIND_PROCESS_EXEC] = { "exec", COLOR_GREEN, put_arguments },
	[KIND_PROCESS_EXIT] = { "exit", COLOR_DIM, put_exit },
	[KIND_PROCESS_CONNECT] = { "connect", COLOR_CYAN, put_connection },
	[KIND_PROCESS_ACCEPT] = { "accept", COLOR_CYAN, put_connection },
	[KIND_PROCESS_LISTEN] = { "listen", COLOR_CYAN, put_connection },
	[KIND_PROCESS_CLOSE] = { "close", COLOR_DIM, put_connection },
	[KIND_WEIR_LOSS] = { "LOSS", COLOR_RED, put_loss },
	[KIND_WEIR_START] = { "start", COLOR_YELLOW, put_notice },
	[KIND_WEIR_STOP] = { "stop", COLOR_YELLOW, put_notice },
	[KIND_WEIR_CONFIG] = { "config", COLOR_YELLOW, put_notice },
};

static int write_line(const struct journal_record *record, struct buf *out, bool color)
{
	struct json_value envelope, event, process;
	struct line line = { out, color, &event, &process };
	size_t from;

	if (record->kind <= KIND_NONE || record->kind >= EVENT_KINDS || !kinds[record->kind].put)
		return -EINVAL;
	if (!json_parse(record->json, &envelope))
		return -EINVAL;
	event = json_get(&envelope, event_kind_name(record->kind));
	if (event.type != JSON_OBJECT)
		return -EINVAL;
	process = json_get(&event, "process");
	put_time(&line, record->time_wall_ns);
	put_color(&line, kinds[record->kind].color);
	from = out->len;
	buf_puts(out, str_of(kinds[record->kind].label));
	put_padded(out, from, 7);
	put_color(&line, COLOR_OFF);
	if (process.type == JSON_OBJECT)
		put_process(&line);
	kinds[record->kind].put(&line);
	return 0;
}

static int write_plain(const struct journal_record *record, struct buf *out)
{
	return write_line(record, out, false);
}

static int write_color(const struct journal_record *record, struct buf *out)
{
	return write_line(record, out, true);
}

const struct format format_compact = {
	.name = "compact",
	.help = "One line per event for a person.",
	.content_type = "text/plain; charset=utf-8",
	.write = write_plain,
};

const struct format format_compact_color = {
	.name = "compact-color",
	.help = "One coloured line per event for a person at a terminal.",
	.content_type = "text/plain; charset=utf-8",
	.write = write_color,
};
