#include "outputs/format.h"

extern const struct format format_json, format_compact, format_compact_color;

const struct format *const formats[] = {
	&format_json,
	&format_compact,
	&format_compact_color,
	NULL,
};

const struct format *format_by_name(const char *name)
{
	const struct format *const *format;

	for (format = formats; *format; format++)
		if (strcmp((*format)->name, name) == 0)
			return *format;
	return NULL;
}
