/* cli/probe.c: `weir probe`: what this kernel can do. */
#include "cli/verb.h"

#include "collector/probe.h"

struct probe_options {
	bool json;
};

static const struct option options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct probe_options, json), NULL,
	  "Print a JSON object." },
	OPTION_END,
};

/* Without these weir can't start at all. */
static bool is_enough(const struct kernel_features *features)
{
	return features->btf && features->ring_buffer && features->tp_btf &&
	       features->task_iterator && features->may_load;
}

static enum exit_code run_probe(const struct verb *verb, int argc, char **argv)
{
	struct buf out = buf_growable(1 << 16);
	struct probe_options o = { 0 };
	struct kernel_features features;

	if (verb_parse(verb, &argc, argv, &o, 0, 0) < 0)
		return EXIT_USAGE;
	probe_kernel(&features);
	if (o.json)
		probe_write_json(&features, &out);
	else
		probe_write_text(&features, &out);
	if (out.len && out.p[out.len - 1] != '\n')
		buf_putc(&out, '\n');
	return verb_print(verb, &out, is_enough(&features) ? EXIT_OK : EXIT_UNSUPPORTED);
}

static const struct verb_exit exits[] = {
	{ EXIT_UNSUPPORTED, "weir can't run here: kernel too old, no BTF, or rights are missing" },
	{ 0, NULL },
};

const struct verb verb_probe = {
	.name = "probe",
	.summary = "what this kernel can do, and what that means for weir",
	.usage = "[--json]",
	.about = "Asks the kernel, feature by feature, and leaves nothing behind. It takes some "
		 "milliseconds.",
	.examples = "  weir probe\n"
		    "  weir probe --json | jq .btf\n",
	.options = options,
	.exits = exits,
	.run = run_probe,
};
