/* cli/status.c: `weir status`: how the running weir does. */
#include "cli/control_verb.h"
#include "cli/locate.h"
#include "cli/status_table.h"

#define STATUS_TIMEOUT_MS 5000

struct status_options {
	struct locate locate;
	bool json;
};

static const struct option options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct status_options, json), NULL,
	  "Print what the running weir says, as JSON." },
	LOCATE_SOCKET(struct status_options, locate),
	LOCATE_CONFIG(struct status_options, locate),
	OPTION_END,
};

static enum exit_code print_status(const struct verb *verb, struct buf *body, bool json)
{
	struct buf table = buf_growable(CONTROL_RESPONSE_MAX_BYTES);

	if (json) {
		buf_putc(body, '\n');
		return verb_print(verb, body, EXIT_OK);
	}
	if (!status_write_table(buf_str(body), &table)) {
		buf_free(&table);
		verb_complain(verb, "the running weir's answer can't be read; try --json");
		return EXIT_FAILED;
	}
	return verb_print(verb, &table, EXIT_OK);
}

static enum exit_code run_status(const struct verb *verb, int argc, char **argv)
{
	struct buf body = buf_growable(CONTROL_RESPONSE_MAX_BYTES);
	struct status_options o = { 0 };
	struct control_request request = { .method = "GET",
					   .path = "/v1/status",
					   .timeout_ms = STATUS_TIMEOUT_MS };
	unsigned int status = 0;
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	code = control_verb_ask(verb, &o.locate, &request, &status, &body);
	if (code == EXIT_OK)
		code = status == 200 ? print_status(verb, &body, o.json)
				     : control_verb_refuse(verb, status);
	buf_free(&body);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "the configuration given with --config is wrong" },
	{ EXIT_UNSUPPORTED, "no right to ask; try as root" },
	{ EXIT_NOT_RUNNING, "no weir answers" },
	{ 0, NULL },
};

const struct verb verb_status = {
	.name = "status",
	.summary = "rates, losses, memory and what each output has delivered",
	.usage = "[--json] [--socket PATH]",
	.about = "Asks the running weir. For each kind of event:\n"
		 "  captured = journaled + filtered + limited + lost (by cause)\n"
		 "and for each output how far it is behind what is in the journal.",
	.examples = "  weir status\n"
		    "  weir status --json | jq '.outputs[] | select(.state != \"up\")'\n",
	.options = options,
	.exits = exits,
	.run = run_status,
};
