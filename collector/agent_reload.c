#include "collector/agent_reload.h"

#include "base/log.h"
#include "collector/agent_state.h"
#include "outputs/forwarder.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

int agent_load_settings(const struct agent_options *options, struct settings_document **doc_r,
			struct errmsg *em)
{
	struct settings_overrides overrides = {
		.journal_directory = options->journal_directory,
		.state_directory = options->state_directory,
		.control_socket = options->control_socket,
		.format = options->format,
	};
	int err = settings_load(options->config_path, doc_r, em);

	if (err)
		return err == -ENOMEM ? err : -EINVAL; /* whatever keeps a file from being read */
	err = settings_override(*doc_r, &overrides, em);
	if (!err)
		err = outputs_check(settings_of(*doc_r)->outputs, em);
	if (err)
		settings_free(doc_r);
	return err;
}

void agent_digest(const struct settings_document *doc, char digest_r[65])
{
	unsigned char hash[EVP_MAX_MD_SIZE], block[4096];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int fd = settings_copy(doc);
	unsigned int hash_len = 0;
	off_t at = 0;
	ssize_t n = -1;

	digest_r[0] = '\0';
	if (fd >= 0 && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
		while ((n = pread(fd, block, sizeof(block), at)) > 0) {
			EVP_DigestUpdate(md, block, (size_t)n);
			at += n;
		}
		if (n == 0)
			EVP_DigestFinal_ex(md, hash, &hash_len);
	}
	for (unsigned int i = 0; i < hash_len; i++)
		snprintf(digest_r + i * 2, 3, "%02x", hash[i]);
	EVP_MD_CTX_free(md);
}

static void journal_outcome(struct agent *agent, const char *message, bool refused)
{
	struct event event = {
		.kind = KIND_WEIR_CONFIG,
		.time_boot_ns = clock_boot_ns(&agent->clock),
		.time_wall_ns = clock_wall_ns(&agent->clock),
		.notice = { .version = str_of(WEIR_VERSION),
			    .config_digest = str_of(agent->config_digest),
			    .message = str_of(message),
			    .refused = refused },
	};

	pipeline_notice(agent->pipeline, &event);
	journal_commit(agent->journal);
}

/* Settings that other objects were built from stay as they are while weir runs. */
static int refuse_restart_needed(const struct settings *running, const struct settings *wanted,
				 struct errmsg *em)
{
	const char *name = settings_restart_needed(running, wanted);

	if (!name)
		return 0;
	errmsg_set(em, "%s can't change while weir runs; restart weir, or set it back", name);
	return -EINVAL;
}

static int build(struct agent *agent, struct settings_document **doc_r,
		 struct pipeline **pipeline_r, struct errmsg *em)
{
	int err = agent_load_settings(agent->options, doc_r, em);

	if (err)
		return err;
	err = refuse_restart_needed(settings_of(agent->document), settings_of(*doc_r), em);
	if (!err)
		err = pipeline_create(settings_of(*doc_r)->pipeline, &agent->encode, &agent->clock,
				      agent->journal, &agent->board->collector, pipeline_r, em);
	if (err)
		settings_free(doc_r);
	return err;
}

int agent_reload(struct agent *agent, struct errmsg *em)
{
	struct settings_document *document, *old_document = agent->document;
	struct pipeline *pipeline, *old_pipeline = agent->pipeline;
	struct journal_stats stats;
	int err = build(agent, &document, &pipeline, em);

	if (err) {
		log_error("reload refused, what ran goes on: %s", em->text);
		metric_add(&agent->board->collector.config_refusals, 1);
		journal_outcome(agent, em->text, true);
		return err;
	}
	agent->document = document;
	agent->encode.cluster_name = str_of(settings_of(document)->cluster_name);
	agent->pipeline = pipeline;
	ingest_set_pipeline(agent->ingest, pipeline);
	pipeline_tick(old_pipeline, true);
	pipeline_free(&old_pipeline);
	if (old_document != agent->first_document)
		settings_free(&old_document);
	log_set_level((enum log_level)settings_of(document)->log_level);
	agent_digest(document, agent->config_digest);
	journal_stats(agent->journal, &stats);
	supervisor_replace(agent->supervisor, settings_copy(document), stats.last_seq);
	metric_add(&agent->board->collector.config_reloads, 1);
	log_info("configuration reloaded");
	journal_outcome(agent, "reloaded", false);
	return 0;
}
