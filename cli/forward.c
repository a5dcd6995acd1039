/* cli/forward.c: `weir forward`: the second process. The collector starts it, nobody else. */
#include "cli/verb.h"

#include "base/log.h"
#include "config/settings.h"
#include "outputs/forwarder.h"
#include "pipeline/metrics.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct forward_options {
	const char *config, *journal, *state, *format;
	struct option_number control_fd, board_fd, config_fd, session_seq;
};

static const struct option options[] = {
	{ "config", 0, OPTION_TEXT, offsetof(struct forward_options, config), "FILE",
	  "Where the collector's configuration is from; without it the defaults." },
	{ "config-fd", 0, OPTION_NUMBER, offsetof(struct forward_options, config_fd), "N",
	  "What the collector read there; the file may be another by now." },
	{ "control-fd", 0, OPTION_NUMBER, offsetof(struct forward_options, control_fd), "N",
	  "Its end of the socket pair." },
	{ "board-fd", 0, OPTION_NUMBER, offsetof(struct forward_options, board_fd), "N",
	  "The memory with the counters." },
	{ "session-seq", 0, OPTION_NUMBER, offsetof(struct forward_options, session_seq), "SEQ",
	  "First sequence number of this session." },
	{ "journal", 0, OPTION_TEXT, offsetof(struct forward_options, journal), "DIR",
	  "As given to the collector." },
	{ "state", 0, OPTION_TEXT, offsetof(struct forward_options, state), "DIR",
	  "As given to the collector." },
	{ "format", 0, OPTION_TEXT, offsetof(struct forward_options, format), "NAME",
	  "As given to the collector." },
	OPTION_END,
};

static enum exit_code forward_on(const struct forward_options *o, const struct settings *settings)
{
	const struct metrics_fds fds = { .collector = (int)o->board_fd.value,
					 .forwarder = (int)o->board_fd.value + 1 };
	struct metrics_board *board = metrics_map(&fds);
	struct forwarder_settings forwarder = {
		.settings = settings,
		.control_fd = (int)o->control_fd.value,
		.board = board,
		.session_first_seq = o->session_seq.value,
	};
	enum exit_code code;

	if (!board) {
		log_error("the counters (descriptor %d) can't be mapped: %s",
			  (int)o->board_fd.value, strerror(errno));
		return EXIT_FAILED;
	}
	code = (enum exit_code)forwarder_run(&forwarder);
	metrics_unmap(&board);
	return code;
}

static bool is_descriptor(const struct option_number *number)
{
	return number->given && number->value < INT_MAX;
}

/* The text is read once, and the descriptor closed with the document. */
static int load(const struct forward_options *o, struct settings_document **doc_r,
		struct errmsg *em)
{
	if (!o->config)
		return settings_load(NULL, doc_r, em);
	return settings_load_copy((int)o->config_fd.value, o->config, doc_r, em);
}

static enum exit_code run_forward(const struct verb *verb, int argc, char **argv)
{
	struct forward_options o = { 0 };
	struct settings_overrides overrides;
	struct settings_document *doc;
	struct errmsg em;
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	if (!is_descriptor(&o.control_fd) || !is_descriptor(&o.board_fd) ||
	    (o.config && !is_descriptor(&o.config_fd))) {
		verb_complain(verb, "it is started by `weir run`, not by hand");
		return EXIT_USAGE;
	}
	overrides = (struct settings_overrides){ .journal_directory = o.journal,
						 .state_directory = o.state,
						 .format = o.format };
	log_init("forwarder", LOG_LEVEL_INFO);
	if (load(&o, &doc, &em) < 0) {
		log_error("%s", em.text);
		return EXIT_CONFIG;
	}
	if (settings_override(doc, &overrides, &em) < 0) {
		log_error("%s", em.text);
		settings_free(&doc);
		return EXIT_CONFIG;
	}
	log_set_level((enum log_level)settings_of(doc)->log_level);
	code = forward_on(&o, settings_of(doc));
	settings_free(&doc);
	return code;
}

const struct verb verb_forward = {
	.name = "forward",
	.summary = "the forwarder's process; started by `weir run`",
	.usage = "--control-fd N --board-fd N --session-seq SEQ [OPTION...]",
	.about = "Reads the journal and delivers, without privileges. `weir run` starts it and "
		 "starts it again\nwhen it ends.",
	.options = options,
	.hidden = true,
	.run = run_forward,
};
