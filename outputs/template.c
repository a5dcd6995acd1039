#include "outputs/template.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "config/config.h"
#include "outputs/json_scan.h"
#include "pipeline/event.h"
#include "pipeline/event_manual.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define PATH_BYTES 128
/* No longer value is read out of an event, and a string's escapes make it no more than half as long
 * again. */
#define RAW_BYTES   1024
#define VALUE_BYTES (2 * RAW_BYTES)
/* Behind the body there are the node, the time and weir's own members. */
#define TAIL_BYTES 384
/* Names that a person may have meant. */
#define KNOWN_NAMES 128

struct part {
	enum template_field field;
	struct str text; /* of a TEXT, or the path; terminated */
};

struct template
{
	const struct template_rules *rules;
	struct part parts[TEMPLATE_MAX_PARTS];
	size_t count;
	unsigned int fields;
	char map[256]; /* what each byte of a value becomes; NUL under PERCENT: its digits */
	struct buf text;
	char bytes[];
};

static const char *const names[] = {
	[TEMPLATE_TEXT] = "",	  [TEMPLATE_KIND] = "kind",	[TEMPLATE_NODE] = "node",
	[TEMPLATE_BOOT] = "boot", [TEMPLATE_OUTPUT] = "output", [TEMPLATE_DATE] = "date",
};

/* --- compiling --- */

static int add_part(struct template *t, enum template_field field, struct errmsg *em)
{
	buf_putc(&t->text, '\0'); /* behind the part before */
	if (t->count == TEMPLATE_MAX_PARTS) {
		errmsg_set(em, "%s: more than %d texts and fields", t->rules->what,
			   TEMPLATE_MAX_PARTS);
		return -EINVAL;
	}
	t->parts[t->count++] = (struct part){ field, { t->text.p + t->text.len, 0 } };
	t->fields |= field == TEMPLATE_TEXT ? 0 : TEMPLATE_BIT(field);
	return 0;
}

static void extend_part(struct template *t, struct str text)
{
	struct part *part = &t->parts[t->count - 1];

	if (part->field == TEMPLATE_TEXT && t->rules->escape == TEMPLATE_JSON)
		json_escaped(&t->text, text);
	else
		buf_puts(&t->text, text);
	part->text.n = t->text.p + t->text.len - part->text.p;
}

static bool is_name_char(char c)
{
	return c && strchr(TEMPLATE_LETTERS "_-.", c);
}

static int add_text(struct template *t, struct str text, struct errmsg *em)
{
	size_t i;
	int err = 0;

	for (i = 0; t->rules->is_name && i < text.n; i++)
		if (!is_name_char(text.p[i])) {
			errmsg_set(em,
				   "%s: '%c' can't be in it: letters, digits, '_', '-' and '.' "
				   "can, and fields as {kind}",
				   t->rules->what,
				   text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?');
			return -EINVAL;
		}
	if (t->count == 0 || t->parts[t->count - 1].field != TEMPLATE_TEXT)
		err = add_part(t, TEMPLATE_TEXT, em);
	if (!err)
		extend_part(t, text);
	return err;
}

static bool is_path(struct str path)
{
	size_t i;

	if (path.n == 0 || path.n >= PATH_BYTES || path.p[0] == '.' || path.p[path.n - 1] == '.')
		return false;
	for (i = 0; i < path.n; i++)
		if (!is_name_char(path.p[i]) || (path.p[i] == '.' && path.p[i - 1] == '.'))
			return false;
	return true;
}

/* Members that stand in the body of some kind of event. */
static size_t body_members(const char **members)
{
	size_t i, n = 0;

	for (i = 0; i < event_members_count && n < KNOWN_NAMES; i++)
		switch (event_members[i].section) {
		case SECTION_EXEC:
		case SECTION_EXIT:
		case SECTION_TCP:
		case SECTION_LOSS:
		case SECTION_NOTICE:
			if (!strpbrk(event_members[i].path, ".[*"))
				members[n++] = event_members[i].path;
			break;
		case SECTION_ENVELOPE:
		case SECTION_PROCESS:
		case SECTION_WEIR:
		case EVENT_SECTIONS:
			break;
		}
	return n;
}

static struct str first_of(struct str path)
{
	const char *dot = memchr(path.p, '.', path.n);

	return dot ? (struct str){ path.p, dot - path.p } : path;
}

static bool is_member(struct str name)
{
	const char *members[KNOWN_NAMES];
	size_t i, n = body_members(members);

	for (i = 0; i < n; i++)
		if (str_equal(name, str_of(members[i])))
			return true;
	return false;
}

static const char *nearest_name(const struct template_rules *rules, struct str name)
{
	const char *known[ARRAY_SIZE(names) + KNOWN_NAMES];
	size_t i, n = 0;

	for (i = TEMPLATE_KIND; i < ARRAY_SIZE(names); i++)
		if (rules->fields & TEMPLATE_BIT(i) && !memchr(name.p, '.', name.n))
			known[n++] = names[i];
	if (rules->fields & TEMPLATE_BIT(TEMPLATE_PATH))
		n += body_members(known + n);
	return config_nearest(first_of(name), known, n);
}

static int refuse_field(const struct template_rules *rules, struct str name, bool is_known,
			struct errmsg *em)
{
	const char *nearest = is_known ? NULL : nearest_name(rules, name);
	int n = name.n < 60 ? (int)name.n : 60;

	if (is_known)
		errmsg_set(em, "%s: {%.*s} can't be in it: it stands for more than one event",
			   rules->what, n, name.p);
	else if (nearest)
		errmsg_set(em, "%s: {%.*s} is no field; did you mean '%s'?", rules->what, n, name.p,
			   nearest);
	else
		errmsg_set(em,
			   "%s: {%.*s} is no field; there are {node}, {output}, {boot}, {date}%s%s",
			   rules->what, n, name.p,
			   rules->fields & TEMPLATE_BIT(TEMPLATE_KIND) ? ", {kind}" : "",
			   rules->fields & TEMPLATE_BIT(TEMPLATE_PATH)
				   ? " and the path of a member of the event's body, as "
				     "{process.exec_id}"
				   : "");
	return -EINVAL;
}

static int add_field(struct template *t, struct str name, struct errmsg *em)
{
	enum template_field field;
	int err;

	for (field = TEMPLATE_KIND; field < ARRAY_SIZE(names); field++)
		if (str_equal(name, str_of(names[field])))
			break;
	if (field == TEMPLATE_PATH && (!is_path(name) || !is_member(first_of(name))))
		return refuse_field(t->rules, name, false, em);
	if (!(t->rules->fields & TEMPLATE_BIT(field)))
		return refuse_field(t->rules, name, true, em);
	err = add_part(t, field, em);
	if (!err)
		extend_part(t, name);
	return err;
}

/* Takes what begins at *at, which is moved behind it. */
static int take_part(struct template *t, const char **at, struct errmsg *em)
{
	const char *p = *at, *end = p + strcspn(p, "{}");

	if (end > p) {
		*at = end;
		return add_text(t, (struct str){ p, end - p }, em);
	}
	if (p[0] == p[1]) {
		*at = p + 2;
		return add_text(t, (struct str){ p, 1 }, em);
	}
	end = strchr(p, '}');
	if (*p == '}' || !end) {
		errmsg_set(em, "%s: a brace without its other half%s", t->rules->what,
			   t->rules->is_name ? "" : "; {{ and }} are braces");
		return -EINVAL;
	}
	*at = end + 1;
	return add_field(t, (struct str){ p + 1, end - p - 1 }, em);
}

static void fill_map(struct template *t)
{
	const struct template_rules *rules = t->rules;
	unsigned int c;

	for (c = 0; c < sizeof(t->map); c++) {
		char becomes = rules->is_lower ? tolower(c) : (int)c;

		if (rules->allowed && !(becomes && strchr(rules->allowed, becomes)))
			becomes = rules->escape == TEMPLATE_PERCENT ? '\0' : rules->replacement;
		t->map[c] = becomes;
	}
}

int template_compile(const char *text, const struct template_rules *rules,
		     struct template **template_r, struct errmsg *em)
{
	/* A byte is escaped by six at most. */
	size_t cap = 6 * strlen(text) + TEMPLATE_MAX_PARTS + 2;
	struct template *t = calloc(1, sizeof(*t) + cap);
	int err = 0;

	*template_r = t;
	errmsg_set(em, "no memory");
	if (!t)
		return -ENOMEM;
	t->rules = rules;
	t->text = buf_fixed(t->bytes, cap);
	fill_map(t);
	while (*text && !err)
		err = take_part(t, &text, em);
	if (err)
		template_free(template_r);
	return err;
}

void template_free(struct template **template)
{
	free(*template);
	*template = NULL;
}

int template_check(const struct config_node *node, const char *text,
		   const struct template_rules *rules, struct errmsg *em)
{
	struct template *template;
	struct errmsg why;
	int err = template_compile(text, rules, &template, &why);

	template_free(&template);
	return err ? config_error(node, em, "%s", why.text) : 0;
}

unsigned int template_fields(const struct template *template)
{
	return template->fields;
}

struct str template_prefix(const struct template *template)
{
	if (template->count == 0 || template->parts[0].field != TEMPLATE_TEXT)
		return STR("");
	return template->parts[0].text;
}

/* --- writing --- */

/* The characters of a value, which are where they are or, if any is escaped, in `scratch`. */
static struct str unescaped(const struct json_value *value, struct buf *scratch)
{
	struct str raw = value->raw;

	if (value->type != JSON_STRING && value->type != JSON_NUMBER && value->type != JSON_BOOL)
		return STR("");
	if (raw.n > RAW_BYTES)
		raw.n = RAW_BYTES;
	if (value->type != JSON_STRING || !memchr(raw.p, '\\', raw.n))
		return raw;
	json_unescape(raw, scratch);
	return buf_str(scratch);
}

static struct str member_of(struct str event, const char *path, struct buf *scratch)
{
	struct json_value whole, body, value;
	struct json_iter members;
	struct str kind;

	if (!json_parse(event, &whole))
		return STR("");
	members = json_iterate(&whole);
	if (!json_next_member(&members, &kind, &body))
		return STR("");
	value = json_get(&body, path);
	return unescaped(&value, scratch);
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
static struct str node_of(struct str event, struct buf *scratch)
{
	const struct str member = STR("},\"node_name\":\"");
	size_t tail = event.n < TAIL_BYTES ? event.n : TAIL_BYTES;
	const char *end = event.p + event.n, *p;
	struct json_value node = { .type = JSON_STRING };
	size_t room;

	p = find_near((struct str){ end - tail, tail }, member);
	if (!p)
		p = memmem(event.p, event.n, member.p, member.n);
	if (!p)
		return STR("");
	node.raw.p = p + member.n;
	room = end - node.raw.p;
	while (node.raw.n < room && node.raw.p[node.raw.n] != '"')
		node.raw.n += node.raw.p[node.raw.n] == '\\' ? 2 : 1;
	return node.raw.n < room ? unescaped(&node, scratch) : STR("");
}

static struct str date_of(uint64_t wall_ns, struct buf *scratch)
{
	time_t seconds = wall_ns / NSEC_PER_SEC;
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		scratch->len = strftime(scratch->p, scratch->cap, "%Y.%m.%d", &tm);
	return buf_str(scratch);
}

static struct str value_of_event(const struct part *part, struct batch *batch, size_t i,
				 struct buf *scratch)
{
	switch (part->field) {
	case TEMPLATE_KIND:
		return str_of(event_kind_name(batch_event_at(batch, i)->kind));
	case TEMPLATE_NODE:
		return node_of(batch_json(batch, i), scratch);
	case TEMPLATE_BOOT:
		return batch_boot_id(batch);
	case TEMPLATE_DATE:
		return date_of(batch_event_at(batch, i)->time_wall_ns, scratch);
	case TEMPLATE_PATH:
		return member_of(batch_json(batch, i), part->text.p, scratch);
	case TEMPLATE_TEXT:
	case TEMPLATE_OUTPUT:
		break;
	}
	return STR("");
}

static struct str value_of(const struct part *part, const struct template_source *source,
			   struct buf *scratch)
{
	if (part->field == TEMPLATE_OUTPUT)
		return source->output;
	if (part->field == TEMPLATE_NODE && source->node.n)
		return source->node;
	if (!source->batch)
		return STR("");
	return value_of_event(part, source->batch, source->i, scratch);
}

static void put_percent(const struct template *t, struct str value, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < value.n; i++) {
		unsigned char c = value.p[i];

		if (t->map[c]) {
			buf_putc(out, t->map[c]);
			continue;
		}
		buf_putc(out, '%');
		buf_putc(out, digits[c >> 4]);
		buf_putc(out, digits[c & 15]);
	}
}

static void put_replaced(const struct template *t, struct str value, struct buf *out)
{
	size_t i;

	if (!buf_reserve(out, value.n))
		return;
	for (i = 0; i < value.n; i++)
		out->p[out->len + i] = t->map[(unsigned char)value.p[i]];
	out->len += value.n;
}

static bool put_value(const struct template *t, struct str value, struct buf *out)
{
	if (value.n > t->rules->max_bytes)
		value.n = t->rules->max_bytes;
	if (value.n == 0) {
		buf_puts(out, str_of(t->rules->absent));
		return t->rules->absent;
	}
	switch (t->rules->escape) {
	case TEMPLATE_REPLACE:
		put_replaced(t, value, out);
		break;
	case TEMPLATE_PERCENT:
		put_percent(t, value, out);
		break;
	case TEMPLATE_JSON:
		json_escaped(out, value);
		break;
	}
	return true;
}

bool template_write(const struct template *template, const struct template_source *source,
		    struct buf *out)
{
	const struct part *part = template->parts, *end = part + template->count;
	char bytes[VALUE_BYTES];

	for (; part < end; part++) {
		struct buf scratch = buf_fixed(bytes, sizeof(bytes));

		if (part->field == TEMPLATE_TEXT)
			buf_puts(out, part->text);
		else if (!put_value(template, value_of(part, source, &scratch), out))
			return false;
	}
	return true;
}
