/* outputs/mapping_fields.c: which members of an event a table takes, as a tree in the encoder's
 * order. */
#include "outputs/mapping_internal.h"

#include "pipeline/event_manual.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

static uint64_t begin_of(struct str name)
{
	uint64_t begin = 0;

	memcpy(&begin, name.p, name.n < 8 ? name.n : 8);
	return le64toh(begin);
}

static struct field_node *child_of(struct field_node *node, struct str name)
{
	struct field_node *grown;
	size_t i;

	for (i = 0; i < node->count; i++)
		if (str_equal((struct str){ node->children[i].name, node->children[i].name_bytes },
			      name))
			return &node->children[i];
	grown = reallocarray(node->children, node->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	node->children = grown;
	grown = &node->children[node->count];
	*grown = (struct field_node){ .name = strndup(name.p, name.n),
				      .name_bytes = name.n,
				      .begin = begin_of(name),
				      .field = MAPPING_NO_FIELD };
	if (!grown->name)
		return NULL;
	node->count++;
	return grown;
}

static bool is_beside(struct str path)
{
	return str_equal(path, STR("node_name")) || str_equal(path, STR("cluster_name")) ||
	       str_starts_with(path, STR("weir."));
}

int mapping_take_member(struct mapping *mapping, struct str path, int *field_r)
{
	struct field_node *node = is_beside(path) ? &mapping->beside : &mapping->event;

	while (path.n) {
		const char *dot = memchr(path.p, '.', path.n);
		size_t n = dot ? (size_t)(dot - path.p) : path.n;

		node = child_of(node, (struct str){ path.p, n });
		if (!node)
			return -ENOMEM;
		n += dot != NULL;
		path = (struct str){ path.p + n, path.n - n };
	}
	if (node->field == MAPPING_NO_FIELD) {
		if (mapping->field_count == MAPPING_MAX_FIELDS)
			return -E2BIG;
		node->field = (int)mapping->field_count++;
	}
	*field_r = node->field;
	return 0;
}

/* Enters the members that the manual has for the section, in its order, which is the encoder's. */
static int enter_section(struct field_node *node, enum event_section section)
{
	size_t i;

	for (i = 0; i < event_members_count; i++) {
		const struct event_member *member = &event_members[i];

		if (member->section == section && !strpbrk(member->path, ".[") &&
		    !child_of(node, str_of(member->path)))
			return -ENOMEM;
	}
	return 0;
}

static int enter_process(struct field_node *event, struct str name)
{
	struct field_node *node = child_of(event, name);

	return node ? enter_section(node, SECTION_PROCESS) : -ENOMEM;
}

static int take_case_members(struct mapping *mapping)
{
	int err = mapping_take_member(mapping, STR("signal"), &mapping->signal);

	err = err ?: mapping_take_member(mapping, STR("error"), &mapping->error);
	err = err ?: mapping_take_member(mapping, STR("role"), &mapping->role);
	return err ?: mapping_take_member(mapping, STR("refused"), &mapping->refused);
}

/* All that an event can have: then the search for a member seldom looks at more than one. */
int mapping_enter_members(struct mapping *mapping)
{
	static const enum event_section sections[] = { SECTION_EXEC, SECTION_EXIT, SECTION_TCP,
						       SECTION_LOSS, SECTION_NOTICE };
	struct field_node *weir;
	size_t i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(sections) && !err; i++)
		err = enter_section(&mapping->event, sections[i]);
	err = err ?: enter_process(&mapping->event, STR("process"));
	err = err ?: enter_process(&mapping->event, STR("parent"));
	err = err ?: enter_section(&mapping->beside, SECTION_ENVELOPE);
	if (err)
		return err;
	weir = child_of(&mapping->beside, STR("weir"));
	err = weir ? enter_section(weir, SECTION_WEIR) : -ENOMEM;
	return err ?: take_case_members(mapping);
}
