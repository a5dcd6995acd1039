/* tests/unit/http_profile_rig.h: one HTTP profile with its settings and a batch of events, and
 * nothing of the network: what would go out, and what an answer means. */
#pragma once

#include "outputs/http_profile.h"

#define RIG_BOOT "11111111-2222-3333-4444-555555555555"

struct http_profile_rig {
	struct config_document *doc;
	struct output_settings *settings;
	struct http_context ctx;
	struct http_templates *templates;
	const struct http_profile *profile;
	struct batch *batch;
	struct http_body body;
	uint64_t ticket;
	struct errmsg em;
};

/* yaml: the output, beside name, type and url. NULL: refused, em says why. Frees what was. */
struct http_profile_rig *http_profile_rig_create(const char *yaml, struct errmsg *em);
void http_profile_rig_free(struct http_profile_rig **rig);
/* Puts `n` events in, numbers from 1. */
void http_profile_rig_fill(struct http_profile_rig *rig, size_t n);
/* An event with this JSON, at this time. */
void http_profile_rig_add(struct http_profile_rig *rig, uint64_t seq, uint64_t wall_ns,
			  const char *json);
/* The body, terminated; free() it. */
char *http_profile_rig_body(struct http_profile_rig *rig);
/* Judges an answer to the batch as it is; em and ticket are in the rig. */
enum output_verdict http_profile_rig_judge(struct http_profile_rig *rig, int status,
					   const char *answer);
