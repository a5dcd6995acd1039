#include "outputs/http_template.h"

#include "base/clock.h"
#include "base/json_write.h"

#include <errno.h>

enum name { NAME_NODE, NAME_OUTPUT, NAME_BOOT, NAME_DATE, NAME_KIND, NAMES };

static const char *const names[NAMES] = {
	[NAME_NODE] = "node", [NAME_OUTPUT] = "output", [NAME_BOOT] = "boot",
	[NAME_DATE] = "date", [NAME_KIND] = "kind",
};

enum token { TOKEN_TEXT, TOKEN_NAME, TOKEN_UNKNOWN, TOKEN_BRACE, TOKEN_END };

static enum name name_of(struct str text)
{
	enum name name;

	for (name = 0; name < NAMES; name++)
		if (str_equal(text, str_of(names[name])))
			break;
	return name;
}

/* What comes at *at, which is moved behind it. */
static enum token next_token(const char **at, struct str *text_r, enum name *name_r)
{
	const char *p = *at, *end;

	if (*p == '\0')
		return TOKEN_END;
	if ((*p == '{' || *p == '}') && p[1] == *p) {
		*text_r = (struct str){ p, 1 };
		*at = p + 2;
		return TOKEN_TEXT;
	}
	if (*p != '{' && *p != '}') {
		*text_r = (struct str){ p, strcspn(p, "{}") };
		*at = p + text_r->n;
		return TOKEN_TEXT;
	}
	end = strchr(p, '}');
	if (*p == '}' || !end)
		return TOKEN_BRACE;
	*text_r = (struct str){ p + 1, (size_t)(end - p - 1) };
	*at = end + 1;
	*name_r = name_of(*text_r);
	return *name_r == NAMES ? TOKEN_UNKNOWN : TOKEN_NAME;
}

int http_template_check(const char *text, bool with_kind, struct errmsg *em)
{
	enum name name = NAMES;
	struct str part;

	for (;;) {
		switch (next_token(&text, &part, &name)) {
		case TOKEN_END:
			return 0;
		case TOKEN_TEXT:
			break;
		case TOKEN_BRACE:
			errmsg_set(em, "a brace stands alone; write {{ or }} for one");
			return -EINVAL;
		case TOKEN_NAME:
			if (name != NAME_KIND || with_kind)
				break;
			errmsg_set(em, "{kind} is not known here: a request carries events of "
				       "several kinds");
			return -EINVAL;
		case TOKEN_UNKNOWN:
			errmsg_set(em,
				   "unknown name {%.*s}; there are {node}, {output}, {boot}, "
				   "{date} and, for a single event, {kind}",
				   part.n > 40 ? 40 : (int)part.n, part.p);
			return -EINVAL;
		}
	}
}

bool http_template_is_of_event(const char *text)
{
	enum name name = NAMES;
	struct str part;

	for (;;) {
		switch (next_token(&text, &part, &name)) {
		case TOKEN_NAME:
			if (name == NAME_KIND || name == NAME_DATE)
				return true;
			break;
		case TOKEN_TEXT:
			break;
		case TOKEN_UNKNOWN:
		case TOKEN_BRACE:
		case TOKEN_END:
			return false;
		}
	}
}

static bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == '~';
}

static void put_percent(struct buf *out, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];

		if (is_unreserved(c)) {
			buf_putc(out, c);
			continue;
		}
		buf_putc(out, '%');
		buf_putc(out, digits[c >> 4]);
		buf_putc(out, digits[c & 15]);
	}
}

static void put_printable(struct buf *out, struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		buf_putc(out, s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?');
}

static void put_value(struct buf *out, struct str s, enum http_template_escape escape)
{
	switch (escape) {
	case HTTP_TEMPLATE_URL:
		put_percent(out, s);
		break;
	case HTTP_TEMPLATE_HEADER:
		put_printable(out, s);
		break;
	case HTTP_TEMPLATE_JSON:
		json_escaped(out, s);
		break;
	}
}

static struct str date_of(uint64_t wall_ns, char text[16])
{
	time_t seconds = wall_ns / NSEC_PER_SEC;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm))
		return STR("unknown");
	return (struct str){ text, strftime(text, 16, "%Y.%m.%d", &tm) };
}

static struct str value_of(enum name name, const struct http_template_values *values, char text[16])
{
	switch (name) {
	case NAME_NODE:
		return values->node;
	case NAME_OUTPUT:
		return values->output;
	case NAME_BOOT:
		return values->boot;
	case NAME_DATE:
		return date_of(values->time_wall_ns, text);
	case NAME_KIND:
		return values->kind;
	case NAMES:
		break;
	}
	return STR("");
}

void http_template_write(const char *text, const struct http_template_values *values,
			 enum http_template_escape escape, struct buf *out)
{
	enum name name = NAMES;
	struct str part;
	char date[16];

	for (;;) {
		switch (next_token(&text, &part, &name)) {
		case TOKEN_TEXT:
			if (escape == HTTP_TEMPLATE_JSON)
				json_escaped(out, part);
			else
				buf_puts(out, part);
			break;
		case TOKEN_NAME:
			put_value(out, value_of(name, values, date), escape);
			break;
		case TOKEN_UNKNOWN:
		case TOKEN_BRACE:
		case TOKEN_END:
			return;
		}
	}
}
