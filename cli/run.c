/* cli/run.c: `weir run`: the collector, which starts the forwarder. */
#include "cli/event_printer.h"
#include "cli/verb.h"

#include "collector/agent.h"
#include "config/settings.h"
#include "outputs/forwarder.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run_options {
	const char *config, *journal, *state, *socket, *format;
	uint64_t duration_ns;
};

static const struct option options[] = {
	{ "config", 'c', OPTION_TEXT, offsetof(struct run_options, config), "FILE",
	  "Read this configuration. Without it the built-in defaults hold and events go to "
	  "standard output." },
	{ "duration", 0, OPTION_DURATION, offsetof(struct run_options, duration_ns), "TIME",
	  "Stop by itself after so long: 30s, 5m." },
	{ "journal", 0, OPTION_TEXT, offsetof(struct run_options, journal), "DIR",
	  "Keep the journal there instead of where the configuration says." },
	{ "state", 0, OPTION_TEXT, offsetof(struct run_options, state), "DIR",
	  "Keep cursors and dead letters there." },
	{ "socket", 0, OPTION_TEXT, offsetof(struct run_options, socket), "PATH",
	  "Listen there for `weir status` and `weir reload`." },
	{ "output-format", 0, OPTION_TEXT, offsetof(struct run_options, format), "NAME",
	  "Format on standard output, without outputs in the configuration: json, compact or "
	  "compact-color. Default: compact-color on a terminal, else json." },
	OPTION_END,
};

/* The forwarder and a later reload must find the same place, wherever they are. */
static int make_absolute(const char **path, char absolute[PATH_MAX], struct errmsg *em)
{
	char here[PATH_MAX];
	int n;

	if (!*path || (*path)[0] == '/')
		return 0;
	if (!getcwd(here, sizeof(here))) {
		errmsg_set(em, "the current directory can't be found: %s", strerror(errno));
		return -EINVAL;
	}
	n = snprintf(absolute, PATH_MAX, "%s/%s", here, *path);
	if (n < 0 || n >= PATH_MAX) {
		errmsg_set(em, "'%s' is too long for a path", *path);
		return -EINVAL;
	}
	*path = absolute;
	return 0;
}

/* A format that can't be is refused here, before anything has started: only the forwarder would
 * find it otherwise. */
static int check_format(const struct agent_options *agent, struct errmsg *em)
{
	const struct settings_overrides overrides = { .format = agent->format };
	struct settings_document *doc;
	int err;

	if (!agent->format)
		return 0;
	err = settings_load(agent->config_path, &doc, em);
	if (err)
		return err;
	err = settings_override(doc, &overrides, em);
	if (!err)
		err = outputs_check(settings_of(doc)->outputs, em);
	settings_free(&doc);
	return err;
}

static enum exit_code run(const struct verb *verb, int argc, char **argv)
{
	char config[PATH_MAX], journal[PATH_MAX], state[PATH_MAX], socket[PATH_MAX];
	struct run_options o = { 0 };
	struct agent_options agent;
	struct errmsg em = { "" };
	int err;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	err = make_absolute(&o.config, config, &em);
	if (!err)
		err = make_absolute(&o.journal, journal, &em);
	if (!err)
		err = make_absolute(&o.state, state, &em);
	if (!err)
		err = make_absolute(&o.socket, socket, &em);
	if (err) {
		verb_complain(verb, "%s", em.text);
		return EXIT_USAGE;
	}
	agent = (struct agent_options){
		.config_path = o.config,
		.journal_directory = o.journal,
		.state_directory = o.state,
		.control_socket = o.socket,
		.format = o.format,
		.duration_ns = o.duration_ns,
	};
	if (o.format && !event_printer_find_format(verb, o.format))
		return EXIT_USAGE;
	if (check_format(&agent, &em) < 0) {
		verb_complain(verb, "%s", em.text);
		return EXIT_CONFIG;
	}
	return (enum exit_code)agent_run(&agent);
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "the configuration is wrong" },
	{ EXIT_UNSUPPORTED, "this kernel can't, or rights are missing; `weir probe` says which" },
	{ 0, NULL },
};

const struct verb verb_run = {
	.name = "run",
	.summary = "watch this machine: read the kernel, keep a journal, deliver",
	.usage = "[--config FILE] [--duration TIME]",
	.about = "Watches processes and TCP connections until SIGTERM or Ctrl-C, then delivers "
		 "what is\nwaiting, for at most forwarder.drain_timeout, and stops.\n\n"
		 "Without a configuration events go to standard output: one coloured line each on "
		 "a\nterminal, JSON when piped. SIGHUP reloads the configuration, as `weir reload` "
		 "does;\nSIGUSR1 makes outputs open their files anew.\n\n"
		 "It needs root: the collector loads programs into the kernel, and the forwarder "
		 "gives up\nits rights. `weir probe` says whether this kernel will do.",
	.examples = "  weir run\n"
		    "  weir run --duration 30s --output-format json > events.json\n"
		    "  weir run --config /etc/weir/weir.yaml\n"
		    "  weir run --journal /tmp/j --state /tmp/s --socket /tmp/weir.sock\n",
	.options = options,
	.exits = exits,
	.run = run,
};
