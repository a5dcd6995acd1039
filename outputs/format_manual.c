/* outputs/format_manual.c: docs/outputs/formats.md, from the list of formats and their tables. */
#include "outputs/format.h"
#include "outputs/mapping.h"

/* Sets of cases that have a name, the larger ones first. */
static const struct {
	uint32_t cases;
	const char *name;
} sets[] = {
	{ ON_ALL, "all" },
	{ ON_PROCESS, "processes, connections" },
	{ ON_NETWORK, "connections" },
	{ ON_IMAGE, "exec, exit" },
	{ ON_SELF, "weir's own" },
	{ ON_CLIENT, "client" },
	{ ON_SERVER, "server" },
	{ ON_CLOSE, "close" },
	{ ON_CONNECT, "connect" },
	{ ON_ENDED, "exit" },
	{ ON_CONFIG, "config" },
	{ ON(EXEC), "exec" },
	{ ON(EXIT), "exit by itself" },
	{ ON(KILLED), "exit by a signal" },
	{ ON(CONNECT), "connect that succeeds" },
	{ ON(REFUSED), "connect that is refused" },
	{ ON(FAILED), "connect that fails" },
	{ ON(ACCEPT), "accept" },
	{ ON(LISTEN), "listen" },
	{ ON(CLOSE_CLIENT), "close (client)" },
	{ ON(CLOSE_SERVER), "close (server)" },
	{ ON(CLOSE_LISTENER), "close (listener)" },
	{ ON(LOSS), "loss" },
	{ ON(START), "start" },
	{ ON(STOP), "stop" },
	{ ON(CONFIG), "config" },
	{ ON(CONFIG_REFUSED), "config that is refused" },
};

static void write_cases(uint32_t cases, struct buf *out)
{
	bool is_first = true;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		if (!cases || (cases & sets[i].cases) != sets[i].cases)
			continue;
		if (!is_first)
			buf_lit(out, "; ");
		buf_puts(out, str_of(sets[i].name));
		cases &= ~sets[i].cases;
		is_first = false;
	}
}

/* In a cell of a table. */
static void write_code(const char *text, struct buf *out)
{
	buf_putc(out, '`');
	for (; *text; text++) {
		if (*text == '|')
			buf_putc(out, '\\');
		buf_putc(out, *text);
	}
	buf_putc(out, '`');
}

static void write_choices(const struct mapping_row *row, struct buf *out)
{
	const struct mapping_choice *choice = row->choices;

	buf_lit(out, "by ");
	write_code(row->source, out);
	for (;; choice++) {
		buf_puts(out, choice == row->choices ? STR(": ") : STR(", "));
		if (!choice->value)
			buf_lit(out, "else");
		else if (*choice->value)
			write_code(choice->value, out);
		else
			buf_lit(out, "none");
		buf_lit(out, " → ");
		if (choice->result)
			write_code(choice->result, out);
		else
			buf_lit(out, "no field");
		if (!choice->value)
			return;
	}
}

/* What stands behind the member's name. */
static const char *const conversions[MAP_CONVERSIONS] = {
	[MAP_VALUE] = "",
	[MAP_NUMBER] = " as a number",
	[MAP_TEXT] = " as text",
	[MAP_MILLISECONDS] = " in milliseconds since 1970",
	[MAP_NS_TO_MS] = " in milliseconds",
	[MAP_LAST_PART] = ", its last part",
	[MAP_IPV4] = ", of IPv4",
	[MAP_IPV6] = ", of IPv6",
	[MAP_JSON] = ", as it is",
	[MAP_LIST] = "",
	[MAP_ARGUMENTS] = ": the arguments one by one, the exact ones where they are known",
	[MAP_ENVIRONMENT] = " as `KEY=VALUE`",
	[MAP_VARIABLES] = " as `name`, `value`",
	[MAP_CAPABILITIES] = ", each with `CAP_`",
	[MAP_ID] = "the event's id: boot id and sequence number",
	[MAP_KIND] = "the kind of event",
	[MAP_TIME] = "when it happened",
	[MAP_TIME_MS] = "when it happened, in milliseconds since 1970",
	[MAP_TIME_S] = "when it happened, in seconds since 1970",
};

static void write_value(const struct mapping_row *row, struct buf *out)
{
	if (row->choices) {
		write_choices(row, out);
		return;
	}
	if (row->text)
		write_code(row->text, out);
	if (row->source)
		write_code(row->source, out);
	if (conversions[row->conversion])
		buf_puts(out, str_of(conversions[row->conversion]));
	if (row->otherwise) {
		buf_lit(out, ", else ");
		write_code(row->otherwise, out);
	}
}

static void write_schema(const struct schema *schema, struct buf *out)
{
	size_t i;

	buf_printf(out, "\n%s %s.\n\n| field | of | value |\n|---|---|---|\n", schema->title,
		   schema->version);
	for (i = 0; i < schema->count; i++) {
		buf_lit(out, "| ");
		write_code(schema->rows[i].target, out);
		buf_lit(out, " | ");
		write_cases(schema->rows[i].cases, out);
		buf_lit(out, " | ");
		write_value(&schema->rows[i], out);
		buf_lit(out, " |\n");
	}
}

static void write_introduction(struct buf *out)
{
	buf_lit(out,
		"# Formats\n\n"
		"Written by `weir manual formats` from the tables in `outputs/format_*.c`; change it "
		"there. A format goes with every output: `format: ecs`. What the members of an "
		"event mean is in [events.md](../events.md).\n\n"
		"No byte that a process chose can end an event, begin a field or forge a header in "
		"any of them. An event that a format can't express (a record that is not JSON as weir "
		"writes it) goes to the dead letters.\n\n"
		"## Changing fields\n\n"
		"```yaml\n"
		"outputs:\n"
		"  - name: siem\n"
		"    type: file\n"
		"    path: /var/log/weir/ecs.json\n"
		"    format:\n"
		"      name: ecs\n"
		"      drop: [process.parent]            # the field, or all that is in the object\n"
		"      rename: {process.args: process.argv}\n"
		"      add: {labels.site: fra1}          # text, the same in every event\n"
		"```\n\n"
		"Drops come first, then renames, then what is added; `weir check` refuses a field "
		"that does not exist and a name that is taken, with its place in the file. What is not "
		"changed costs nothing.\n\n"
		"- **ocsf, ecs, cef, leef, gelf**: fields are named as in the tables below. A rename "
		"gives the whole new name, so a field can move to another object; an object moves with "
		"all that is in it.\n"
		"- **json, msgpack**: fields are paths in the event with the kind in front, "
		"`process_exec.process.cwd`; `*` is any one name, so `*.process.cwd` is that of every "
		"kind, and the elements of a list have the list's path (`*.ancestors.cwd`). A renamed "
		"field stays in its object: `rename: {node_name: host}`. What is added stands beside "
		"the event: `add: {labels.site: fra1}`.\n"
		"- **compact** is for people and is what it is.\n\n"
		"## Cost\n\n"
		"CPU per event of 1.1 KB, half execs and half closed connections, formatting alone "
		"(`bench_formats`, median, one core of a shared 2-core AMD EPYC machine): json 0.04 "
		"µs, msgpack 0.8 µs, gelf 1.0 µs, leef 1.2 µs, cef 1.3 µs, ecs 1.5 µs, ocsf 1.6 µs. "
		"One run over the event's JSON and one over the fields; no memory is allocated for an "
		"event.\n\n"
		"## Fields\n\n"
		"`of` in the tables: *client* and *server* are the sides of a connection that the "
		"process has; a listening socket has the server's. A field whose member the event "
		"does not have is left out.\n");
}

void formats_write_manual(struct buf *out)
{
	const struct format *const *format;

	write_introduction(out);
	for (format = formats; *format; format++) {
		buf_printf(out, "\n## %s\n\n%s Content type `%s`.\n", (*format)->name,
			   (*format)->help, (*format)->content_type);
		if ((*format)->is_binary)
			buf_lit(out, "\nFor outputs that count an event's bytes: those that write "
				     "lines refuse it.\n");
		if ((*format)->schema)
			write_schema((*format)->schema, out);
	}
}
