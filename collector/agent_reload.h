/* collector/agent_reload.h: reading the configuration, at start and again while running. A reload
 * validates everything first and then swaps whole; when anything is wrong, what ran goes on. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "collector/agent.h"
#include "config/settings.h"

struct agent;

/* Loads, lays the options over what was loaded, and checks the outputs. */
WARN_UNUSED int agent_load_settings(const struct agent_options *options,
				    struct settings_document **doc_r, struct errmsg *em);
/* SHA-256 in hex of the text that was read; empty when there was no file. */
void agent_digest(const struct settings_document *doc, char digest_r[65]);
/* Either way the outcome is logged and journaled as weir_config. */
WARN_UNUSED int agent_reload(struct agent *agent, struct errmsg *em);
