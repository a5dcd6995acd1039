/* outputs/http_templates.h: the texts of an HTTP output's configuration that have fields in them
 * (outputs/template.h), compiled: url, headers, elasticsearch.index, loki.labels. Checked with the
 * settings; created and freed by the output. */
#pragma once

#include "outputs/http_settings.h"
#include "outputs/template.h"

struct http_templates {
	struct template *url, *index;
	struct template **headers; /* as many as the settings have */
	struct template **labels;  /* their values, behind the '=' */
	size_t header_count, label_count;
};

extern const struct template_rules http_url_rules, http_header_rules, http_index_rules,
	http_label_rules;

/* The value of "NAME=VALUE". */
const char *http_label_value(const char *label);
/* cfg: the output's node. */
WARN_UNUSED int http_templates_check(const struct config_node *cfg,
				     const struct http_settings *settings, struct errmsg *em);
WARN_UNUSED int http_templates_create(const struct http_settings *settings,
				      struct http_templates **templates_r, struct errmsg *em);
void http_templates_free(struct http_templates **templates);
