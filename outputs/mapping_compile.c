/* outputs/mapping_compile.c: from a schema's table and an output's changes to the steps that
 * mapping.c runs: for each case of an event the fields that it has are put into a tree, which is
 * then written down in order. Fields that are the same in every event become text here. */
#include "outputs/mapping_internal.h"

#include "base/json_write.h"
#include "outputs/format_changes.h"

#include <errno.h>
#include <stdlib.h>

#define TEXTS_MAX_BYTES (1u << 20)
#define MAX_PIECES	16u
#define MAX_SUGGESTIONS 256u

/* A field of the target, or an object of fields. */
struct target {
	struct str name;
	struct target *first, *last, *next;
	const struct mapping_row *row;	    /* a field of the table */
	const struct format_change *change; /* one that was added */
};

struct compiler {
	struct mapping *mapping;
	const struct format_changes *changes;
	struct errmsg *em;
	struct program *program;
	struct buf constant; /* fields that are the same in every event, not yet a step */
	struct buf scratch;
	size_t depth;
};

/* Copies that live as long as the mapping. */
static int keep(struct mapping *mapping, struct str s, struct str *kept_r)
{
	struct mapping_text *text = malloc(sizeof(*text) + s.n + 1);

	if (!text)
		return -ENOMEM;
	if (s.n)
		memcpy(text->bytes, s.p, s.n);
	text->next = mapping->texts;
	mapping->texts = text;
	*kept_r = (struct str){ text->bytes, s.n };
	return 0;
}

/* ---- the changes ---- */

static int unknown_field(const struct compiler *c, const struct format_change *change)
{
	const struct schema *schema = c->mapping->schema;
	const char *names[MAX_SUGGESTIONS], *near;
	size_t i, n = schema->count < MAX_SUGGESTIONS ? schema->count : MAX_SUGGESTIONS;

	for (i = 0; i < n; i++)
		names[i] = schema->rows[i].target;
	near = config_nearest(str_of(change->path), names, n);
	if (near)
		return config_error(change->node, c->em,
				    "%s has no field \"%.80s\"; did you mean \"%s\"?", schema->name,
				    change->path, near);
	return config_error(change->node, c->em,
			    "%s has no field \"%.80s\"; docs/outputs/formats.md lists them",
			    schema->name, change->path);
}

static int check_known(const struct compiler *c, const struct format_change *change)
{
	size_t i;

	for (i = 0; i < c->mapping->schema->count; i++)
		if (path_is_below(c->mapping->schema->rows[i].target, change->path))
			return 0;
	return unknown_field(c, change);
}

/* Each part of a name that the user gave. */
static int check_name(const struct compiler *c, const struct config_node *node, const char *path)
{
	const struct mapping_style *style = c->mapping->schema->style;
	const char *p = path;

	for (;;) {
		size_t n = style->is_nested ? strcspn(p, ".") : strlen(p);

		if (!style->is_name((struct str){ p, n }))
			return config_error(node, c->em,
					    "\"%.80s\" can't name a field of %s: use %s", path,
					    c->mapping->schema->name, style->names);
		if (p[n] == '\0')
			return 0;
		p += n + 1;
	}
}

static int check_changes(const struct compiler *c)
{
	size_t i;
	int err = 0;

	for (i = 0; c->changes && i < c->changes->n && !err; i++) {
		const struct format_change *change = &c->changes->v[i];

		if (change->type == CHANGE_ADD)
			err = check_name(c, change->node, change->path);
		else
			err = check_known(c, change);
		if (!err && change->type == CHANGE_RENAME)
			err = check_name(c, change->value_node, change->value);
	}
	return err;
}

static bool is_dropped(const struct compiler *c, const char *target)
{
	size_t i;

	for (i = 0; c->changes && i < c->changes->n; i++)
		if (c->changes->v[i].type == CHANGE_DROP &&
		    path_is_below(target, c->changes->v[i].path))
			return true;
	return false;
}

/* The field's name after the renames, kept as long as the mapping; *change_r: the rename. */
static int final_name(struct compiler *c, const char *target, struct str *name_r,
		      const struct format_change **change_r)
{
	size_t i;

	*change_r = NULL;
	for (i = 0; c->changes && i < c->changes->n; i++) {
		const struct format_change *change = &c->changes->v[i];

		if (change->type != CHANGE_RENAME || !path_is_below(target, change->path))
			continue;
		*change_r = change;
		buf_reset(&c->scratch);
		buf_puts(&c->scratch, str_of(change->value));
		buf_puts(&c->scratch, str_of(target + strlen(change->path)));
		return keep(c->mapping, buf_str(&c->scratch), name_r);
	}
	*name_r = str_of(target);
	return 0;
}

/* ---- the tree of the target's fields ---- */

static void free_targets(struct target *target)
{
	while (target) {
		struct target *next = target->next;

		free_targets(target->first);
		free(target);
		target = next;
	}
}

static struct target *part_of(struct target *parent, struct str name, bool *is_new_r)
{
	struct target *part;

	*is_new_r = false;
	for (part = parent->first; part; part = part->next)
		if (str_equal(part->name, name))
			return part;
	part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	*is_new_r = true;
	part->name = name;
	if (parent->last)
		parent->last->next = part;
	else
		parent->first = part;
	parent->last = part;
	return part;
}

static bool is_field(const struct target *target)
{
	return target->row || target->change;
}

static int twice(const struct compiler *c, const struct format_change *change, struct str path)
{
	const struct config_node *node = change ? change->node : NULL;

	if (change && change->type == CHANGE_RENAME)
		node = change->value_node;
	return config_error(node, c->em, "%s has a field \"%.*s\" already, or one in it, or above",
			    c->mapping->schema->name, STR_FMT(path));
}

/* Finds the place of the field `path`, which must be free. */
static int add_target(struct compiler *c, struct target *root, struct str path,
		      const struct format_change *change, struct target **target_r)
{
	const bool is_nested = c->mapping->schema->style->is_nested;
	struct str rest = path;
	bool is_new;

	for (;;) {
		const char *dot = is_nested ? memchr(rest.p, '.', rest.n) : NULL;
		size_t n = dot ? (size_t)(dot - rest.p) : rest.n;

		root = part_of(root, (struct str){ rest.p, n }, &is_new);
		if (!root)
			return -ENOMEM;
		if (!is_new && (!dot || is_field(root)))
			return twice(c, change, path);
		if (!dot)
			break;
		rest = (struct str){ dot + 1, rest.n - n - 1 };
	}
	*target_r = root;
	return 0;
}

static int add_row(struct compiler *c, struct target *root, const struct mapping_row *row)
{
	const struct format_change *change;
	struct target *target;
	struct str name;
	int err;

	if (is_dropped(c, row->target))
		return 0;
	err = final_name(c, row->target, &name, &change);
	if (!err)
		err = add_target(c, root, name, change, &target);
	if (!err)
		target->row = row;
	return err;
}

static int add_own(struct compiler *c, struct target *root, const struct format_change *change)
{
	struct target *target;
	struct str name;
	int err = keep(c->mapping, str_of(change->path), &name);

	if (!err)
		err = add_target(c, root, name, change, &target);
	if (!err)
		target->change = change;
	return err;
}

static int build_tree(struct compiler *c, enum event_case of, struct target *root)
{
	const struct schema *schema = c->mapping->schema;
	size_t i;
	int err = 0;

	for (i = 0; i < schema->count && !err; i++)
		if (schema->rows[i].cases & 1u << of)
			err = add_row(c, root, &schema->rows[i]);
	for (i = 0; c->changes && i < c->changes->n && !err; i++)
		if (c->changes->v[i].type == CHANGE_ADD)
			err = add_own(c, root, &c->changes->v[i]);
	return err;
}

/* ---- from the tree to steps ---- */

static bool has_member(const char *template)
{
	return strchr(template, '{') != NULL;
}

/* The same in every event? */
static bool is_constant(const struct target *target)
{
	const struct target *part;

	if (target->change)
		return true;
	if (target->row)
		return target->row->conversion == MAP_CONSTANT ||
		       target->row->conversion == MAP_CONSTANT_JSON ||
		       (target->row->conversion == MAP_TEMPLATE && !has_member(target->row->text));
	for (part = target->first; part; part = part->next)
		if (!is_constant(part))
			return false;
	return true;
}

static void put_quote(const struct compiler *c, struct buf *out)
{
	if (c->mapping->schema->style->quote)
		buf_putc(out, c->mapping->schema->style->quote);
}

/* Text as the target writes it between its quotes. */
static void put_escaped(struct compiler *c, struct str text, struct buf *out)
{
	struct buf raw = buf_growable(TEXTS_MAX_BYTES);

	json_escaped(&raw, text);
	c->mapping->schema->style->put(buf_str(&raw), true, out);
	buf_free(&raw);
}

/* The name and what stands between it and the value. */
static void put_name(const struct compiler *c, struct str name, struct buf *out)
{
	put_quote(c, out);
	buf_puts(out, name);
	buf_puts(out, str_of(c->mapping->schema->style->equal));
}

static void put_constant(struct compiler *c, const struct target *target, struct buf *out)
{
	const struct target *part;
	struct str text = target->change ? str_of(target->change->value)
			  : target->row	 ? str_of(target->row->text)
					 : STR("");

	put_name(c, target->name, out);
	if (target->row && target->row->conversion == MAP_CONSTANT_JSON) {
		buf_puts(out, text);
	} else if (is_field(target)) {
		put_quote(c, out);
		put_escaped(c, text, out);
		put_quote(c, out);
	} else {
		buf_putc(out, '{');
		for (part = target->first; part; part = part->next) {
			if (part != target->first)
				buf_putc(out, c->mapping->schema->style->separator);
			put_constant(c, part, out);
		}
		buf_putc(out, '}');
	}
}

/* A step's text begins with the separator, which the first of an object leaves out. */
static void begin_text(struct compiler *c, struct str name)
{
	buf_reset(&c->scratch);
	buf_putc(&c->scratch, c->mapping->schema->style->separator);
	put_name(c, name, &c->scratch);
}

static int add_step(struct compiler *c, struct step step, struct str text)
{
	struct program *program = c->program;
	struct step *grown = reallocarray(program->steps, program->count + 1, sizeof(*grown));

	if (!grown) {
		free(step.pieces);
		return -ENOMEM;
	}
	program->steps = grown;
	grown[program->count++] = step;
	return keep(c->mapping, text, &grown[program->count - 1].text);
}

/* What has come together of constant fields becomes a step. */
static int flush_constant(struct compiler *c)
{
	int err = 0;

	if (!buf_ok(&c->constant))
		return -ENOMEM;
	if (c->constant.len)
		err = add_step(c, (struct step){ .type = STEP_TEXT }, buf_str(&c->constant));
	buf_reset(&c->constant);
	return err;
}

/* Members with a space between. */
static int take_sources(struct compiler *c, const char *sources, struct step *step)
{
	size_t i, n;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(step->fields); i++)
		step->fields[i] = MAPPING_NO_FIELD;
	for (i = 0; sources && *sources && i < ARRAY_SIZE(step->fields) && !err; i++) {
		n = strcspn(sources, " ");
		err = mapping_take_member(c->mapping, (struct str){ sources, n }, &step->fields[i]);
		sources += sources[n] ? n + 1 : n;
	}
	return err;
}

static int add_piece(struct compiler *c, struct step *step, struct str text, struct str member,
		     bool is_optional)
{
	struct template_piece *piece = &step->pieces[step->piece_count];
	int err = 0;

	if (step->piece_count == MAX_PIECES)
		return -E2BIG;
	*piece = (struct template_piece){ .field = MAPPING_NO_FIELD, .is_optional = is_optional };
	step->piece_count++;
	buf_reset(&c->scratch);
	put_escaped(c, text, &c->scratch);
	err = keep(c->mapping, buf_str(&c->scratch), &piece->text);
	if (!err && member.n)
		err = mapping_take_member(c->mapping, member, &piece->field);
	return err;
}

/* "text {member}[ text {member}]": a group holds one member, at its end. */
static int parse_template(struct compiler *c, const char *p, struct step *step)
{
	int err = 0;

	step->pieces = calloc(MAX_PIECES, sizeof(*step->pieces));
	if (!step->pieces)
		return -ENOMEM;
	while (*p && !err) {
		const bool is_optional = *p == '[';
		struct str text = { p + is_optional, strcspn(p + is_optional, "{[") };
		const char *member = text.p + text.n;
		size_t n = *member == '{' ? strcspn(member + 1, "}") : 0;

		err = add_piece(c, step, text, (struct str){ member + 1, n }, is_optional);
		p = n ? member + n + 2 + is_optional : member;
	}
	return err;
}

static int add_value(struct compiler *c, const struct target *target)
{
	const struct mapping_row *row = target->row;
	struct step step = { .type = STEP_VALUE,
			     .conversion = row->conversion,
			     .choices = row->choices,
			     .otherwise = str_of(row->otherwise) };
	int err = take_sources(c, row->source, &step);

	if (!err && row->conversion == MAP_TEMPLATE)
		err = parse_template(c, row->text, &step);
	if (err) {
		free(step.pieces);
		return err;
	}
	begin_text(c, target->name);
	return add_step(c, step, buf_str(&c->scratch));
}

static int write_steps(struct compiler *c, const struct target *parent);

static int write_object(struct compiler *c, const struct target *target)
{
	int err;

	if (++c->depth == MAPPING_MAX_LEVELS)
		return -E2BIG;
	begin_text(c, target->name);
	buf_putc(&c->scratch, '{');
	err = add_step(c, (struct step){ .type = STEP_OPEN }, buf_str(&c->scratch));
	if (!err)
		err = write_steps(c, target);
	if (!err)
		err = add_step(c, (struct step){ .type = STEP_CLOSE }, STR(""));
	c->depth--;
	return err;
}

static int write_steps(struct compiler *c, const struct target *parent)
{
	const struct target *part;
	int err = 0;

	for (part = parent->first; part && !err; part = part->next) {
		if (is_constant(part)) {
			buf_putc(&c->constant, c->mapping->schema->style->separator);
			put_constant(c, part, &c->constant);
			continue;
		}
		err = flush_constant(c);
		if (!err)
			err = part->row ? add_value(c, part) : write_object(c, part);
	}
	return err ?: flush_constant(c);
}

static int compile_case(struct compiler *c, enum event_case of)
{
	const struct schema *schema = c->mapping->schema;
	struct target root = { 0 };
	int err;

	c->program = &c->mapping->programs[of];
	c->depth = 0;
	err = build_tree(c, of, &root);
	if (!err)
		err = write_steps(c, &root);
	free_targets(root.first);
	if (!err && schema->header) {
		buf_reset(&c->scratch);
		schema->header(of, &c->scratch);
		err = keep(c->mapping, buf_str(&c->scratch), &c->program->header);
	}
	return err;
}

int mapping_compile(struct mapping *mapping, const struct format_changes *changes,
		    struct errmsg *em)
{
	struct compiler c = { .mapping = mapping,
			      .changes = changes,
			      .em = em,
			      .constant = buf_growable(TEXTS_MAX_BYTES),
			      .scratch = buf_growable(TEXTS_MAX_BYTES) };
	enum event_case of;
	int err = mapping_enter_members(mapping);

	if (!err)
		err = check_changes(&c);
	for (of = 0; of < EVENT_CASES && !err; of++)
		err = compile_case(&c, of);
	buf_free(&c.constant);
	buf_free(&c.scratch);
	return err;
}
