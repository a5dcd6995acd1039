/* tests/unit/delivery_rig.h: one or more deliveries over the fake journal, with a clock that the
 * test turns and destinations that do as they are told and remember what they were sent. */
#pragma once

#include "outputs/delivery.h"

#define RIG_MAX_SENDS 4096
#define RIG_MAX_IDS   16

/* What a scripted destination does, and what it saw. */
struct script {
	struct output_settings settings; /* first: it is its own settings block */
	unsigned int fail_opens;	 /* so many more opens fail */
	enum output_verdict verdicts[64];
	size_t verdict_count, next_verdict; /* then SENT for ever */
	uint64_t refuse_seq[8];		    /* REFUSED whole when one of these is in it */
	size_t refuse_count;
	void (*mark)(struct batch *batch); /* sets verdicts on single events */
	const char *error;

	unsigned int opens, closes, sends, reopens;
	uint64_t accepted[100000]; /* seqs of what was answered SENT, notices as 0 */
	size_t accepted_count;
	size_t sent_counts[RIG_MAX_SENDS]; /* events of each send */
	struct batch *pending;		   /* the last one answered PENDING */
	struct batch *held[RIG_MAX_SENDS]; /* all that were, in the order of their sends */
	size_t held_count;
	unsigned int window;	  /* of the destination; 0: one */
	bool settles_within_send; /* what is PENDING has its answer before send() returns */
	uint64_t first_seqs[RIG_MAX_SENDS]; /* of each send */
	struct output *out;
	char last_notice[4096];
	char notice_ids[RIG_MAX_IDS][128]; /* of the notices in every send, taken or not */
	size_t notice_id_count;
};

struct rig {
	char state_directory[64];
	struct clock clock;
	struct encode_settings encode;
	struct metrics_output metrics;
	struct delivery *delivery;
	struct script *script;
	uint64_t random_value;
	unsigned int wakes;
	uint64_t session_first_seq;
};

struct rig *rig_create(const char *name);
/* Instead of json. */
void rig_use_format(struct rig *rig, const char *name);
void rig_start(struct rig *rig);
/* As a kill -9: the cursor file stays as it was last written. */
void rig_crash(struct rig *rig);
void rig_free(struct rig **rig);

void script_add(struct rig *rig, enum output_verdict verdict, unsigned int times);
/* Answers the i-th batch of those that were answered PENDING. */
void script_settle(struct rig *rig, size_t i, enum output_verdict verdict, const char *words);
/* Runs until the delivery wants to wait; returns for how long (DELIVERY_NEVER: for a wake-up). */
uint64_t rig_run(struct rig *rig);
void rig_sleep(struct rig *rig, uint64_t ns);
/* Runs and sleeps as it asks, until nothing is in flight; false: not within `limit_ns`. */
bool rig_settle(struct rig *rig, uint64_t limit_ns);
uint64_t rig_counter(const metric_t *metric);
/* The dead-letter file's content, terminated; "" when there is none. */
const char *rig_dead_letters(struct rig *rig);
/* What the log said since rig_create(). */
const char *rig_log(void);
