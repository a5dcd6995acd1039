#include "outputs/output.h"

extern const struct output_type output_stdout, output_file, output_null, output_fault,
	output_fluentd, output_http, output_kafka, output_syslog;

const struct output_type *const output_types[] = {
	&output_stdout, &output_file,  &output_null,   &output_fault, &output_fluentd,
	&output_http,	&output_kafka, &output_syslog, NULL,
};
