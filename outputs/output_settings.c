#include "outputs/output_settings.h"

#include "base/clock.h"
#include "outputs/forwarder.h"
#include "pipeline/encode_json.h"
#include "pipeline/metrics.h"

#include <unistd.h>

_Static_assert(EVENT_KINDS <= 64, "the kinds of an output are bits of a uint64_t");

static const char *const start_choices[] = { "resume", "now", NULL };

#define AT(field) offsetof(struct output_settings, field)

static const struct config_item batch_items[] = {
	{ .name = "max_events",
	  .type = CONFIG_INTEGER,
	  .offset = AT(batch.max_events),
	  .value = "1000",
	  .min = 1,
	  .max = 65536,
	  .unit = "events",
	  .help = "A batch goes out when it has this many events." },
	{ .name = "max_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(batch.max_bytes),
	  .value = "1MiB",
	  .min = 1024,
	  .max = 64ull << 20,
	  .help = "A batch holds no more than this, after formatting. A single larger event goes "
		  "out alone. Also bounds the memory of the output." },
	{ .name = "max_age",
	  .type = CONFIG_DURATION,
	  .offset = AT(batch.max_age_ns),
	  .value = "50ms",
	  .max = 3600 * NSEC_PER_SEC,
	  .help = "A batch that is not full goes out when its first event has waited this long." },
	CONFIG_END,
};

static const struct config_item retry_items[] = {
	{ .name = "initial",
	  .type = CONFIG_DURATION,
	  .offset = AT(retry.initial_ns),
	  .value = "500ms",
	  .min = NSEC_PER_MSEC,
	  .max = 3600 * NSEC_PER_SEC,
	  .help = "Longest wait before the first retry; it doubles with each failure in a row, and "
		  "the wait is drawn evenly between nothing and that." },
	{ .name = "max",
	  .type = CONFIG_DURATION,
	  .offset = AT(retry.max_ns),
	  .value = "60s",
	  .min = NSEC_PER_MSEC,
	  .max = 24 * 3600 * NSEC_PER_SEC,
	  .help = "What the wait never exceeds. Retries go on until the peer takes the events." },
	CONFIG_END,
};

static const struct config_item dead_letter_items[] = {
	{ .name = "max_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(dead_letters.max_bytes),
	  .value = "16MiB",
	  .min = 64 * 1024,
	  .max = 16ull << 30,
	  .help = "Size at which the dead-letter file is rotated; one older file is kept." },
	CONFIG_END,
};

const struct config_item output_common_items[] = {
	{ .name = "name",
	  .type = CONFIG_STRING,
	  .offset = AT(name),
	  .help = "Name of the output: in logs, metrics and the names of its cursor and dead-letter "
		  "files. Letters, digits, '-', '_' and '.'; at most 63." },
	{ .name = "type", .type = CONFIG_STRING, .offset = AT(type), .help = "The destination." },
	{ .name = "format",
	  .type = CONFIG_NODE,
	  .offset = AT(format_node),
	  .optional = true,
	  .help = "How an event is written: the name of a format, or a mapping that also changes "
		  "its fields, {name: ecs, rename: {process.args: cmd}, drop: [process.parent], "
		  "add: {labels.site: fra1}}; see docs/outputs/formats.md. Default auto: json; for "
		  "stdout on a terminal, compact-color." },
	{ .name = "batch",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = batch_items,
	  .help = "What goes out together." },
	{ .name = "retry",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = retry_items,
	  .help = "Exponential backoff with full jitter." },
	{ .name = "dead_letters",
	  .type = CONFIG_MAP,
	  .optional = true,
	  .items = dead_letter_items,
	  .help = "Where events go that the destination refuses for good." },
	{ .name = "start",
	  .type = CONFIG_ENUM,
	  .offset = AT(start),
	  .value = "resume",
	  .choices = start_choices,
	  .help = "resume: behind the last acknowledged event, at first with the oldest in the "
		  "journal. now: no earlier than the start of weir." },
	{ .name = "events",
	  .type = CONFIG_LIST,
	  .offset = AT(events),
	  .optional = true,
	  .help = "Kinds of event to deliver (process_exec, ...); all when not given. Notices about "
		  "this output's own losses are always delivered." },
	{ .name = "filter",
	  .type = CONFIG_NODE,
	  .offset = AT(filter_node),
	  .optional = true,
	  .help = "What this output takes, by what stands in the event: {allow: [...], deny: [...]}, "
		  "lists of objects as the stage filter has them (event_set, binary_regex, "
		  "arguments_regex, parent_binary_regex, parent_arguments_regex, pid, container_id, "
		  "namespace, in_init_tree, policy_names). Events that meet any object of deny, or "
		  "none of allow, are counted as skipped. Events about weir itself always pass." },
	{ .name = "sample",
	  .type = CONFIG_INTEGER,
	  .offset = AT(sample),
	  .value = "1",
	  .min = 1,
	  .max = 1000000000,
	  .unit = "events",
	  .help = "Takes one event in so many, chosen by the event's id: the same ones again after "
		  "a retry or a restart. The others are counted as skipped. 1: all." },
	CONFIG_END,
};

static size_t items_count(const struct config_item *items)
{
	size_t n = 0;

	while (items && items[n].name)
		n++;
	return n;
}

/* The common keys and the destination's own stand in one mapping: one table for both. */
static struct config_item *items_of(const struct output_type *type)
{
	size_t common = items_count(output_common_items), own = items_count(type->config);
	struct config_item *items = calloc(common + own + 1, sizeof(*items));

	if (!items)
		return NULL;
	memcpy(items, output_common_items, common * sizeof(*items));
	if (own)
		memcpy(items + common, type->config, own * sizeof(*items));
	return items;
}

static bool is_name(const char *name)
{
	size_t n =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return n > 0 && n < METRICS_NAME_BYTES && name[n] == '\0' && name[0] != '.';
}

static int unknown_name(const struct config_node *node, const char *what, struct str written,
			const char *const *names, size_t n, struct errmsg *em)
{
	const char *near = config_nearest(written, names, n);

	if (near)
		return config_error(node, em, "unknown %s \"%.*s\"; did you mean \"%s\"?", what,
				    STR_FMT(written), near);
	return config_error(node, em, "unknown %s \"%.*s\"", what, STR_FMT(written));
}

static int find_type(const struct config_node *node, const struct output_type **type_r,
		     struct errmsg *em)
{
	const struct config_node *named;
	const char *names[METRICS_MAX_OUTPUTS];
	size_t n;

	if (config_node_kind(node) != CONFIG_NODE_MAPPING)
		return config_error(node, em, "an output is a mapping with name and type");
	named = config_node_get(node, "type");
	if (!named || config_node_kind(named) != CONFIG_NODE_SCALAR)
		return config_error(node, em, "an output needs a type (stdout, file, ...)");
	for (n = 0; output_types[n]; n++) {
		if (str_equal(config_node_text(named), str_of(output_types[n]->name))) {
			*type_r = output_types[n];
			return 0;
		}
		names[n] = output_types[n]->name;
	}
	return unknown_name(named, "output type", config_node_text(named), names, n, em);
}

/* Colour is for a terminal whose user did not ask for none (https://no-color.org). */
static const struct format *automatic_format(const struct output_type *type)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

	if (strcmp(type->name, "stdout") != 0 || !isatty(STDOUT_FILENO))
		return format_by_name(type->default_format ? type->default_format : "json");
	if ((no_color && *no_color) || (term && strcmp(term, "dumb") == 0))
		return format_by_name("compact");
	return format_by_name("compact-color");
}

static int read_format(const struct config_node *node, struct output_settings *settings,
		       struct errmsg *em)
{
	const struct output_type *type = settings->output_type;
	int err = formatter_read(settings->format_node, automatic_format(type),
				 &settings->formatter, em);

	if (err)
		return err;
	settings->format = formatter_format(settings->formatter);
	if (!settings->format->is_binary || type->takes_binary)
		return 0;
	return config_error(config_node_get(node, "format"), em,
			    "%s can't be told apart again on a %s output, which takes lines",
			    settings->format->name, type->name);
}

static int find_kinds(const struct config_node *node, struct output_settings *settings,
		      struct errmsg *em)
{
	const char *names[EVENT_KINDS];
	size_t i, kinds = 0;

	settings->kinds = settings->events.n ? 0 : UINT64_MAX;
	for (i = KIND_NONE + 1; i < EVENT_KINDS; i++)
		names[kinds++] = event_kind_name(i);
	for (i = 0; i < settings->events.n; i++) {
		enum event_kind kind = event_kind_by_name(str_of(settings->events.v[i]));

		if (kind == KIND_NONE)
			return unknown_name(config_node_get(node, "events"), "kind of event",
					    str_of(settings->events.v[i]), names, kinds, em);
		settings->kinds |= 1ull << kind;
	}
	return 0;
}

static int check_settings(const struct config_node *node, struct output_settings *settings,
			  struct errmsg *em)
{
	int err;

	if (!is_name(settings->name))
		return config_error(config_node_get(node, "name"), em,
				    "\"%.80s\" can't name an output: use 1 to 63 letters, digits, "
				    "'-', '_' or '.', not starting with '.'",
				    settings->name);
	if (settings->retry.initial_ns > settings->retry.max_ns)
		return config_error(config_node_get(node, "retry"), em,
				    "retry.initial is above retry.max");
	err = read_format(node, settings, em);
	if (!err)
		err = find_kinds(node, settings, em);
	if (!err)
		err = route_create(settings->filter_node, settings->sample, &settings->route, em);
	if (!err && settings->output_type->check)
		err = settings->output_type->check(node, settings, em);
	return err;
}

int output_settings_read(const struct config_node *node, struct output_settings **settings_r,
			 struct errmsg *em)
{
	const struct output_type *type;
	struct output_settings *settings = NULL;
	struct config_item *items = NULL;
	int err = find_type(node, &type, em);

	if (err)
		return err;
	items = items_of(type);
	settings = calloc(1, type->settings_bytes);
	err = items && settings ? config_read(node, items, settings, em) : -ENOMEM;
	if (err)
		goto out;
	settings->output_type = type;
	err = check_settings(node, settings, em);
	if (err) {
		formatter_close(&settings->formatter);
		route_free(&settings->route);
		config_settings_free(items, settings);
	}
out:
	free(items);
	if (err)
		free(settings);
	else
		*settings_r = settings;
	return err;
}

void output_settings_free(struct output_settings **settings)
{
	struct config_item *items;

	if (!*settings)
		return;
	formatter_close(&(*settings)->formatter);
	route_free(&(*settings)->route);
	items = items_of((*settings)->output_type);
	if (items)
		config_settings_free(items, *settings);
	free(items);
	free(*settings);
	*settings = NULL;
}

static int check_unique(const struct config_node *node, const struct outputs_list *list,
			struct errmsg *em)
{
	const struct output_settings *last = list->v[list->n - 1];
	size_t i;

	for (i = 0; i + 1 < list->n; i++)
		if (strcmp(list->v[i]->name, last->name) == 0)
			return config_error(node, em, "two outputs are named \"%s\"", last->name);
	return 0;
}

static int read_elements(const struct config_node *node, struct outputs_list *list,
			 struct errmsg *em)
{
	size_t i, n = config_node_count(node);

	for (i = 0; i < n; i++) {
		const struct config_node *element = config_node_at(node, i);
		int err = output_settings_read(element, &list->v[i], em);

		if (err)
			return err;
		list->n++;
		err = check_unique(element, list, em);
		if (err)
			return err;
	}
	return 0;
}

static int read_default(struct outputs_list *list, struct errmsg *em)
{
	struct config_document *doc;
	int err = config_parse(STR("name: stdout\ntype: stdout\nstart: now\n"), "built-in outputs",
			       &doc, em);

	if (err)
		return err;
	err = output_settings_read(config_root(doc), &list->v[0], em);
	if (!err)
		list->n = 1;
	config_document_free(&doc);
	return err;
}

int outputs_list_read(const struct config_node *node, struct outputs_list *list_r,
		      struct errmsg *em)
{
	int err;

	*list_r = (struct outputs_list){ 0 };
	if (node && config_node_kind(node) != CONFIG_NODE_SEQUENCE)
		return config_error(node, em, "outputs is a list");
	if (node && config_node_count(node) > METRICS_MAX_OUTPUTS)
		return config_error(node, em, "%zu outputs are more than the %d there may be",
				    config_node_count(node), METRICS_MAX_OUTPUTS);
	list_r->v = calloc(METRICS_MAX_OUTPUTS, sizeof(struct output_settings *));
	if (!list_r->v)
		return -ENOMEM;
	err = node ? read_elements(node, list_r, em) : read_default(list_r, em);
	if (err)
		outputs_list_free(list_r);
	return err;
}

void outputs_list_free(struct outputs_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		output_settings_free(&list->v[i]);
	free(list->v);
	*list = (struct outputs_list){ 0 };
}

int outputs_check(const struct config_node *outputs, struct errmsg *em)
{
	struct outputs_list list;
	int err = outputs_list_read(outputs, &list, em);

	if (!err)
		outputs_list_free(&list);
	return err;
}

void outputs_write_manual(struct buf *out)
{
	const struct output_type *const *type;

	buf_lit(out, "## Every output\n\n");
	config_write_manual(output_common_items, "", out);
	for (type = output_types; *type; type++) {
		buf_printf(out, "\n## `type: %s`\n\n%s\n\n", (*type)->name, (*type)->help);
		if ((*type)->config)
			config_write_manual((*type)->config, "", out);
	}
}
