/* redaction/redaction.h: what must not leave the host is taken out here, before anything is kept.
 *
 * The rest of weir meets process text in two types. `struct str` is raw: as the kernel gave it.
 * `struct redacted` has been through the rules, and the encoders take nothing else. Only the
 * functions below make one, so un-redacted text cannot reach an encoder: it doesn't compile.
 * (`./dev lint` refuses the literal `(struct redacted)` outside this folder.)
 *
 * Rules are compiled once, shared by reference, and never change; a reload makes a new set.
 * When a rule can't be evaluated (match limit, invalid UTF-8 for a pattern that needs UTF-8,
 * out of memory) the whole field is masked: it fails closed, and is counted.
 * Runs in the collector only, on its loop thread. pipeline/stage_redact.c reads the configuration.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct redaction;

/* Text that may be kept and sent. Made only in redaction/. */
struct redacted {
	struct str text;
};

/* What a call did, added up over the calls that share it. */
struct redaction_outcome {
	uint32_t replaced;    /* capture groups replaced */
	uint32_t failed;      /* fields masked whole because a rule could not be evaluated */
	uint64_t rules_fired; /* bit i: rule i; rules past the 64th share bit 63 */
};

/* One rule as it is configured. Borrowed for redaction_create(). */
struct redaction_rule_settings {
	const char *id;		     /* shown in events and counters; NULL: made from its place */
	const char *pattern;	     /* PCRE2 syntax; its capture groups are what is replaced */
	const char *const *binaries; /* patterns on the binary; none: the rule is for all */
	size_t binaries_count;
	const char *replacement; /* NULL: "*****" */
};

struct redaction_settings {
	const struct redaction_rule_settings *rules;
	size_t rules_count;
	bool credential_presets; /* add the built-in rules for tokens, keys and passwords */
	uint32_t match_limit;	 /* PCRE2 match limit per attempt; 0: the default (50,000) */
};

/* Compiles. On failure em names the rule and what is wrong with it (a pattern without a capture
 * group redacts nothing and is refused). */
WARN_UNUSED int redaction_create(const struct redaction_settings *settings,
				 struct redaction **redaction_r, struct errmsg *em);
/* Whether this one rule would be accepted, and if not why; for messages with a file and a line. */
WARN_UNUSED int redaction_check(const struct redaction_rule_settings *rule, struct errmsg *em);
void redaction_ref(struct redaction *redaction);
void redaction_unref(struct redaction **redaction);
/* Identifier of rule i, as configured or made from its place; NULL past the last. */
const char *redaction_rule_id(const struct redaction *redaction, unsigned int i);

/* An argument list: elements ended by NUL, as in /proc/PID/cmdline. The rules that apply to
 * `binary` see each element and the joined line, so that neither quoting nor splitting hides a
 * secret. A capture that stops at white space inside an element goes on to the element's end, so
 * that a value of several words is masked whole. The result is a list of the same form and the same
 * number of elements, each ended by NUL, in `out` (which must outlive it; a growable one must not
 * grow while it is in use). When `out` overflows the result is empty and counted as failed. */
struct redacted redaction_arguments(struct redaction *redaction, struct str binary, struct str list,
				    struct buf *out, struct redaction_outcome *outcome);
/* An environment list of KEY=VALUE elements ended by NUL; only values are masked. */
struct redacted redaction_environment(struct redaction *redaction, struct str binary,
				      struct str list, struct buf *out,
				      struct redaction_outcome *outcome);
/* One string of any kind: a path, a working directory. */
struct redacted redaction_text(struct redaction *redaction, struct str binary, struct str text,
			       struct buf *out, struct redaction_outcome *outcome);
/* Text that comes from the system or from weir itself and never from a process: a user's name,
 * a container id made of hex digits. Copied to `out` as it is. */
struct redacted redaction_exempt(struct str text, struct buf *out);
