/* cli/reload.c: `weir reload`: have the running weir read its configuration again. */
#include "cli/control_verb.h"
#include "cli/locate.h"

#include <jansson.h>
#include <stdlib.h>

/* It validates everything, outputs and regular expressions included. */
#define RELOAD_TIMEOUT_MS 30000

struct reload_options {
	struct locate locate;
};

static const struct option options[] = {
	LOCATE_SOCKET(struct reload_options, locate),
	LOCATE_CONFIG(struct reload_options, locate),
	OPTION_END,
};

static enum exit_code explain_refusal(const struct verb *verb, const struct buf *body)
{
	json_t *answer = json_loadb(body->p, body->len, 0, NULL);
	const char *error = json_string_value(json_object_get(answer, "error"));

	verb_complain(verb, "%s\nWhat ran goes on running.", error ?: "it was refused");
	json_decref(answer);
	return EXIT_CONFIG;
}

static enum exit_code run_reload(const struct verb *verb, int argc, char **argv)
{
	struct buf body = buf_growable(CONTROL_RESPONSE_MAX_BYTES);
	struct reload_options o = { 0 };
	struct control_request request = { .method = "POST",
					   .path = "/v1/reload",
					   .timeout_ms = RELOAD_TIMEOUT_MS };
	unsigned int status = 0;
	enum exit_code code;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	code = control_verb_ask(verb, &o.locate, &request, &status, &body);
	if (code == EXIT_OK && status == 422)
		code = explain_refusal(verb, &body);
	else if (code == EXIT_OK && status != 200)
		code = control_verb_refuse(verb, status);
	buf_free(&body);
	return code;
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "the configuration is wrong: nothing changed" },
	{ EXIT_UNSUPPORTED, "no right to ask; try as root" },
	{ EXIT_NOT_RUNNING, "no weir answers" },
	{ 0, NULL },
};

const struct verb verb_reload = {
	.name = "reload",
	.summary = "have the running weir read its configuration again",
	.usage = "[--socket PATH]",
	.about = "The running weir validates the file that it was started with and then changes "
		 "over to it\nwhole, or refuses it whole and goes on as it was. Either way the "
		 "journal gets a\nweir_config event. Settings that need a restart are refused by "
		 "name.",
	.examples = "  weir check /etc/weir/weir.yaml && weir reload\n",
	.options = options,
	.exits = exits,
	.run = run_reload,
};
