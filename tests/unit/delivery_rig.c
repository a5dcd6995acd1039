#include "tests/unit/delivery_rig.h"

#include "base/log.h"
#include "tests/unit/fake_journal.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

struct scripted_output {
	struct output base;
	struct script *script;
};

static char log_text[65536];

static void capture(void *ctx, enum log_level level, const char *line)
{
	size_t n = strlen(log_text);

	snprintf(log_text + n, sizeof(log_text) - n, "%s\n", line);
}

const char *rig_log(void)
{
	return log_text;
}

static int scripted_open(const struct output_settings *settings, struct event_base *base,
			 struct output **out_r, struct errmsg *em)
{
	struct script *script = (struct script *)settings;
	struct scripted_output *out;

	if (script->fail_opens) {
		script->fail_opens--;
		errmsg_set(em, "refuses to open");
		return -ECONNREFUSED;
	}
	out = calloc(1, sizeof(*out));
	out->script = script;
	script->out = &out->base;
	script->opens++;
	*out_r = &out->base;
	return 0;
}

static bool is_poisoned(const struct script *script, struct batch *batch)
{
	size_t i, j;

	for (i = 0; i < batch_count(batch); i++)
		for (j = 0; j < script->refuse_count; j++)
			if (batch_event_at(batch, i)->seq == script->refuse_seq[j] &&
			    !batch_event_at(batch, i)->notice)
				return true;
	return false;
}

static void remember_ids(struct script *script, struct batch *batch)
{
	for (size_t i = 0; i < batch_count(batch); i++) {
		char *id = script->notice_ids[script->notice_id_count % RIG_MAX_IDS];
		struct buf text = buf_fixed(id, sizeof(script->notice_ids[0]) - 1);

		if (!batch_notice(batch, i))
			continue;
		batch_write_id(batch, i, &text);
		id[text.len] = '\0';
		script->notice_id_count++;
	}
}

static void remember(struct script *script, struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch_count(batch); i++) {
		const struct batch_event *event = batch_event_at(batch, i);
		struct str text = batch_payload(batch, i);

		if (event->verdict == VERDICT_REFUSED || event->verdict == VERDICT_RETRY)
			continue;
		if (event->notice)
			snprintf(script->last_notice, sizeof(script->last_notice), "%.*s",
				 STR_FMT(text));
		script->accepted[script->accepted_count++] = event->notice ? 0 : event->seq;
	}
}

static enum output_verdict scripted_send(struct output *output, struct batch *batch)
{
	struct script *script = ((struct scripted_output *)output)->script;
	enum output_verdict verdict = OUTPUT_SENT;
	struct errmsg em;

	remember_ids(script, batch);
	script->first_seqs[script->sends % RIG_MAX_SENDS] = batch_event_at(batch, 0)->seq;
	script->sent_counts[script->sends++ % RIG_MAX_SENDS] = batch_count(batch);
	if (script->next_verdict < script->verdict_count)
		verdict = script->verdicts[script->next_verdict++];
	else if (is_poisoned(script, batch))
		verdict = OUTPUT_REFUSED;
	if (script->mark)
		script->mark(batch);
	if (verdict == OUTPUT_SENT || script->mark)
		remember(script, batch);
	if (verdict == OUTPUT_PENDING) {
		script->pending = batch;
		script->held[script->held_count++] = batch;
		if (script->settles_within_send)
			output_settled(output, batch, OUTPUT_SENT, NULL);
	}
	if (script->error) {
		errmsg_set(&em, "%s", script->error);
		output_error(output, &em);
	}
	return verdict;
}

static void scripted_reopen(struct output *output)
{
	((struct scripted_output *)output)->script->reopens++;
}

static void scripted_close(struct output **output)
{
	((struct scripted_output *)*output)->script->closes++;
	free(*output);
	*output = NULL;
}

static unsigned int scripted_window(const struct output_settings *settings)
{
	return ((const struct script *)settings)->window;
}

static const struct output_type scripted_type = {
	.name = "scripted",
	.settle_timeout_ns = 10 * NSEC_PER_SEC,
	.window_of = scripted_window,
	.open = scripted_open,
	.send = scripted_send,
	.reopen = scripted_reopen,
	.close = scripted_close,
};

static uint64_t rig_random(void *ctx)
{
	return ((struct rig *)ctx)->random_value;
}

static void rig_wake(void *ctx)
{
	((struct rig *)ctx)->wakes++;
}

struct rig *rig_create(const char *name)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct output_settings *settings;

	log_text[0] = '\0';
	log_capture(capture, NULL);
	snprintf(rig->state_directory, sizeof(rig->state_directory), "/tmp/weir-rig-XXXXXX");
	if (!mkdtemp(rig->state_directory))
		abort();
	clock_init_fake(&rig->clock, 1000 * NSEC_PER_SEC, 1700000000 * NSEC_PER_SEC);
	rig->encode =
		(struct encode_settings){ .node_name = STR("node"),
					  .boot_id = STR("11111111-2222-3333-4444-555555555555") };
	rig->random_value = UINT64_MAX;
	rig->script = calloc(1, sizeof(*rig->script));
	settings = &rig->script->settings;
	settings->name = strdup(name);
	settings->batch.max_events = 10;
	settings->batch.max_bytes = 1 << 20;
	settings->retry.initial_ns = 100 * NSEC_PER_MSEC;
	settings->retry.max_ns = 10 * NSEC_PER_SEC;
	settings->dead_letters.max_bytes = 1 << 20;
	settings->kinds = UINT64_MAX;
	rig_use_format(rig, "json");
	settings->output_type = &scripted_type;
	return rig;
}

void rig_use_format(struct rig *rig, const char *name)
{
	struct output_settings *settings = &rig->script->settings;

	formatter_close(&settings->formatter);
	settings->format = format_by_name(name);
	if (formatter_open(settings->format, &settings->formatter) != 0)
		abort();
}

void rig_start(struct rig *rig)
{
	struct delivery_settings settings = {
		.output = &rig->script->settings,
		.journal_directory = "/nowhere",
		.state_directory = rig->state_directory,
		.session_first_seq = rig->session_first_seq,
		.clock = &rig->clock,
		.encode = &rig->encode,
		.metrics = &rig->metrics,
		.random = rig_random,
		.random_ctx = rig,
		.wake = rig_wake,
		.wake_ctx = rig,
	};
	struct errmsg em;

	if (delivery_create(&settings, &rig->delivery, &em) != 0)
		abort();
}

void rig_crash(struct rig *rig)
{
	char path[128];
	uint64_t written;

	snprintf(path, sizeof(path), "%s/%s.cursor", rig->state_directory,
		 rig->script->settings.name);
	written = fake_cursor(path);
	delivery_free(&rig->delivery);
	fake_cursor_put(path, written);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void rig_free(struct rig **rig)
{
	delivery_free(&(*rig)->delivery);
	nftw((*rig)->state_directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	formatter_close(&(*rig)->script->settings.formatter);
	free((*rig)->script->settings.name);
	free((*rig)->script);
	free(*rig);
	*rig = NULL;
	log_capture(NULL, NULL);
}

void script_add(struct rig *rig, enum output_verdict verdict, unsigned int times)
{
	while (times--)
		rig->script->verdicts[rig->script->verdict_count++] = verdict;
}

void script_settle(struct rig *rig, size_t i, enum output_verdict verdict, const char *words)
{
	struct errmsg em;

	errmsg_set(&em, "%s", words ? words : "");
	if (verdict == OUTPUT_SENT)
		remember(rig->script, rig->script->held[i]);
	output_settled(rig->script->out, rig->script->held[i], verdict, words ? &em : NULL);
}

uint64_t rig_run(struct rig *rig)
{
	uint64_t next, now = rig->clock.fake_boot_ns;
	unsigned int runs = 0;

	do {
		next = delivery_run(rig->delivery);
		if (++runs > 10000)
			abort(); /* it spins */
	} while (next <= now);
	return next == DELIVERY_NEVER ? next : next - now;
}

void rig_sleep(struct rig *rig, uint64_t ns)
{
	rig->clock.fake_boot_ns += ns;
	rig->clock.fake_wall_ns += ns;
}

bool rig_settle(struct rig *rig, uint64_t limit_ns)
{
	uint64_t until = rig->clock.fake_boot_ns + limit_ns;

	while (rig->clock.fake_boot_ns <= until) {
		uint64_t wait = rig_run(rig);

		if (wait == DELIVERY_NEVER)
			return metric_get(&rig->metrics.in_flight) == 0;
		rig_sleep(rig, wait);
	}
	return false;
}

uint64_t rig_counter(const metric_t *metric)
{
	return metric_get(metric);
}

const char *rig_dead_letters(struct rig *rig)
{
	static char text[1 << 20];
	char path[128];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.dead", rig->state_directory,
		 rig->script->settings.name);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return text;
}
