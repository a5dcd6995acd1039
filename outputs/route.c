#include "outputs/route.h"

#include "config/config.h"
#include "outputs/json_scan.h"
#include "pipeline/filter_list.h"

#include <errno.h>

#define TEXT_MAX_BYTES (512u * 1024) /* unescaped */

struct route {
	struct filter_list *filter; /* NULL: none */
	uint64_t one_in;
	struct buf texts[FILTER_TEXTS]; /* what had escapes */
};

struct filter_nodes {
	const struct config_node *allow, *deny;
};

static const struct config_item filter_items[] = {
	{ .name = "allow",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct filter_nodes, allow),
	  .optional = true,
	  .help = "Events that meet none of these objects are skipped." },
	{ .name = "deny",
	  .type = CONFIG_NODE,
	  .offset = offsetof(struct filter_nodes, deny),
	  .optional = true,
	  .help = "Events that meet any of these objects are skipped, whatever `allow` says." },
	CONFIG_END,
};

static int read_filter(const struct config_node *node, struct route *route, struct errmsg *em)
{
	struct filter_nodes nodes = { 0 };
	int err = config_read(node, filter_items, &nodes, em);

	if (err)
		return err;
	err = filter_list_create(nodes.allow, nodes.deny, FILTER_RECORDS, &route->filter, em);
	config_settings_free(filter_items, &nodes);
	return err;
}

int route_create(const struct config_node *filter, uint64_t one_in, struct route **route_r,
		 struct errmsg *em)
{
	struct route *route;
	int err = 0;

	*route_r = NULL;
	if (!filter && one_in <= 1)
		return 0;
	route = calloc(1, sizeof(*route));
	if (!route)
		return -ENOMEM;
	route->one_in = one_in;
	for (size_t i = 0; i < FILTER_TEXTS; i++)
		route->texts[i] = buf_growable(TEXT_MAX_BYTES);
	if (filter)
		err = read_filter(filter, route, em);
	if (err)
		route_free(&route);
	*route_r = route;
	return err;
}

void route_free(struct route **route)
{
	if (!*route)
		return;
	filter_list_free(&(*route)->filter);
	for (size_t i = 0; i < FILTER_TEXTS; i++)
		buf_free(&(*route)->texts[i]);
	free(*route);
	*route = NULL;
}

/* By the event's id alone, so a retry, a restart and another host's copy agree: the finaliser of
 * MurmurHash3 spreads numbers that follow each other evenly. */
static bool is_in_sample(uint64_t one_in, const struct journal_record *record)
{
	uint64_t boot = 0, h;

	memcpy(&boot, record->boot_id.p,
	       record->boot_id.n < sizeof(boot) ? record->boot_id.n : sizeof(boot));
	h = record->seq ^ boot;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdull;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53ull;
	h ^= h >> 33;
	return h % one_in == 0;
}

/* A record as the conditions ask for it. */
struct record_subject {
	struct filter_subject subject; /* first */
	struct route *route;
	struct json_value event, process, parent;
};

static struct str member(struct route *route, enum filter_text which,
			 const struct json_value *object, const char *name)
{
	struct json_value value = json_get(object, name);
	struct buf *text = &route->texts[which];

	if (value.type != JSON_STRING)
		return STR("");
	if (!memchr(value.raw.p, '\\', value.raw.n))
		return value.raw;
	buf_reset(text);
	json_unescape(value.raw, text);
	return buf_str(text);
}

static struct str text_of_record(const struct filter_subject *subject, enum filter_text which)
{
	const struct record_subject *record = (const struct record_subject *)subject;

	switch (which) {
	case FILTER_BINARY:
		return member(record->route, which, &record->process, "binary");
	case FILTER_ARGUMENTS:
		return member(record->route, which, &record->process, "arguments");
	case FILTER_CONTAINER:
		return member(record->route, which, &record->process, "docker");
	case FILTER_PARENT_BINARY:
		return member(record->route, which, &record->parent, "binary");
	case FILTER_PARENT_ARGUMENTS:
		return member(record->route, which, &record->parent, "arguments");
	case FILTER_POLICY:
		return member(record->route, which, &record->event, "policy_name");
	case FILTER_TEXTS:
		break;
	}
	return STR("");
}

static bool is_true(const struct json_value *object, const char *name)
{
	struct json_value value = json_get(object, name);

	return value.type == JSON_BOOL && str_equal(value.raw, STR("true"));
}

static bool is_filtered(struct route *route, const struct journal_record *record)
{
	struct record_subject subject = { .route = route };
	struct json_value whole;

	if (!json_parse(record->json, &whole))
		return false;
	subject.event = json_get(&whole, event_kind_name(record->kind));
	subject.process = json_get(&subject.event, "process");
	subject.parent = json_get(&subject.event, "parent");
	subject.subject = (struct filter_subject){
		.kind = record->kind,
		.has_process = subject.process.type == JSON_OBJECT,
		.has_parent = subject.parent.type == JSON_OBJECT,
		.in_init_tree = is_true(&subject.process, "in_init_tree"),
		.pid = record->pid,
		.text = text_of_record,
	};
	return filter_list_drops(route->filter, &subject.subject);
}

bool route_takes(struct route *route, const struct journal_record *record)
{
	if (!route || record->kind >= KIND_WEIR_LOSS)
		return true;
	if (route->one_in > 1 && !is_in_sample(route->one_in, record))
		return false;
	return !route->filter || !is_filtered(route, record);
}
