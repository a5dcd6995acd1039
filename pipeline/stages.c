#include "pipeline/stage.h"

#include "base/str.h"
#include "pipeline/stage_enrich.h"
#include "pipeline/stage_filter.h"
#include "pipeline/stage_rate_limit.h"
#include "pipeline/stage_redact.h"

#include <stddef.h>

const struct stage_type *const stage_types[] = {
	&stage_enrich_type, &stage_filter_type, &stage_redact_type, &stage_rate_limit_type, NULL,
};

const struct stage_type *stage_type_by_name(const char *name)
{
	for (const struct stage_type *const *type = stage_types; *type; type++)
		if (str_equal(str_of((*type)->name), str_of(name)))
			return *type;
	return NULL;
}
