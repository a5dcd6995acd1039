/* cli/check.c: `weir check FILE...`: what `weir run` and a reload would say to a configuration. */
#include "cli/verb.h"

#include "base/json_write.h"
#include "config/settings.h"
#include "outputs/forwarder.h"
#include "pipeline/pipeline.h"

#include <limits.h>
#include <stdio.h>

struct check_options {
	bool json;
};

static const struct option options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct check_options, json), NULL,
	  "Print [{\"file\": ..., \"ok\": true, \"error\": null}, ...]." },
	OPTION_END,
};

static int check_file(const char *path, struct errmsg *em)
{
	struct settings_document *doc;
	const struct settings *settings;
	int err = settings_load(path, &doc, em);

	if (err)
		return err;
	settings = settings_of(doc);
	err = pipeline_check(settings->pipeline, em);
	if (!err)
		err = outputs_check(settings->outputs, em);
	settings_free(&doc);
	return err;
}

static void write_json(const char *path, bool ok, const struct errmsg *em, struct buf *out)
{
	json_comma(out);
	buf_putc(out, '{');
	json_field_string(out, "file", str_of(path));
	json_field_bool(out, "ok", ok);
	if (ok)
		buf_lit(out, ",\"error\":null");
	else
		json_field_string(out, "error", str_of(em->text));
	buf_putc(out, '}');
}

static enum exit_code run_check(const struct verb *verb, int argc, char **argv)
{
	struct buf out = buf_growable(1 << 24);
	struct check_options o = { 0 };
	enum exit_code code = EXIT_OK;

	if (verb_parse(verb, &argc, argv, &o, 1, INT_MAX) < 0)
		return EXIT_USAGE;
	if (o.json)
		buf_putc(&out, '[');
	for (int i = 0; i < argc; i++) {
		struct errmsg em = { "" };
		bool ok = check_file(argv[i], &em) == 0;

		if (!ok)
			code = EXIT_CONFIG;
		if (o.json)
			write_json(argv[i], ok, &em, &out);
		else
			buf_printf(&out, "%s%s\n", ok ? argv[i] : em.text, ok ? ": ok" : "");
	}
	if (o.json)
		buf_lit(&out, "]\n");
	return verb_print(verb, &out, code);
}

static const struct verb_exit exits[] = {
	{ EXIT_CONFIG, "at least one file is wrong" },
	{ 0, NULL },
};

const struct verb verb_check = {
	.name = "check",
	.summary = "say whether configurations are right, and where they are not",
	.usage = "[--json] FILE...",
	.about = "Reads each configuration as `weir run` would, with its stages, outputs, secrets "
		 "and\nenvironment variables, and starts nothing. One line per file:\n"
		 "  weir.yaml: ok\n"
		 "  other.yaml:7:3: unknown key 'max_byte' in journal; did you mean 'max_bytes'?",
	.examples = "  weir check /etc/weir/weir.yaml && weir reload\n"
		    "  weir check --json *.yaml | jq -r '.[] | select(.ok | not).error'\n",
	.options = options,
	.exits = exits,
	.run = run_check,
};
