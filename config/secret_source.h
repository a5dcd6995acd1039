/* config/secret_source.h: where a secret comes from: {file: PATH}, {env: NAME}, or the text itself
 * (taken as it is: ${NAME} is not expanded in it). A message about it may name the file or the
 * variable, and never says what is in it.
 *
 * A file must be a regular one of at most 64 KiB that only its owner may write: who can write it
 * chooses the secret, so anything else is refused. One that everybody may read gets a warning, no
 * more: that is how Docker and Kubernetes mount secrets. One newline at its end is not part of
 * the secret. */
#pragma once

#include "config/config.h"

#define CONFIG_MAX_SECRET (64u * 1024)

WARN_UNUSED int config_read_secret(const struct config_node *node, struct secret **secret_r,
				   struct errmsg *em);
