/* config/settings.h: the whole configuration as structs, and its top-level table. One document,
 * one struct settings; a reload reads a second one beside it and swaps. */
#pragma once

#include "config/config.h"

struct settings {
	char *node_name; /* empty: $NODE_NAME, else the host's name */
	char *cluster_name;
	int log_level; /* enum log_level */
	struct {
		uint64_t ring_bytes; /* 0: from the machine's memory */
		uint64_t arguments_bytes;
		uint64_t environment_bytes;
		struct config_strings environment; /* names to keep; empty: none is read */
		uint64_t task_entries;
		bool existing_processes; /* write process_exec for those that ran already */
		bool tcp;
	} sensor;
	struct {
		uint64_t max_entries;
		uint64_t max_bytes;
		uint64_t linger_ns;	     /* how long an ended process stays known */
		uint64_t ancestors;	     /* how many to write above the parent */
		int credentials, namespaces; /* enum detail_level */
	} processes;
	const struct config_node *pipeline; /* list of stages; NULL: the defaults */
	struct {
		char *directory;
		uint64_t max_bytes, max_age_ns, segment_bytes, sync_interval_ns, memory_bytes;
		int when_full; /* enum journal_when_full */
		bool seal;
	} journal;
	struct {
		char *user;		   /* empty: the first of weir, nobody that exists */
		char *state_directory;	   /* cursors and dead letters */
		uint64_t drain_timeout_ns; /* on SIGTERM */
	} forwarder;
	const struct config_node *outputs; /* list; NULL: one stdout */
	struct {
		char *listen; /* address:port; empty: off */
	} metrics;
	struct {
		char *socket;
	} control;
};

extern const struct config_item settings_items[];

struct settings_document; /* owns the nodes that struct settings points into */

/* path NULL: the built-in defaults. Reads and validates the top level; stages and outputs
 * validate their own nodes when they are created (see cli/check.c for both). */
WARN_UNUSED int settings_load(const char *path, struct settings_document **doc_r,
			      struct errmsg *em);
/* The same from a copy of the file that settings_copy() gave, perhaps to another process; path is
 * for messages. fd becomes the document's, also on failure. */
WARN_UNUSED int settings_load_copy(int fd, const char *path, struct settings_document **doc_r,
				   struct errmsg *em);
/* The text that was read, sealed: whatever becomes of the file, this is what the settings are from.
 * The document's descriptor, closed on exec; -1: the built-in defaults. */
int settings_copy(const struct settings_document *doc);
const struct settings *settings_of(const struct settings_document *doc);
void settings_free(struct settings_document **doc);
/* What options of the command line put over the file; NULL: not given. */
struct settings_overrides {
	const char *journal_directory, *state_directory, *control_socket;
	const char *format; /* one stdout output in it; refused when the file has outputs */
};
/* Applied by `weir run` and by its `weir forward` alike, so that both see the same settings. On
 * failure the document is as good as freed: use it no more. */
WARN_UNUSED int settings_override(struct settings_document *doc,
				  const struct settings_overrides *overrides, struct errmsg *em);
/* Names the first setting that differs and can't change while weir runs ("journal.directory";
 * good until this thread's next call); NULL: none. */
const char *settings_restart_needed(const struct settings *running, const struct settings *wanted);
