#include "outputs/http_profile.h"

extern const struct http_profile http_generic, http_splunk, http_elasticsearch, http_loki,
	http_otlp, http_datadog, http_azure;

const struct http_profile *const http_profiles[] = {
	&http_generic, &http_splunk,  &http_elasticsearch, &http_loki,
	&http_otlp,    &http_datadog, &http_azure,	   NULL,
};

const struct http_profile *http_profile_by_name(const char *name)
{
	const struct http_profile *const *profile;

	for (profile = http_profiles; *profile; profile++)
		if (strcmp((*profile)->name, name) == 0)
			return *profile;
	return NULL;
}

struct template_source http_template_source(const struct http_context *ctx,
					    const struct batch *batch, size_t i)
{
	return (struct template_source){ .batch = (struct batch *)batch,
					 .i = i,
					 .node = ctx->node,
					 .output = str_of(ctx->set->common.name) };
}
