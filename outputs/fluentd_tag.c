#include "outputs/fluentd_tag.h"

#include "outputs/json_scan.h"
#include "pipeline/event.h"

#include <errno.h>
#include <stdlib.h>

#define TAG_BYTES   255
#define MAX_PARTS   16
#define VALUE_BYTES 128 /* what is longer is cut */
#define MISSING	    "none"

enum part_kind { PART_TEXT, PART_KIND, PART_BOOT, PART_ENVELOPE, PART_BODY };

struct part {
	enum part_kind kind;
	struct str text; /* a text, or the path in the event; terminated */
};

struct fluentd_tag {
	char *names; /* what the parts point into */
	struct part parts[MAX_PARTS];
	size_t count;
};

static bool is_tag_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static bool is_path(struct str path)
{
	size_t i;

	for (i = 0; i < path.n; i++)
		if (!is_tag_char(path.p[i]) &&
		    (path.p[i] != '.' || i == 0 || i + 1 == path.n || path.p[i - 1] == '.'))
			return false;
	return path.n > 0;
}

static int bad_text(char c, struct errmsg *em)
{
	errmsg_set(em,
		   "'%c' can't be in a tag: letters, digits, '_', '-' and '.' can, and fields as "
		   "{kind}",
		   c >= ' ' && c <= '~' ? c : '?');
	return -EINVAL;
}

static int read_text(struct str text, struct part *part, struct errmsg *em)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if (!is_tag_char(text.p[i]) && text.p[i] != '.')
			return bad_text(text.p[i], em);
	*part = (struct part){ PART_TEXT, text };
	return 0;
}

static int read_field(struct str name, struct part *part, struct errmsg *em)
{
	if (str_equal(name, STR("kind")))
		*part = (struct part){ PART_KIND, name };
	else if (str_equal(name, STR("boot")))
		*part = (struct part){ PART_BOOT, name };
	else if (str_equal(name, STR("node")))
		*part = (struct part){ PART_ENVELOPE, STR("node_name") };
	else if (is_path(name))
		*part = (struct part){ PART_BODY, name };
	else {
		errmsg_set(em,
			   "{%.*s} is no field: there are {kind}, {node}, {boot} and the path of a "
			   "member of the event's body, as {process.pod.namespace}",
			   (int)(name.n < 80 ? name.n : 80), name.p);
		return -EINVAL;
	}
	return 0;
}

/* Reads what begins at p, ends it with a NUL where it was a field, and returns what is behind. */
static char *read_part(char *p, struct part *part, int *err, struct errmsg *em)
{
	char *end = p + strcspn(p, "{}");

	if (end > p) {
		*err = read_text((struct str){ p, end - p }, part, em);
		return end;
	}
	end = strchr(p, '}');
	if (*p == '}' || !end) {
		errmsg_set(em, "a brace without its other half");
		*err = -EINVAL;
		return p;
	}
	*end = '\0';
	*err = read_field((struct str){ p + 1, end - p - 1 }, part, em);
	return end + 1;
}

static int read_parts(struct fluentd_tag *tag, struct errmsg *em)
{
	char *p = tag->names;
	int err = 0;

	if (!*p || strlen(p) > TAG_BYTES) {
		errmsg_set(em, "a tag has 1 to %d characters", TAG_BYTES);
		return -EINVAL;
	}
	while (*p && !err) {
		if (tag->count == MAX_PARTS) {
			errmsg_set(em, "more than %d texts and fields", MAX_PARTS);
			return -EINVAL;
		}
		p = read_part(p, &tag->parts[tag->count++], &err, em);
	}
	return err;
}

int fluentd_tag_parse(const char *text, struct fluentd_tag **tag_r, struct errmsg *em)
{
	struct fluentd_tag *tag = calloc(1, sizeof(*tag));
	int err;

	*tag_r = tag;
	errmsg_set(em, "no memory");
	if (!tag)
		return -ENOMEM;
	tag->names = strdup(text);
	err = tag->names ? read_parts(tag, em) : -ENOMEM;
	if (err)
		fluentd_tag_free(tag_r);
	return err;
}

void fluentd_tag_free(struct fluentd_tag **tag)
{
	if (*tag)
		free((*tag)->names);
	free(*tag);
	*tag = NULL;
}

bool fluentd_tag_is_constant(const struct fluentd_tag *tag)
{
	return tag->count == 1 && tag->parts[0].kind == PART_TEXT;
}

/* A member of the event, or of its body, which is the first member. */
static struct json_value find_member(struct str event, enum part_kind kind, const char *path)
{
	struct json_value whole, body = { 0 };
	struct json_iter members;
	struct str name;

	if (!json_parse(event, &whole))
		return body;
	if (kind == PART_ENVELOPE)
		return json_get(&whole, path);
	members = json_iterate(&whole);
	if (!json_next_member(&members, &name, &body))
		return (struct json_value){ 0 };
	return json_get(&body, path);
}

/* Whatever the value is, it stays one part. */
static void put_value(struct str value, struct buf *out)
{
	size_t i, n = value.n < VALUE_BYTES ? value.n : VALUE_BYTES;

	if (n == 0)
		buf_lit(out, MISSING);
	for (i = 0; i < n; i++)
		buf_putc(out, is_tag_char(value.p[i]) ? value.p[i] : '_');
}

static void put_member(const struct json_value *value, struct buf *out)
{
	bool is_scalar = value->type == JSON_STRING || value->type == JSON_NUMBER ||
			 value->type == JSON_BOOL;

	put_value(is_scalar ? value->raw : STR(""), out);
}

void fluentd_tag_write(const struct fluentd_tag *tag, struct batch *batch, size_t i,
		       struct buf *out)
{
	struct json_value value;
	size_t n;

	for (n = 0; n < tag->count; n++) {
		const struct part *part = &tag->parts[n];

		switch (part->kind) {
		case PART_TEXT:
			buf_puts(out, part->text);
			break;
		case PART_KIND:
			put_value(str_of(event_kind_name(batch_event_at(batch, i)->kind)), out);
			break;
		case PART_BOOT:
			put_value(batch_boot_id(batch), out);
			break;
		case PART_ENVELOPE:
		case PART_BODY:
			value = find_member(batch_json(batch, i), part->kind, part->text.p);
			put_member(&value, out);
			break;
		}
	}
}
