/* outputs/mapping_values.c: the conversions of outputs/mapping.h, one function each. Text of the
 * event stays escaped as JSON has it; the target's style writes it (mapping_style.put). */
#include "outputs/mapping_internal.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "outputs/event_id.h"

#define NS_PER_MS NSEC_PER_MSEC

static const struct json_token *value_of(const struct mapping_run *run, const struct step *step)
{
	return &run->values[step->fields[0]];
}

static bool is_there(const struct json_token *value)
{
	return value->type != JSON_NONE && value->type != JSON_NULL;
}

/* The type is another than that of every event: this record is not of our encoder. */
static bool malformed(struct mapping_run *run)
{
	run->is_malformed = true;
	return false;
}

static void put_quote(struct mapping_run *run)
{
	if (run->style->quote)
		buf_putc(run->out, run->style->quote);
}

static void put_text(struct mapping_run *run, struct str raw, bool is_escaped)
{
	char *at;

	if (run->style->put != mapping_put_json) {
		put_quote(run);
		run->style->put(raw, is_escaped, run->out);
		put_quote(run);
		return;
	}
	if (!buf_reserve(run->out, raw.n + 2))
		return;
	at = run->out->p + run->out->len;
	at[0] = '"';
	memcpy(at + 1, raw.p, raw.n);
	at[raw.n + 1] = '"';
	run->out->len += raw.n + 2;
}

static bool write_value(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);

	switch (value->type) {
	case JSON_STRING:
		if (value->raw.n == 0)
			return false;
		put_text(run, value->raw, value->is_escaped);
		return true;
	case JSON_NUMBER:
	case JSON_BOOL:
		buf_puts(run->out, value->raw);
		return true;
	case JSON_NONE:
	case JSON_NULL:
		return false;
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
	return malformed(run);
}

/* Decimal digits that are a number of JSON, too. */
static bool read_u64(const struct json_token *value, uint64_t *v_r)
{
	const struct json_value digits = { value->type, value->raw };

	return json_u64(&digits, v_r) && (value->raw.p[0] != '0' || value->raw.n == 1);
}

static bool write_number(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);
	uint64_t v;

	if (!is_there(value))
		return false;
	if (!read_u64(value, &v))
		return malformed(run);
	buf_puts(run->out, value->raw);
	return true;
}

static bool write_text(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);

	if (value->type != JSON_NUMBER)
		return write_value(run, step);
	put_text(run, value->raw, false);
	return true;
}

static bool write_ns_to_ms(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);
	uint64_t v;

	if (!is_there(value))
		return false;
	if (!read_u64(value, &v))
		return malformed(run);
	buf_u64(run->out, v / NS_PER_MS);
	return true;
}

/* n digits at p; false: they are not. */
static bool read_digits(const char *p, size_t n, uint64_t *v_r)
{
	size_t i;

	*v_r = 0;
	for (i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		*v_r = *v_r * 10 + (uint64_t)(p[i] - '0');
	}
	return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; the year begins in March, so that a leap day is
 * its last. */
static uint64_t days_since_1970(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = month <= 2 ? year - 1 : year, era = y / 400, in_era = y % 400;
	uint64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

/* Of a fraction's digits the first three. */
static uint64_t read_milliseconds(struct str digits)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < 3; i++)
		v = v * 10 + (i < digits.n && digits.p[i] >= '0' && digits.p[i] <= '9'
				      ? (uint64_t)(digits.p[i] - '0')
				      : 0);
	return v;
}

/* RFC 3339 in UTC as json_time() writes it, between the years 1970 and 9999. */
static bool read_time(struct str s, uint64_t *ms_r)
{
	uint64_t year, month, day, hour, minute, second;

	if (s.n < 20 || s.p[s.n - 1] != 'Z' || !read_digits(s.p, 4, &year) ||
	    !read_digits(s.p + 5, 2, &month) || !read_digits(s.p + 8, 2, &day) ||
	    !read_digits(s.p + 11, 2, &hour) || !read_digits(s.p + 14, 2, &minute) ||
	    !read_digits(s.p + 17, 2, &second) || year < 1970 || month < 1 || month > 12)
		return false;
	*ms_r = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	*ms_r *= 1000;
	if (s.n > 21)
		*ms_r += read_milliseconds((struct str){ s.p + 20, s.n - 21 });
	return true;
}

static bool write_milliseconds(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);
	uint64_t ms;

	if (!is_there(value))
		return false;
	if (value->type != JSON_STRING || !read_time(value->raw, &ms))
		return malformed(run);
	buf_u64(run->out, ms);
	return true;
}

static bool write_last_part(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);
	struct str raw = value->raw;
	const char *slash;

	if (!is_there(value))
		return false;
	if (value->type != JSON_STRING)
		return malformed(run);
	slash = raw.n ? memrchr(raw.p, '/', raw.n) : NULL;
	if (slash && slash + 1 < raw.p + raw.n)
		raw = (struct str){ slash + 1, (size_t)(raw.p + raw.n - slash - 1) };
	if (raw.n == 0)
		return false;
	put_text(run, raw, value->is_escaped);
	return true;
}

static bool write_address(struct mapping_run *run, const struct step *step, bool is_ipv6)
{
	const struct json_token *value = value_of(run, step);
	struct str raw = value->raw;

	if (!is_there(value))
		return false;
	if (value->type != JSON_STRING)
		return malformed(run);
	if (raw.n == 0 || (memchr(raw.p, ':', raw.n) != NULL) != is_ipv6)
		return false;
	put_text(run, raw, value->is_escaped);
	return true;
}

static bool write_ipv4(struct mapping_run *run, const struct step *step)
{
	return write_address(run, step, false);
}

static bool write_ipv6(struct mapping_run *run, const struct step *step)
{
	return write_address(run, step, true);
}

static bool write_json(struct mapping_run *run, const struct step *step)
{
	if (!is_there(value_of(run, step)))
		return false;
	buf_puts(run->out, value_of(run, step)->raw);
	return true;
}

/* A list: in JSON as one, else its elements with commas between. */
static void begin_list(struct mapping_run *run)
{
	if (run->style->quote)
		buf_putc(run->out, '[');
}

static bool end_list(struct mapping_run *run, size_t count)
{
	if (run->style->quote)
		buf_putc(run->out, ']');
	return count > 0;
}

static void put_comma(struct mapping_run *run, size_t count)
{
	if (count)
		buf_putc(run->out, ',');
}

/* Walks a list's elements; p is NULL at first. False: no more. The list is well-formed. */
static bool next_element(const struct json_token *list, const char **p,
			 struct json_token *element_r)
{
	const char *end = list->raw.p + list->raw.n;
	bool closed, is_first = *p == NULL;

	*p = json_token_next(is_first ? list->raw.p + 1 : *p, end, ']', is_first, &closed);
	if (!*p || closed)
		return false;
	*p = json_token_read(*p, end, element_r);
	return *p != NULL;
}

static bool put_strings(struct mapping_run *run, const struct json_token *list, struct str before,
			size_t *count)
{
	struct json_token element;
	const char *p = NULL;

	while (next_element(list, &p, &element)) {
		if (element.type != JSON_STRING)
			return malformed(run);
		put_comma(run, (*count)++);
		put_quote(run);
		if (before.n && !str_starts_with(element.raw, before))
			buf_puts(run->out, before);
		run->style->put(element.raw, element.is_escaped, run->out);
		put_quote(run);
	}
	return true;
}

static bool write_strings(struct mapping_run *run, const struct step *step, struct str before)
{
	const struct json_token *value = value_of(run, step);
	size_t count = 0;

	if (!is_there(value))
		return false;
	if (value->type != JSON_ARRAY)
		return malformed(run);
	begin_list(run);
	return put_strings(run, value, before, &count) && end_list(run, count);
}

static bool write_list(struct mapping_run *run, const struct step *step)
{
	return write_strings(run, step, STR(""));
}

static bool write_capabilities(struct mapping_run *run, const struct step *step)
{
	return write_strings(run, step, STR("CAP_"));
}

/* Where the quoted argument at s (behind its quote) ends: a quote before a space or the end. */
static size_t quoted_length(struct str s)
{
	size_t i;

	for (i = 0; i + 1 < s.n; i++)
		if (s.p[i] == '\\' && s.p[i + 1] == '"' && (i + 2 == s.n || s.p[i + 2] == ' '))
			return i;
		else if (s.p[i] == '\\')
			i++;
	return s.n;
}

/* Takes the first argument off `arguments` as Tetragon joins them: with a space between, in quotes
 * when there is a space in it. */
static struct str take_argument(struct str *rest)
{
	const bool is_quoted = str_starts_with(*rest, STR("\\\""));
	const char *space;
	struct str argument = *rest;
	size_t used;

	if (is_quoted) {
		argument = (struct str){ rest->p + 2, rest->n - 2 };
		argument.n = quoted_length(argument);
		used = 2 + argument.n + 2 + 1;
	} else {
		space = memchr(rest->p, ' ', rest->n);
		argument.n = space ? (size_t)(space - rest->p) : rest->n;
		used = argument.n + 1;
	}
	used = used < rest->n ? used : rest->n;
	*rest = (struct str){ rest->p + used, rest->n - used };
	return argument;
}

static bool write_arguments(struct mapping_run *run, const struct step *step)
{
	static const struct json_token none;
	const struct json_token *exact =
		step->fields[2] == MAPPING_NO_FIELD ? &none : &run->values[step->fields[2]];
	const struct json_token *joined = &run->values[step->fields[1]];
	size_t count = 0;
	struct str rest;

	begin_list(run);
	if (exact->type == JSON_ARRAY)
		return put_strings(run, exact, STR(""), &count) && end_list(run, count);
	if (value_of(run, step)->type != JSON_STRING)
		return is_there(value_of(run, step)) ? malformed(run) : false;
	put_text(run, value_of(run, step)->raw, value_of(run, step)->is_escaped);
	rest = joined->type == JSON_STRING ? joined->raw : STR("");
	while (rest.n) {
		buf_putc(run->out, ',');
		put_text(run, take_argument(&rest), joined->is_escaped);
	}
	return end_list(run, 1);
}

/* The two members of an environment variable. */
static bool read_variable(const struct json_token *element, struct json_token *name_r,
			  struct json_token *value_r)
{
	const char *p = element->raw.p + 1, *end = element->raw.p + element->raw.n;
	struct json_token name, value;
	bool closed, is_first = true;

	*name_r = *value_r = (struct json_token){ .type = JSON_STRING, .raw = STR("") };
	if (element->type != JSON_OBJECT)
		return false;
	for (;; is_first = false) {
		p = json_token_next(p, end, '}', is_first, &closed);
		if (!p || closed)
			return name_r->type == JSON_STRING && value_r->type == JSON_STRING;
		p = json_token_name(p, end, &name);
		p = p ? json_token_read(p, end, &value) : NULL;
		if (!p)
			return false;
		if (str_equal(name.raw, STR("Key")))
			*name_r = value;
		else if (str_equal(name.raw, STR("Value")))
			*value_r = value;
	}
}

static void put_pair(struct mapping_run *run, const struct json_token *name,
		     const struct json_token *value)
{
	put_quote(run);
	run->style->put(name->raw, name->is_escaped, run->out);
	run->style->put(STR("="), false, run->out);
	run->style->put(value->raw, value->is_escaped, run->out);
	put_quote(run);
}

static void put_variable(struct mapping_run *run, const struct json_token *name,
			 const struct json_token *value)
{
	buf_lit(run->out, "{\"name\":");
	put_text(run, name->raw, name->is_escaped);
	buf_lit(run->out, ",\"value\":");
	put_text(run, value->raw, value->is_escaped);
	buf_putc(run->out, '}');
}

static bool write_variables(struct mapping_run *run, const struct step *step,
			    void (*put)(struct mapping_run *run, const struct json_token *name,
					const struct json_token *value))
{
	const struct json_token *list = value_of(run, step);
	struct json_token element, name, value;
	const char *p = NULL;
	size_t count = 0;

	if (!is_there(list))
		return false;
	if (list->type != JSON_ARRAY)
		return malformed(run);
	begin_list(run);
	while (next_element(list, &p, &element)) {
		if (!read_variable(&element, &name, &value))
			return malformed(run);
		put_comma(run, count++);
		put(run, &name, &value);
	}
	return end_list(run, count);
}

static bool write_environment(struct mapping_run *run, const struct step *step)
{
	return write_variables(run, step, put_pair);
}

static bool write_variable_objects(struct mapping_run *run, const struct step *step)
{
	return write_variables(run, step, put_variable);
}

static bool write_choice(struct mapping_run *run, const struct step *step)
{
	const struct json_token *value = value_of(run, step);
	const struct mapping_choice *choice = step->choices;
	struct str is = value->type == JSON_STRING ? value->raw : STR("");

	while (choice->value && !str_equal(is, str_of(choice->value)))
		choice++;
	if (!choice->result)
		return false;
	buf_puts(run->out, str_of(choice->result));
	return true;
}

static bool write_id(struct mapping_run *run, const struct step *step)
{
	put_quote(run);
	event_id_write(run->record, run->out);
	put_quote(run);
	return true;
}

static bool write_kind(struct mapping_run *run, const struct step *step)
{
	put_text(run, str_of(event_kind_name(run->record->kind)), false);
	return true;
}

static bool write_time(struct mapping_run *run, const struct step *step)
{
	put_quote(run);
	json_time(run->out, run->record->time_wall_ns);
	put_quote(run);
	return true;
}

static bool write_time_ms(struct mapping_run *run, const struct step *step)
{
	buf_u64(run->out, run->record->time_wall_ns / NS_PER_MS);
	return true;
}

static bool write_time_s(struct mapping_run *run, const struct step *step)
{
	uint64_t ms = run->record->time_wall_ns / NS_PER_MS;
	const char fraction[4] = { '.', (char)('0' + ms / 100 % 10), (char)('0' + ms / 10 % 10),
				   (char)('0' + ms % 10) };

	buf_u64(run->out, ms / 1000);
	buf_put(run->out, fraction, sizeof(fraction));
	return true;
}

static bool put_member(struct mapping_run *run, const struct json_token *value)
{
	if (value->type == JSON_STRING)
		run->style->put(value->raw, value->is_escaped, run->out);
	else if (value->type == JSON_NUMBER || value->type == JSON_BOOL)
		buf_puts(run->out, value->raw);
	else
		return malformed(run);
	return true;
}

static bool write_template(struct mapping_run *run, const struct step *step)
{
	bool has_any = false;
	size_t i;

	put_quote(run);
	for (i = 0; i < step->piece_count; i++) {
		const struct template_piece *piece = &step->pieces[i];
		const struct json_token *value =
			piece->field == MAPPING_NO_FIELD ? NULL : &run->values[piece->field];
		const bool is_present = value && is_there(value);

		if (!piece->is_optional || is_present)
			buf_puts(run->out, piece->text);
		if (is_present && !put_member(run, value))
			return false;
		has_any |= is_present || (!piece->is_optional && piece->text.n);
	}
	put_quote(run);
	return has_any;
}

/* Constants are put together beforehand, see mapping_compile.c. */
const mapping_writer mapping_writers[MAP_CONVERSIONS] = {
	[MAP_VALUE] = write_value,
	[MAP_NUMBER] = write_number,
	[MAP_TEXT] = write_text,
	[MAP_MILLISECONDS] = write_milliseconds,
	[MAP_NS_TO_MS] = write_ns_to_ms,
	[MAP_LAST_PART] = write_last_part,
	[MAP_IPV4] = write_ipv4,
	[MAP_IPV6] = write_ipv6,
	[MAP_JSON] = write_json,
	[MAP_LIST] = write_list,
	[MAP_ARGUMENTS] = write_arguments,
	[MAP_ENVIRONMENT] = write_environment,
	[MAP_VARIABLES] = write_variable_objects,
	[MAP_CAPABILITIES] = write_capabilities,
	[MAP_CHOICE] = write_choice,
	[MAP_ID] = write_id,
	[MAP_KIND] = write_kind,
	[MAP_TIME] = write_time,
	[MAP_TIME_MS] = write_time_ms,
	[MAP_TIME_S] = write_time_s,
	[MAP_TEMPLATE] = write_template,
};
