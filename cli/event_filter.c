#include "cli/event_filter.h"

#include "config/config.h"
#include "config/value.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 100000

enum key_match { MATCH_EVENT, MATCH_PID, MATCH_TEXT, MATCH_REGEX };

/* The names that Tetragon's filters have for the same thing are taken too. */
static const struct filter_key {
	const char *name, *tetragon_name;
	enum key_match match;
	const char *object, *member; /* in the event; object NULL: the event itself */
} keys[] = {
	{ "event", "event_set", MATCH_EVENT, NULL, NULL },
	{ "pid", "pid_set", MATCH_PID, NULL, NULL },
	{ "binary", "binary_regex", MATCH_REGEX, "process", "binary" },
	{ "arguments", "arguments_regex", MATCH_REGEX, "process", "arguments" },
	{ "parent", "parent_binary_regex", MATCH_REGEX, "parent", "binary" },
	{ "container", "container_id", MATCH_REGEX, "process", "docker" },
	{ "policy", "policy_names", MATCH_TEXT, NULL, "policy_name" },
};

struct term {
	const struct filter_key *key;
	bool excludes;
	const char *text; /* into event_filter.text */
	enum event_kind kind;
	uint64_t pid;
	pcre2_code *regex;
};

struct event_filter {
	struct term *terms;
	size_t n;
	char **texts;
	pcre2_match_data *match;
	pcre2_match_context *limits;
};

/* An event under test; its JSON is parsed when the first term asks. */
struct subject {
	const struct event_filter *filter;
	const struct journal_record *record;
	json_t *json;
	bool parsed;
};

/* ---- compiling ---- */

static const struct filter_key *find_key(struct str name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_equal(name, str_of(keys[i].name)) ||
		    str_equal(name, str_of(keys[i].tetragon_name)))
			return &keys[i];
	return NULL;
}

static int refuse_key(const char *term, struct str name, struct errmsg *em)
{
	const char *names[ARRAY_SIZE(keys)], *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		names[i] = keys[i].name;
	nearest = config_nearest(name, names, ARRAY_SIZE(keys));
	if (nearest)
		errmsg_set(em, "--filter '%s': unknown key; did you mean '%s'?", term, nearest);
	else
		errmsg_set(em,
			   "--filter '%s': unknown key; known are event, pid, binary, "
			   "arguments, parent, container and policy",
			   term);
	return -EINVAL;
}

static int refuse_event(const char *term, struct str name, struct errmsg *em)
{
	const char *names[EVENT_KINDS], *nearest;
	size_t n = 0;

	for (unsigned int kind = KIND_NONE + 1; kind < EVENT_KINDS; kind++)
		names[n++] = event_kind_name(kind);
	nearest = config_nearest(name, names, n);
	if (nearest)
		errmsg_set(em, "--filter '%s': no such event; did you mean '%s'?", term, nearest);
	else
		errmsg_set(em, "--filter '%s': no such event; write for example process_exec",
			   term);
	return -EINVAL;
}

static int compile_regex(struct term *term, const char *written, struct errmsg *em)
{
	PCRE2_SIZE offset;
	PCRE2_UCHAR why[128];
	int error;

	term->regex = pcre2_compile((PCRE2_SPTR)term->text, PCRE2_ZERO_TERMINATED,
				    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF, &error, &offset, NULL);
	if (term->regex)
		return 0;
	pcre2_get_error_message(error, why, sizeof(why));
	errmsg_set(em, "--filter '%s': not a regular expression: %s at character %zu", written,
		   (const char *)why, (size_t)offset + 1);
	return -EINVAL;
}

static int compile_value(struct term *term, const char *written, struct errmsg *em)
{
	switch (term->key->match) {
	case MATCH_EVENT:
		term->kind = event_kind_by_name(str_of(term->text));
		return term->kind ? 0 : refuse_event(written, str_of(term->text), em);
	case MATCH_PID:
		if (config_parse_integer(str_of(term->text), &term->pid))
			return 0;
		errmsg_set(em, "--filter '%s': not a process id; write digits only", written);
		return -EINVAL;
	case MATCH_REGEX:
		return compile_regex(term, written, em);
	case MATCH_TEXT:
		return 0;
	}
	return -EINVAL;
}

/* text: a copy of what is written, for the term to keep. */
static int compile_term(struct term *term, const char *written, const char *text, struct errmsg *em)
{
	const char *equals = strchr(text, '=');
	struct str name;

	if (!equals || equals == text) {
		errmsg_set(em, "--filter '%s': write KEY=VALUE or KEY!=VALUE", written);
		return -EINVAL;
	}
	term->excludes = equals[-1] == '!';
	name = (struct str){ text, (size_t)(equals - text) - term->excludes };
	term->text = equals + 1;
	term->key = find_key(name);
	return term->key ? compile_value(term, written, em) : refuse_key(written, name, em);
}

static int out_of_memory(struct errmsg *em)
{
	errmsg_set(em, "out of memory");
	return -ENOMEM;
}

static int prepare(struct event_filter *filter, size_t n, struct errmsg *em)
{
	filter->terms = calloc(n ? n : 1, sizeof(*filter->terms));
	filter->texts = calloc(n ? n : 1, sizeof(*filter->texts));
	filter->match = pcre2_match_data_create(1, NULL);
	filter->limits = pcre2_match_context_create(NULL);
	if (!filter->terms || !filter->texts || !filter->match || !filter->limits)
		return out_of_memory(em);
	pcre2_set_match_limit(filter->limits, MATCH_LIMIT);
	return 0;
}

int event_filter_create(const char *const *terms, size_t n, struct event_filter **filter_r,
			struct errmsg *em)
{
	struct event_filter *filter = calloc(1, sizeof(*filter));
	int err = filter ? prepare(filter, n, em) : out_of_memory(em);

	for (; !err && filter->n < n; filter->n++) {
		filter->texts[filter->n] = strdup(terms[filter->n]);
		err = filter->texts[filter->n]
			      ? compile_term(&filter->terms[filter->n], terms[filter->n],
					     filter->texts[filter->n], em)
			      : out_of_memory(em);
	}
	if (err)
		event_filter_free(&filter);
	*filter_r = filter;
	return err;
}

void event_filter_free(struct event_filter **filter)
{
	struct event_filter *f = *filter;

	if (!f)
		return;
	for (size_t i = 0; i < f->n; i++) {
		pcre2_code_free(f->terms[i].regex);
		free(f->texts[i]);
	}
	pcre2_match_context_free(f->limits);
	pcre2_match_data_free(f->match);
	free(f->texts);
	free(f->terms);
	free(f);
	*filter = NULL;
}

/* ---- matching ---- */

static const json_t *event_object(struct subject *subject)
{
	struct str json = subject->record->json;

	if (!subject->parsed) {
		subject->json = json_loadb(json.p, json.n, JSON_ALLOW_NUL, NULL);
		subject->parsed = true;
	}
	return json_object_get(subject->json, event_kind_name(subject->record->kind));
}

/* The text that a key is about; empty when the event has none. */
static struct str text_of(struct subject *subject, const struct filter_key *key)
{
	const json_t *value = event_object(subject);

	if (key->object)
		value = json_object_get(value, key->object);
	value = json_object_get(value, key->member);
	if (!json_is_string(value))
		return (struct str){ "", 0 };
	return (struct str){ json_string_value(value), json_string_length(value) };
}

static bool regex_matches(struct subject *subject, const struct term *term)
{
	struct str text = text_of(subject, term->key);
	int rc = pcre2_match(term->regex, (PCRE2_SPTR)text.p, text.n, 0, 0, subject->filter->match,
			     subject->filter->limits);

	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		return !term->excludes;
	return rc >= 0;
}

static bool term_matches(struct subject *subject, const struct term *term)
{
	switch (term->key->match) {
	case MATCH_EVENT:
		return subject->record->kind == term->kind;
	case MATCH_PID:
		return subject->record->pid == term->pid;
	case MATCH_TEXT:
		return str_equal(text_of(subject, term->key), str_of(term->text));
	case MATCH_REGEX:
		return regex_matches(subject, term);
	}
	return false;
}

/* Of the terms that ask for this key, one holds, or there is none; and no excluding one does. */
static bool key_matches(struct subject *subject, const struct filter_key *key)
{
	const struct event_filter *filter = subject->filter;
	bool asked = false, matched = false;

	for (size_t i = 0; i < filter->n; i++) {
		const struct term *term = &filter->terms[i];

		if (term->key != key)
			continue;
		if (term->excludes && term_matches(subject, term))
			return false;
		if (term->excludes)
			continue;
		asked = true;
		matched = matched || term_matches(subject, term);
	}
	return matched || !asked;
}

bool event_filter_matches(const struct event_filter *filter, const struct journal_record *record)
{
	struct subject subject = { .filter = filter, .record = record };
	bool matches = true;

	for (size_t i = 0; matches && i < ARRAY_SIZE(keys); i++)
		matches = key_matches(&subject, &keys[i]);
	json_decref(subject.json);
	return matches;
}
