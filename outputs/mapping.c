#include "outputs/mapping.h"

#include "outputs/mapping_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

bool mapping_is_json_name(struct str part)
{
	size_t i;

	for (i = 0; i < part.n; i++)
		if ((unsigned char)part.p[i] <= ' ' || (unsigned char)part.p[i] >= 0x7f ||
		    part.p[i] == '"' || part.p[i] == '\\')
			return false;
	return part.n > 0;
}

void mapping_put_json(struct str raw, bool is_escaped, struct buf *out)
{
	buf_puts(out, raw);
}

const struct mapping_style mapping_json_nested = {
	.quote = '"',
	.separator = ',',
	.equal = "\":",
	.is_nested = true,
	.put = mapping_put_json,
	.is_name = mapping_is_json_name,
	.names = "visible ASCII characters but '\"' and '\\'",
};

/* The first eight bytes of a name, zeros behind it. There is more text behind a name than itself,
 * but for the last ones. */
static uint64_t begin_of(struct str name, const char *end)
{
	uint64_t begin = 0;

	if (end - name.p < 8) {
		memcpy(&begin, name.p, name.n);
		return begin;
	}
	memcpy(&begin, name.p, 8);
	return name.n < 8 ? le64toh(begin) & ((1ull << 8 * name.n) - 1) : le64toh(begin);
}

static bool is_child(const struct field_node *child, struct str name, uint64_t begin)
{
	return child->name_bytes == name.n && child->begin == begin &&
	       (name.n <= 8 || memcmp(child->name + 8, name.p + 8, name.n - 8) == 0);
}

/* The encoder writes members in the order in which the tree has them, so the search goes on behind
 * the last one found. */
static const struct field_node *find_child(const struct field_node *node, struct str name,
					   const char *end, size_t *next)
{
	const uint64_t begin = begin_of(name, end);
	size_t i;

	for (i = *next; i < node->count; i++)
		if (is_child(&node->children[i], name, begin))
			goto found;
	for (i = 0; i < *next; i++)
		if (is_child(&node->children[i], name, begin))
			goto found;
	return NULL;
found:
	*next = i + 1;
	return &node->children[i];
}

/* Reads the object at p and keeps what the node's tree names. Returns what is behind it. */
static const char *scan_object(struct mapping_run *run, const struct field_node *node,
			       const char *p, const char *end)
{
	struct json_token name, ignored;
	bool closed, is_first = true;
	size_t next = 0;

	if (p >= end || *p != '{')
		return NULL;
	for (p++;; is_first = false) {
		const struct field_node *child;

		p = json_token_next(p, end, '}', is_first, &closed);
		if (!p || closed)
			return p;
		p = json_token_name(p, end, &name);
		if (!p)
			return NULL;
		child = find_child(node, name.raw, end, &next);
		if (child && child->count && p < end && *p == '{')
			p = scan_object(run, child, p, end);
		else if (child && child->field != MAPPING_NO_FIELD)
			p = json_token_read(p, end, &run->values[child->field]);
		else
			p = json_token_read(p, end, &ignored);
		if (!p)
			return NULL;
	}
}

/* The members beside the event, and the event itself under the name of its kind. */
static bool scan_record(struct mapping_run *run, const struct mapping *mapping)
{
	struct str kind = str_of(event_kind_name(run->record->kind));
	const char *p = run->record->json.p, *end = p + run->record->json.n;
	const struct field_node *beside;
	struct json_token name, ignored;
	bool closed, has_event = false, is_first = true;
	size_t next = 0;

	if (p == end || *p != '{')
		return false;
	for (p++;; is_first = false) {
		p = json_token_next(p, end, '}', is_first, &closed);
		if (!p || closed)
			return p == end && has_event;
		p = json_token_name(p, end, &name);
		if (!p)
			return false;
		beside = find_child(&mapping->beside, name.raw, end, &next);
		if (!has_event && str_equal(name.raw, kind)) {
			p = scan_object(run, &mapping->event, p, end);
			has_event = true;
		} else if (beside && beside->count) {
			p = scan_object(run, beside, p, end);
		} else {
			p = json_token_read(p, end,
					    beside && beside->field != MAPPING_NO_FIELD
						    ? &run->values[beside->field]
						    : &ignored);
		}
		if (!p)
			return false;
	}
}

static bool has_value(const struct mapping_run *run, int field, struct str value)
{
	return run->values[field].type == JSON_STRING && str_equal(run->values[field].raw, value);
}

static enum event_case connect_case(const struct mapping *mapping, const struct mapping_run *run)
{
	if (run->values[mapping->error].type == JSON_NONE)
		return CASE_CONNECT;
	return has_value(run, mapping->error, STR("ECONNREFUSED")) ? CASE_REFUSED : CASE_FAILED;
}

static enum event_case close_case(const struct mapping *mapping, const struct mapping_run *run)
{
	if (has_value(run, mapping->role, STR("server")))
		return CASE_CLOSE_SERVER;
	if (has_value(run, mapping->role, STR("listener")))
		return CASE_CLOSE_LISTENER;
	return CASE_CLOSE_CLIENT;
}

/* EVENT_CASES: a kind that no table knows. */
static enum event_case case_of(const struct mapping *mapping, const struct mapping_run *run)
{
	switch (run->record->kind) {
	case KIND_PROCESS_EXEC:
		return CASE_EXEC;
	case KIND_PROCESS_EXIT:
		return run->values[mapping->signal].type == JSON_NONE ? CASE_EXIT : CASE_KILLED;
	case KIND_PROCESS_CONNECT:
		return connect_case(mapping, run);
	case KIND_PROCESS_ACCEPT:
		return CASE_ACCEPT;
	case KIND_PROCESS_LISTEN:
		return CASE_LISTEN;
	case KIND_PROCESS_CLOSE:
		return close_case(mapping, run);
	case KIND_WEIR_LOSS:
		return CASE_LOSS;
	case KIND_WEIR_START:
		return CASE_START;
	case KIND_WEIR_STOP:
		return CASE_STOP;
	case KIND_WEIR_CONFIG:
		return run->values[mapping->refused].type == JSON_NONE ? CASE_CONFIG
								       : CASE_CONFIG_REFUSED;
	case KIND_NONE:
	case EVENT_KINDS:
		break;
	}
	return EVENT_CASES;
}

/* Every step's text begins with the separator. */
static void begin_field(struct mapping_run *run, struct str text)
{
	buf_put(run->out, text.p + run->is_first, text.n - run->is_first);
	run->is_first = false;
}

static void take_back(struct mapping_run *run, size_t len, bool was_first)
{
	run->out->len = len;
	run->is_first = was_first;
}

static void write_value(struct mapping_run *run, const struct step *step)
{
	size_t len = run->out->len;
	bool was_first = run->is_first;

	begin_field(run, step->text);
	if (mapping_writers[step->conversion](run, step)) {
		run->written++;
	} else if (step->otherwise.n) {
		buf_puts(run->out, step->otherwise);
		run->written++;
	} else {
		take_back(run, len, was_first);
	}
}

static bool is_absent(const struct mapping_run *run, const struct step *step)
{
	return step->fields[0] != MAPPING_NO_FIELD && step->conversion < MAP_ARGUMENTS &&
	       run->values[step->fields[0]].type == JSON_NONE && !step->otherwise.n;
}

static void run_program(struct mapping_run *run, const struct program *program)
{
	struct {
		size_t len;
		unsigned int written;
		bool was_first;
	} levels[MAPPING_MAX_LEVELS];
	size_t i, depth = 0;

	for (i = 0; i < program->count; i++) {
		const struct step *step = &program->steps[i];

		switch (step->type) {
		case STEP_OPEN:
			levels[depth].len = run->out->len;
			levels[depth].written = run->written;
			levels[depth++].was_first = run->is_first;
			begin_field(run, step->text);
			run->is_first = true;
			break;
		case STEP_CLOSE:
			depth--;
			if (run->written == levels[depth].written) {
				take_back(run, levels[depth].len, levels[depth].was_first);
				break;
			}
			buf_putc(run->out, '}');
			run->is_first = false;
			break;
		case STEP_TEXT:
			begin_field(run, step->text);
			break;
		case STEP_VALUE:
			if (!is_absent(run, step))
				write_value(run, step);
			break;
		}
	}
}

int mapping_write(const struct mapping *mapping, const struct journal_record *record,
		  struct buf *out)
{
	const struct mapping_style *style = mapping->schema->style;
	struct mapping_run run;
	enum event_case of;

	if (record->kind <= KIND_NONE || record->kind >= EVENT_KINDS)
		return -EINVAL;
	run.style = style;
	run.record = record;
	run.out = out;
	run.is_first = true;
	run.is_malformed = false;
	run.written = 0;
	memset(run.values, 0, mapping->field_count * sizeof(run.values[0]));
	if (!scan_record(&run, mapping))
		return -EINVAL;
	of = case_of(mapping, &run);
	if (of == EVENT_CASES)
		return -EINVAL;
	buf_puts(out, mapping->programs[of].header);
	if (style->quote)
		buf_putc(out, '{');
	run_program(&run, &mapping->programs[of]);
	if (style->quote)
		buf_putc(out, '}');
	return run.is_malformed ? -EINVAL : 0;
}

int mapping_open(const struct schema *schema, const struct format_changes *changes,
		 struct mapping **mapping_r, struct errmsg *em)
{
	struct mapping *mapping = calloc(1, sizeof(*mapping));
	int err;

	if (!mapping)
		return -ENOMEM;
	mapping->schema = schema;
	err = mapping_compile(mapping, changes, em);
	if (err)
		mapping_close(&mapping);
	else
		*mapping_r = mapping;
	return err;
}

static void free_children(struct field_node *node)
{
	size_t i;

	for (i = 0; i < node->count; i++) {
		free_children(&node->children[i]);
		free(node->children[i].name);
	}
	free(node->children);
}

static void free_program(struct program *program)
{
	size_t i;

	for (i = 0; i < program->count; i++)
		free(program->steps[i].pieces);
	free(program->steps);
}

void mapping_close(struct mapping **mapping)
{
	struct mapping *m = *mapping;
	size_t i;

	*mapping = NULL;
	if (!m)
		return;
	free_children(&m->event);
	free_children(&m->beside);
	for (i = 0; i < EVENT_CASES; i++)
		free_program(&m->programs[i]);
	while (m->texts) {
		struct mapping_text *next = m->texts->next;

		free(m->texts);
		m->texts = next;
	}
	free(m);
}
