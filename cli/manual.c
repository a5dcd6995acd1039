/* cli/manual.c: `weir manual`: the references in docs/, written from the tables that the code runs
 * on. `./dev docs` calls it. */
#include "cli/verb.h"

#include "config/settings.h"
#include "outputs/format.h"
#include "outputs/output_settings.h"
#include "pipeline/event_manual.h"
#include "pipeline/metrics.h"
#include "pipeline/stage.h"

#include <string.h>

static void write_stages(struct buf *out)
{
	buf_lit(out, "\n## Stages\n\n`pipeline` is a list; an entry is the name of a stage, or the "
		     "name with its settings. Events pass the stages in this order.\n");
	for (const struct stage_type *const *type = stage_types; *type; type++) {
		buf_printf(out, "\n### %s\n\n", (*type)->name);
		if ((*type)->config && (*type)->config->name)
			config_write_manual((*type)->config, "", out);
		else
			buf_lit(out, "It has no settings.\n");
	}
}

static void write_configuration(struct buf *out)
{
	buf_lit(out,
		"# Configuration\n\n"
		"Written by `weir manual configuration` from the tables in the code; "
		"[config/weir.yaml](../config/weir.yaml) is a commented example with every "
		"default.\n\n"
		"A configuration is one YAML 1.1 document in UTF-8: at most 1 MiB, 32 levels deep, "
		"131072 values with every alias counted as what it stands for. Duplicate keys, "
		"unknown keys, tags and merge keys are refused. `weir check FILE` says whether a "
		"file is right, and where it is not.\n\n"
		"- A **size** is a number of bytes: `65536`, `64KiB`, `16MiB`, `1GiB`; `KB`, `MB` "
		"and `GB` are powers of ten.\n"
		"- A **duration** is `250ms`, `10s`, `5m`, `12h` or `7d`; `us` is there too.\n"
		"- In every value but a secret, `${NAME}` stands for an environment variable and "
		"`${NAME:-text}` for the text when it is unset or empty; `$${` is a literal `${`. A "
		"variable that is not set and has no text is refused.\n"
		"- A **secret** is `{file: PATH}`, `{env: NAME}` or the text itself. A file must be "
		"regular, of at most 64 KiB, and writable by its owner only; when every user may "
		"read it weir warns and takes it, because that is how container runtimes mount "
		"secrets. One newline at its end is not part of the secret. No message shows a "
		"secret.\n"
		"- **Changed by** says whether `weir reload` takes the change or a restart is "
		"needed. A reload that needs a restart is refused whole.\n\n"
		"## Settings\n\n");
	config_write_manual(settings_items, "", out);
	write_stages(out);
	buf_putc(out, '\n');
	outputs_write_manual(out);
}

static const struct {
	const char *name;
	void (*write)(struct buf *out);
} manuals[] = {
	{ "configuration", write_configuration },
	{ "metrics", metrics_write_manual },
	{ "events", events_write_manual },
	{ "formats", formats_write_manual },
};

static enum exit_code run_manual(const struct verb *verb, int argc, char **argv)
{
	struct buf out = buf_growable(1 << 22);

	if (verb_parse(verb, &argc, argv, NULL, 1, 1) < 0)
		return EXIT_USAGE;
	for (size_t i = 0; i < ARRAY_SIZE(manuals); i++) {
		if (strcmp(argv[0], manuals[i].name) != 0)
			continue;
		manuals[i].write(&out);
		return verb_print(verb, &out, EXIT_OK);
	}
	verb_complain(verb, "no manual '%s'; there are configuration, metrics, events and formats",
		      argv[0]);
	return EXIT_USAGE;
}

const struct verb verb_manual = {
	.name = "manual",
	.summary = "write a reference of docs/",
	.usage = "configuration|metrics|events|formats",
	.about = "Prints the reference in Markdown, from the tables in the code.",
	.examples = "  weir manual configuration > docs/configuration.md\n",
	.hidden = true,
	.run = run_manual,
};
