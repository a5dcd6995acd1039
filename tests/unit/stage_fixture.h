/* tests/unit/stage_fixture.h: what the tests of stages share: a stage made from YAML text, and
 * processes made from text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/config.h"
#include "pipeline/stage.h"

#include <string.h>

static inline struct stage *stage_from(const struct stage_type *type, const char *yaml,
				       const struct clock *clock)
{
	struct config_document *doc = NULL;
	struct stage *stage = NULL;
	struct errmsg em = { "" };

	if (config_parse(str_of(yaml), "test.yaml", &doc, &em) ||
	    type->create(config_root(doc), clock, &stage, &em))
		fail_msg("%s", em.text);
	config_document_free(&doc);
	return stage;
}

/* The stage must be refused, with each of the texts (ended by NULL) in the message. */
static inline void expect_refused(const struct stage_type *type, const char *yaml, ...)
{
	struct config_document *doc = NULL;
	struct stage *stage = NULL;
	struct errmsg em = { "" };
	struct clock clock;
	const char *said;
	va_list ap;

	clock_init_fake(&clock, 1, 1);
	if (config_parse(str_of(yaml), "test.yaml", &doc, &em))
		fail_msg("%s", em.text);
	if (type->create(config_root(doc), &clock, &stage, &em) == 0)
		fail_msg("accepted: %s", yaml);
	assert_null(stage);
	va_start(ap, yaml);
	while ((said = va_arg(ap, const char *)))
		if (!strstr(em.text, said))
			fail_msg("\"%s\" does not say \"%s\"", em.text, said);
	va_end(ap);
	config_document_free(&doc);
}

/* A process on the test's stack, with an image of text that needs no redaction. */
struct test_process {
	struct process process;
	struct image image;
};

static inline struct redacted exempt(const char *text)
{
	static char bytes[1 << 16];
	static struct buf out;

	if (!out.cap)
		out = buf_fixed(bytes, sizeof(bytes));
	return redaction_exempt(str_of(text), &out);
}

static inline void set_process(struct test_process *p, uint32_t pid, const char *binary,
			       const char *arguments, struct test_process *parent)
{
	*p = (struct test_process){
		.process = { .refs = 1, .key = { .start_ns = 1, .pid = pid } },
		.image = { .refs = 1, .binary = exempt(binary), .arguments = exempt(arguments) },
	};
	p->image.container_id = exempt("");
	p->process.image = &p->image;
	p->process.parent = parent ? &parent->process : NULL;
}

static inline struct event event_of(enum event_kind kind, const struct test_process *p)
{
	return (struct event){ .kind = kind,
			       .process = p ? &p->process : NULL,
			       .parent = p ? p->process.parent : NULL };
}
