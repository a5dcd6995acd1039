/* config/expand.h: ${NAME} and ${NAME:-default} in a value, from the environment; $${ stands for
 * a literal ${. A dollar sign in front of anything else is itself. It happens after the YAML is
 * parsed, so what stands in a variable can't add keys or change the structure. */
#pragma once

#include "config/config.h"

/* Longest value that comes out of it. */
#define CONFIG_MAX_EXPANDED (64u * 1024)

/* A copy of the scalar's text with its variables put in; free() it. On failure em names the place
 * and the variable, never a variable's value. */
WARN_UNUSED int config_expand(const struct config_node *scalar, char **text_r, size_t *n_r,
			      struct errmsg *em);
