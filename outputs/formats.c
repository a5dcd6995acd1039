#include "outputs/format.h"

extern const struct format format_json, format_compact, format_compact_color, format_ocsf,
	format_ecs, format_cef, format_leef, format_gelf, format_msgpack;

const struct format *const formats[] = {
	&format_json, &format_msgpack, &format_ocsf,	&format_ecs,	       &format_cef,
	&format_leef, &format_gelf,    &format_compact, &format_compact_color, NULL,
};

const struct format *format_by_name(const char *name)
{
	const struct format *const *format;

	for (format = formats; *format; format++)
		if (strcmp((*format)->name, name) == 0)
			return *format;
	return NULL;
}
