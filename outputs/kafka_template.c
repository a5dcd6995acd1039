#include "outputs/kafka_template.h"

#include "outputs/json_scan.h"
#include "pipeline/event.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_PARTS  16
#define PATH_BYTES 128
/* A field's value in a key: what is longer is cut, so that no event makes a key without bound. */
#define VALUE_BYTES 1024
/* Behind the body there are the node, the time and weir's own members. */
#define TAIL_BYTES 384

enum part_kind { PART_TEXT, PART_KIND, PART_NODE, PART_BOOT, PART_PATH };

struct part {
	enum part_kind kind;
	char *text; /* of a TEXT, or the path */
};

struct kafka_template {
	struct part parts[MAX_PARTS];
	size_t count;
};

static const struct {
	const char *name;
	enum part_kind kind;
} names[] = { { "kind", PART_KIND }, { "node", PART_NODE }, { "boot", PART_BOOT } };

static int add_part(struct kafka_template *t, enum part_kind kind, struct str text,
		    struct errmsg *em)
{
	if (t->count == MAX_PARTS) {
		errmsg_set(em, "more than %d parts", MAX_PARTS);
		return -EINVAL;
	}
	t->parts[t->count] = (struct part){ kind, strndup(text.p, text.n) };
	if (!t->parts[t->count].text) {
		errmsg_set(em, "no memory");
		return -ENOMEM;
	}
	t->count++;
	return 0;
}

static bool is_path(struct str path)
{
	size_t i;

	if (path.n == 0 || path.n >= PATH_BYTES || path.p[0] == '.' || path.p[path.n - 1] == '.')
		return false;
	for (i = 0; i < path.n; i++) {
		char c = path.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '.')
			return false;
		if (c == '.' && path.p[i - 1] == '.')
			return false;
	}
	return true;
}

static int add_field(struct kafka_template *t, struct str name, struct errmsg *em)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal(name, str_of(names[i].name)))
			return add_part(t, names[i].kind, name, em);
	if (is_path(name))
		return add_part(t, PART_PATH, name, em);
	errmsg_set(em,
		   "{%.*s} is no field: use {kind}, {node}, {boot} or the path of a member of the "
		   "event's body, as {process.exec_id}",
		   (int)(name.n < 80 ? name.n : 80), name.p);
	return -EINVAL;
}

/* Up to the next brace; a doubled brace is one, and ends the part. Returns behind it. */
static const char *take_text(struct kafka_template *t, const char *p, int *err_r, struct errmsg *em)
{
	size_t n = strcspn(p, "{}");

	if (n == 0 && (p[0] == p[1])) {
		*err_r = add_part(t, PART_TEXT, (struct str){ p, 1 }, em);
		return p + 2;
	}
	*err_r = add_part(t, PART_TEXT, (struct str){ p, n }, em);
	return p + n;
}

static int parse_parts(struct kafka_template *t, const char *p, struct errmsg *em)
{
	int err = 0;

	while (*p && !err) {
		const char *end = strchr(p, '}');

		if (strchr("{}", *p) == NULL || p[0] == p[1]) {
			p = take_text(t, p, &err, em);
		} else if (*p == '}' || !end) {
			errmsg_set(em, "a brace without its other half; {{ and }} are braces");
			err = -EINVAL;
		} else {
			err = add_field(t, (struct str){ p + 1, end - p - 1 }, em);
			p = end + 1;
		}
	}
	return err;
}

int kafka_template_parse(const char *text, struct kafka_template **template_r, struct errmsg *em)
{
	struct kafka_template *t = calloc(1, sizeof(*t));
	int err;

	*template_r = NULL;
	if (!t)
		return -ENOMEM;
	err = parse_parts(t, text, em);
	if (err)
		kafka_template_free(&t);
	*template_r = t;
	return err;
}

void kafka_template_free(struct kafka_template **template)
{
	struct kafka_template *t = *template;
	size_t i;

	*template = NULL;
	for (i = 0; t && i < t->count; i++)
		free(t->parts[i].text);
	free(t);
}

bool kafka_template_is_constant(const struct kafka_template *template)
{
	size_t i;

	for (i = 0; i < template->count; i++)
		if (template->parts[i].kind != PART_TEXT)
			return false;
	return true;
}

bool kafka_template_is_closed(const struct kafka_template *template)
{
	size_t i;

	for (i = 0; i < template->count; i++)
		if (template->parts[i].kind == PART_PATH)
			return false;
	return true;
}

struct str kafka_template_prefix(const struct kafka_template *template)
{
	if (template->count == 0 || template->parts[0].kind != PART_TEXT)
		return STR("");
	return str_of(template->parts[0].text);
}

/* As memmem(3), which makes a table of the needle first: too much for what lies near. */
static const char *find_near(struct str text, struct str needle)
{
	const char *p = text.p, *end = text.p + text.n;

	while ((size_t)(end - p) >= needle.n) {
		p = memchr(p, needle.p[0], end - p - needle.n + 1);
		if (!p || memcmp(p, needle.p, needle.n) == 0)
			return p;
		p++;
	}
	return NULL;
}

/* The envelope's order is fixed and a quote inside of a string is escaped, so these bytes stand
 * nowhere before the member itself. It is near the end: the body before it is most of the event. */
static struct str find_node(struct str event)
{
	const struct str member = STR("},\"node_name\":\"");
	size_t tail = event.n < TAIL_BYTES ? event.n : TAIL_BYTES;
	const char *end = event.p + event.n, *p, *value;

	p = find_near((struct str){ end - tail, tail }, member);
	if (!p)
		p = memmem(event.p, event.n, member.p, member.n);
	if (!p)
		return STR("");
	value = p + member.n;
	p = memchr(value, '"', end - value);
	return p ? (struct str){ value, p - value } : STR("");
}

/* The body is the first member. */
static struct json_value find_member(struct str event, const char *path)
{
	struct json_value whole, body = { 0 };
	struct json_iter members;
	struct str kind;

	if (!json_parse(event, &whole))
		return body;
	members = json_iterate(&whole);
	if (!json_next_member(&members, &kind, &body))
		return (struct json_value){ 0 };
	return json_get(&body, path);
}

static void write_path(struct str event, const char *path, struct buf *out)
{
	struct json_value value = find_member(event, path);
	struct str raw = value.raw;

	if (raw.n > VALUE_BYTES)
		raw.n = VALUE_BYTES;
	switch (value.type) {
	case JSON_STRING:
		json_unescape(raw, out);
		break;
	case JSON_NUMBER:
	case JSON_BOOL:
		buf_puts(out, raw);
		break;
	case JSON_NONE:
	case JSON_NULL:
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
}

static void write_part(const struct part *part, struct batch *batch, size_t i, struct buf *out)
{
	switch (part->kind) {
	case PART_TEXT:
		buf_puts(out, str_of(part->text));
		break;
	case PART_KIND:
		buf_puts(out, str_of(event_kind_name(batch_event_at(batch, i)->kind)));
		break;
	case PART_NODE:
		buf_puts(out, find_node(batch_json(batch, i)));
		break;
	case PART_BOOT:
		buf_puts(out, batch_boot_id(batch));
		break;
	case PART_PATH:
		write_path(batch_json(batch, i), part->text, out);
		break;
	}
}

void kafka_template_write_key(const struct kafka_template *template, struct batch *batch, size_t i,
			      struct buf *out)
{
	size_t n;

	for (n = 0; n < template->count; n++)
		write_part(&template->parts[n], batch, i, out);
}

static bool is_topic_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

bool kafka_template_write_topic(const struct kafka_template *template, struct batch *batch,
				size_t i, struct buf *out)
{
	size_t n, from;

	for (n = 0; n < template->count; n++) {
		from = out->len;
		write_part(&template->parts[n], batch, i, out);
		if (out->len == from && template->parts[n].kind != PART_TEXT)
			return false;
		for (; from < out->len; from++)
			if (!is_topic_char(out->p[from]))
				out->p[from] = '_';
	}
	return true;
}

bool kafka_is_topic(struct str name)
{
	size_t i;

	if (name.n == 0 || name.n > KAFKA_TOPIC_BYTES || str_equal(name, STR(".")) ||
	    str_equal(name, STR("..")))
		return false;
	for (i = 0; i < name.n; i++)
		if (!is_topic_char(name.p[i]))
			return false;
	return true;
}
