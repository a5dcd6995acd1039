#include "pipeline/filter_list.h"

#include "pipeline/config_objects.h"

#include <errno.h>
#include <stdlib.h>

/* The objects of one list. */
struct rule_list {
	struct filter_rule **v;
	size_t n;
};

struct filter_list {
	struct rule_list allow, deny;
	enum filter_source source;
	struct matcher *matcher;
	uint64_t undecided;
};

/* Where the object that is read goes. */
struct reading {
	struct rule_list *list;
	enum filter_source source;
};

static int take_object(void *ctx, const struct config_node *object, struct errmsg *em)
{
	struct reading *reading = ctx;
	struct rule_list *list = reading->list;
	struct filter_rule **v = reallocarray(list->v, list->n + 1, sizeof(struct filter_rule *));
	int rc;

	if (!v) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	list->v = v;
	rc = filter_rule_create(object, reading->source, &v[list->n], em);
	if (!rc)
		list->n++;
	return rc;
}

static int set_up(struct filter_list *list, const struct config_node *allow,
		  const struct config_node *deny, struct errmsg *em)
{
	struct reading allowed = { &list->allow, list->source };
	struct reading denied = { &list->deny, list->source };
	int rc = config_objects_read(allow, take_object, &allowed, em);

	if (!rc)
		rc = config_objects_read(deny, take_object, &denied, em);
	if (rc)
		return rc;
	/* Only whether they match is asked, so one pair of offsets is enough for any pattern. */
	list->matcher = matcher_create(0, 0);
	if (!list->matcher) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

int filter_list_create(const struct config_node *allow, const struct config_node *deny,
		       enum filter_source source, struct filter_list **list_r, struct errmsg *em)
{
	struct filter_list *list = calloc(1, sizeof(*list));
	int rc;

	if (!list) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	list->source = source;
	rc = set_up(list, allow, deny, em);
	if (rc)
		filter_list_free(&list);
	*list_r = list;
	return rc;
}

static enum filter_match match_any(const struct rule_list *list, struct matcher *matcher,
				   const struct filter_subject *subject)
{
	enum filter_match match = FILTER_NO;

	for (size_t i = 0; i < list->n; i++) {
		enum filter_match one = filter_rule_match(list->v[i], matcher, subject);

		if (one == FILTER_YES)
			return one;
		if (one == FILTER_UNKNOWN)
			match = one;
	}
	return match;
}

static bool is_dropped(struct filter_list *list, const struct rule_list *rules,
		       const struct filter_subject *subject, enum filter_match drops)
{
	enum filter_match match = match_any(rules, list->matcher, subject);

	if (match == FILTER_UNKNOWN)
		list->undecided++;
	return match == drops;
}

bool filter_list_drops(struct filter_list *list, const struct filter_subject *subject)
{
	if (list->deny.n && is_dropped(list, &list->deny, subject, FILTER_YES))
		return true;
	return list->allow.n && is_dropped(list, &list->allow, subject, FILTER_NO);
}

uint64_t filter_list_undecided(const struct filter_list *list)
{
	return list->undecided;
}

static void free_rules(struct rule_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		filter_rule_free(&list->v[i]);
	free(list->v);
}

void filter_list_free(struct filter_list **list)
{
	if (!*list)
		return;
	free_rules(&(*list)->allow);
	free_rules(&(*list)->deny);
	matcher_free(&(*list)->matcher);
	free(*list);
	*list = NULL;
}
