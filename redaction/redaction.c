#include "redaction/redaction.h"

#include "base/secret.h"
#include "redaction/preset.h"
#include "redaction/rule.h"

#include <errno.h>
#include <stdlib.h>

#define MASK	       STR("*****") /* for what could not be evaluated */
#define LINE_MAX_BYTES (4u << 20)

/* ---- life ---- */

static int add_rules(struct redaction *redaction, const struct redaction_rule_settings *rules,
		     size_t count, struct errmsg *em)
{
	int rc = 0;

	for (size_t i = 0; i < count && !rc; i++)
		rc = rule_add(redaction, &rules[i], em);
	return rc;
}

static unsigned int most_groups(const struct redaction *redaction)
{
	unsigned int most = 0;

	for (size_t i = 0; i < redaction->rules_count; i++) {
		unsigned int groups = pattern_groups(redaction->rules[i].pattern);

		if (groups > most)
			most = groups;
	}
	return most;
}

static struct redaction *allocate(size_t rules)
{
	struct redaction *redaction = calloc(1, sizeof(*redaction));

	if (!redaction)
		return NULL;
	redaction->refs = 1;
	redaction->line = buf_growable(LINE_MAX_BYTES);
	redaction->rules = calloc(rules + 1, sizeof(struct rule));
	if (!redaction->rules) {
		free(redaction);
		return NULL;
	}
	return redaction;
}

int redaction_create(const struct redaction_settings *settings, struct redaction **redaction_r,
		     struct errmsg *em)
{
	size_t presets_count = 0, count = settings->rules_count;
	const struct redaction_rule_settings *presets = NULL;
	struct redaction *redaction;
	int rc;

	if (settings->credential_presets)
		presets = redaction_presets(&presets_count);
	if (count + presets_count > PREFILTER_RULES) {
		errmsg_set(em, "%zu redaction patterns; %zu are the most", count,
			   PREFILTER_RULES - presets_count);
		return -E2BIG;
	}
	redaction = allocate(count + presets_count);
	if (!redaction) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	rc = add_rules(redaction, settings->rules, count, em);
	if (!rc)
		rc = add_rules(redaction, presets, presets_count, em);
	if (!rc) {
		redaction->matcher = matcher_create(most_groups(redaction), settings->match_limit);
		if (!redaction->matcher) {
			errmsg_set(em, "out of memory");
			rc = -ENOMEM;
		}
	}
	if (rc)
		redaction_unref(&redaction);
	else
		*redaction_r = redaction;
	return rc;
}

int redaction_check(const struct redaction_rule_settings *rule, struct errmsg *em)
{
	struct redaction_settings settings = { .rules = rule, .rules_count = 1 };
	struct redaction *redaction = NULL;
	int rc = redaction_create(&settings, &redaction, em);

	redaction_unref(&redaction);
	return rc;
}

void redaction_ref(struct redaction *redaction)
{
	redaction->refs++;
}

void redaction_unref(struct redaction **redaction)
{
	struct redaction *it = *redaction;

	*redaction = NULL;
	if (!it || --it->refs)
		return;
	for (size_t i = 0; i < it->rules_count; i++)
		rule_free(&it->rules[i]);
	free(it->rules);
	prefilter_free(&it->by_text);
	prefilter_free(&it->by_binary);
	matcher_free(&it->matcher);
	span_list_free(&it->spans);
	buf_free(&it->line);
	free(it);
}

const char *redaction_rule_id(const struct redaction *redaction, unsigned int i)
{
	return i < redaction->rules_count ? redaction->rules[i].id : NULL;
}

/* ---- fields ---- */

/* What was written behind `start`; nothing at all when it did not fit. */
static struct redacted finish(const struct buf *out, size_t start,
			      struct redaction_outcome *outcome)
{
	if (!buf_ok(out)) {
		outcome->failed++;
		return (struct redacted){ { "", 0 } };
	}
	return (struct redacted){ { out->p + start, out->len - start } };
}

static struct redacted copy(struct str text, struct buf *out, struct redaction_outcome *outcome)
{
	size_t start = out->len;

	buf_puts(out, text);
	return finish(out, start, outcome);
}

static void begin_field(struct redaction *redaction)
{
	redaction->spans.n = 0;
	matcher_begin(redaction->matcher);
}

/* One element of a list: [begin, end) without its NUL. */
struct element {
	size_t begin, end;
};

/* False: there is none at or behind `at`. */
static bool element_at(struct str list, size_t at, struct element *element_r)
{
	const char *nul;

	if (at >= list.n)
		return false;
	nul = memchr(list.p + at, 0, list.n - at);
	*element_r = (struct element){ at, nul ? (size_t)(nul - list.p) : list.n };
	return true;
}

static struct str element_text(struct str list, struct element element)
{
	return (struct str){ list.p + element.begin, element.end - element.begin };
}

/* Whether any of the span is to be seen in the stretch. A span with bytes that only touches it is
 * not; an inserted one that touches is, and so is any that touches an empty element. */
static bool is_span_in(const struct span *span, struct element stretch)
{
	if (span->begin > stretch.end || span->end < stretch.begin)
		return false;
	if (span->begin == span->end || stretch.begin == stretch.end)
		return true;
	return span->begin < stretch.end && span->end > stretch.begin;
}

/* Writes field[stretch] with the spans replaced. *next is the first span that may still matter;
 * it is moved on, and stays at a span that reaches into what follows. */
static void write_stretch(const struct redaction *redaction, struct str field,
			  struct element stretch, size_t *next, struct buf *out,
			  struct redaction_outcome *outcome)
{
	const struct span_list *spans = &redaction->spans;
	size_t at = stretch.begin;

	for (; *next < spans->n; (*next)++) {
		const struct span *span = &spans->v[*next];

		if (span->begin > stretch.end)
			break;
		if (is_span_in(span, stretch)) {
			if (span->begin > at)
				buf_put(out, field.p + at, span->begin - at);
			buf_puts(out, str_of(redaction->rules[span->rule].replacement));
			outcome->replaced++;
			at = span->end < stretch.end ? span->end : stretch.end;
		}
		if (span->end > stretch.end)
			break;
	}
	if (at < stretch.end)
		buf_put(out, field.p + at, stretch.end - at);
}

static struct redacted mask_elements(struct str list, struct buf *out, size_t start,
				     struct redaction_outcome *outcome)
{
	struct element element;

	for (size_t at = 0; element_at(list, at, &element); at = element.end + 1) {
		buf_puts(out, MASK);
		buf_putc(out, 0);
	}
	outcome->failed++;
	return finish(out, start, outcome);
}

/* ---- arguments ---- */

static bool join_line(struct redaction *redaction, struct str list, struct str *line_r)
{
	struct buf *line = &redaction->line;

	if (list.p[list.n - 1] == 0)
		list.n--;
	buf_reset(line);
	buf_puts(line, list);
	if (!buf_ok(line))
		return false;
	for (size_t i = 0; i < line->len; i++)
		line->p[i] = line->p[i] ? line->p[i] : ' ';
	*line_r = buf_str(line);
	return true;
}

static bool find_in_elements(struct redaction *redaction, struct str list,
			     const struct rule_bits *applicable, struct redaction_outcome *outcome)
{
	struct element element;

	for (size_t at = 0; element_at(list, at, &element); at = element.end + 1) {
		struct str text = element_text(list, element);
		struct rule_bits bits = rules_for_part(redaction, applicable, text);

		if (!rules_find(redaction, &bits, list, text, element.begin, outcome))
			return false;
	}
	return true;
}

/* The joined line has each byte where the list has it, so offsets mean the same in both. */
static bool find_in_arguments(struct redaction *redaction, struct str list,
			      const struct rule_bits *applicable, struct redaction_outcome *outcome)
{
	struct str line;
	bool found = join_line(redaction, list, &line) &&
		     rules_find(redaction, applicable, list, line, 0, outcome) &&
		     find_in_elements(redaction, list, applicable, outcome);

	if (redaction->line.len)
		secret_wipe(redaction->line.p, redaction->line.len);
	return found;
}

struct redacted redaction_arguments(struct redaction *redaction, struct str binary, struct str list,
				    struct buf *out, struct redaction_outcome *outcome)
{
	size_t start = out->len, next = 0;
	struct element element;
	struct rule_bits bits;

	if (!rules_could_match(redaction, binary, list, &bits))
		return copy(list, out, outcome);
	begin_field(redaction);
	rules_keep_applicable(redaction, binary, &bits);
	if (list.n && !find_in_arguments(redaction, list, &bits, outcome))
		return mask_elements(list, out, start, outcome);
	if (redaction->spans.n == 0)
		return copy(list, out, outcome);
	span_list_settle(&redaction->spans);
	for (size_t at = 0; element_at(list, at, &element); at = element.end + 1) {
		write_stretch(redaction, list, element, &next, out, outcome);
		buf_putc(out, 0);
	}
	return finish(out, start, outcome);
}

/* ---- environment ---- */

/* The key and its '=' are not in the value; an element without '=' is all value. */
static struct element value_of(struct str list, struct element element)
{
	const char *equals = memchr(list.p + element.begin, '=', element.end - element.begin);

	if (equals)
		element.begin = (size_t)(equals - list.p) + 1;
	return element;
}

static void write_variable(struct redaction *redaction, struct str list, struct element element,
			   const struct rule_bits *applicable, struct buf *out,
			   struct redaction_outcome *outcome)
{
	struct element value = value_of(list, element);
	struct str text = element_text(list, element);
	size_t next = 0;

	redaction->spans.n = 0;
	buf_put(out, text.p, value.begin - element.begin);
	if (rules_find(redaction, applicable, list, text, element.begin, outcome)) {
		span_list_settle(&redaction->spans);
		write_stretch(redaction, list, value, &next, out, outcome);
	} else {
		buf_puts(out, MASK);
		outcome->failed++;
	}
	buf_putc(out, 0);
}

struct redacted redaction_environment(struct redaction *redaction, struct str binary,
				      struct str list, struct buf *out,
				      struct redaction_outcome *outcome)
{
	size_t start = out->len;
	struct element element;
	struct rule_bits bits;

	if (!rules_could_match(redaction, binary, list, &bits))
		return copy(list, out, outcome);
	matcher_begin(redaction->matcher);
	rules_keep_applicable(redaction, binary, &bits);
	for (size_t at = 0; element_at(list, at, &element); at = element.end + 1)
		write_variable(redaction, list, element, &bits, out, outcome);
	return finish(out, start, outcome);
}

/* ---- text ---- */

struct redacted redaction_text(struct redaction *redaction, struct str binary, struct str text,
			       struct buf *out, struct redaction_outcome *outcome)
{
	size_t start = out->len, next = 0;
	struct rule_bits bits;

	if (!rules_could_match(redaction, binary, text, &bits))
		return copy(text, out, outcome);
	begin_field(redaction);
	rules_keep_applicable(redaction, binary, &bits);
	if (!rules_find(redaction, &bits, text, text, 0, outcome)) {
		outcome->failed++;
		buf_puts(out, MASK);
		return finish(out, start, outcome);
	}
	span_list_settle(&redaction->spans);
	write_stretch(redaction, text, (struct element){ 0, text.n }, &next, out, outcome);
	return finish(out, start, outcome);
}

struct redacted redaction_exempt(struct str text, struct buf *out)
{
	struct redaction_outcome ignored = { 0 };

	return copy(text, out, &ignored);
}
