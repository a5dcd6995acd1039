#include "outputs/output.h"

extern const struct output_type output_stdout, output_file, output_null, output_fault,
	output_fluentd, output_http, output_kafka, output_syslog;

const struct output_type *const output_types[] = {
	&output_stdout, &output_file,  &output_null,   &output_fault, &output_fluentd,
	&output_http,	&output_kafka, &output_syslog, NULL,
};

const struct output_type *output_type_by_name(const char *name)
{
	const struct output_type *const *type;

	for (type = output_types; *type; type++)
		if (strcmp((*type)->name, name) == 0)
			return *type;
	return NULL;
}
