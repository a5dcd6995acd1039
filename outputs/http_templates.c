#include "outputs/http_templates.h"

#include <stdlib.h>

#define HTTP_VALUE_BYTES 1024
/* Elasticsearch's limit on the name of an index is 255 bytes. */
#define INDEX_VALUE_BYTES 128
#define PRINTABLE	  " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" TEMPLATE_LETTERS

const struct template_rules http_url_rules = {
	.what = "url",
	.fields = TEMPLATE_OF_BATCH,
	.escape = TEMPLATE_PERCENT,
	.allowed = TEMPLATE_LETTERS "-_.~",
	.max_bytes = HTTP_VALUE_BYTES,
	.absent = "",
};

const struct template_rules http_header_rules = {
	.what = "header",
	.fields = TEMPLATE_OF_BATCH,
	.allowed = PRINTABLE,
	.replacement = '?',
	.max_bytes = HTTP_VALUE_BYTES,
	.absent = "",
};

const struct template_rules http_index_rules = {
	.what = "index",
	.fields = TEMPLATE_OF_WEIR,
	.is_lower = true,
	.allowed = TEMPLATE_LOWER "-_.",
	.replacement = '_',
	.max_bytes = INDEX_VALUE_BYTES,
	.absent = "none",
};

const struct template_rules http_label_rules = {
	.what = "label",
	.fields = TEMPLATE_OF_BATCH,
	.escape = TEMPLATE_JSON,
	.max_bytes = HTTP_VALUE_BYTES,
	.absent = "",
};

const char *http_label_value(const char *label)
{
	const char *equals = strchr(label, '=');

	return equals ? equals + 1 : label;
}

int http_templates_check(const struct config_node *cfg, const struct http_settings *set,
			 struct errmsg *em)
{
	const struct config_node *headers = config_node_get(cfg, "headers");
	const struct config_node *labels = config_node_get(config_node_get(cfg, "loki"), "labels");
	const struct config_node *index =
		config_node_get(config_node_get(cfg, "elasticsearch"), "index");
	int err = template_check(config_node_get(cfg, "url"), set->url, &http_url_rules, em);
	size_t i;

	for (i = 0; !err && i < set->headers.n; i++)
		err = template_check(config_node_at(headers, i), set->headers.v[i],
				     &http_header_rules, em);
	if (!err)
		err = template_check(index, set->elasticsearch.index, &http_index_rules, em);
	for (i = 0; !err && i < set->loki.labels.n; i++)
		err = template_check(config_node_at(labels, i),
				     http_label_value(set->loki.labels.v[i]), &http_label_rules,
				     em);
	return err;
}

static int compile_lists(struct http_templates *t, const struct http_settings *set,
			 struct errmsg *em)
{
	int err = 0;

	t->headers = calloc(set->headers.n + 1, sizeof(struct template *));
	t->labels = calloc(set->loki.labels.n + 1, sizeof(struct template *));
	if (!t->headers || !t->labels)
		return -ENOMEM;
	for (; !err && t->header_count < set->headers.n; t->header_count++)
		err = template_compile(set->headers.v[t->header_count], &http_header_rules,
				       &t->headers[t->header_count], em);
	for (; !err && t->label_count < set->loki.labels.n; t->label_count++)
		err = template_compile(http_label_value(set->loki.labels.v[t->label_count]),
				       &http_label_rules, &t->labels[t->label_count], em);
	return err;
}

int http_templates_create(const struct http_settings *set, struct http_templates **templates_r,
			  struct errmsg *em)
{
	struct http_templates *t = calloc(1, sizeof(*t));
	int err;

	*templates_r = t;
	errmsg_set(em, "no memory");
	if (!t)
		return -ENOMEM;
	err = template_compile(set->url, &http_url_rules, &t->url, em);
	if (!err)
		err = template_compile(set->elasticsearch.index, &http_index_rules, &t->index, em);
	if (!err)
		err = compile_lists(t, set, em);
	if (err)
		http_templates_free(templates_r);
	return err;
}

void http_templates_free(struct http_templates **templates)
{
	struct http_templates *t = *templates;
	size_t i;

	*templates = NULL;
	if (!t)
		return;
	template_free(&t->url);
	template_free(&t->index);
	for (i = 0; i < t->header_count; i++)
		template_free(&t->headers[i]);
	for (i = 0; i < t->label_count; i++)
		template_free(&t->labels[i]);
	free(t->headers);
	free(t->labels);
	free(t);
}
