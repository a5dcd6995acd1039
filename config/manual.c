/* config/manual.c: the reference of one table of settings, in Markdown. */
#include "config/config.h"

#include "config/value.h"

/* Text in a table's cell: a bar would end it, and Markdown takes `<` as the start of a tag. */
static void write_cell(const char *text, struct buf *out)
{
	for (; text && *text; text++) {
		if (*text == '|')
			buf_lit(out, "\\|");
		else if (*text == '<')
			buf_lit(out, "&lt;");
		else
			buf_putc(out, *text == '\n' ? ' ' : *text);
	}
}

static void write_choices(const struct config_item *item, struct buf *out)
{
	for (size_t i = 0; item->choices[i]; i++)
		buf_printf(out, "%s`%s`", i ? ", " : "", item->choices[i]);
}

static void write_type(const struct config_item *item, struct buf *out)
{
	switch (item->type) {
	case CONFIG_BOOL:
		buf_lit(out, "`true` or `false`");
		break;
	case CONFIG_INTEGER:
		buf_printf(out, "number%s%s", item->unit ? " of " : "", item->unit ?: "");
		break;
	case CONFIG_SIZE:
		buf_lit(out, "size");
		break;
	case CONFIG_DURATION:
		buf_lit(out, "duration");
		break;
	case CONFIG_STRING:
		buf_lit(out, "text");
		break;
	case CONFIG_ENUM:
		write_choices(item, out);
		break;
	case CONFIG_LIST:
		buf_lit(out, "list of texts");
		break;
	case CONFIG_SECRET:
		buf_lit(out, "secret");
		break;
	case CONFIG_MAP:
		break; /* write_rows() goes into it */
	case CONFIG_NODE:
		buf_lit(out, "see its own section");
		break;
	}
}

static void write_bounds(const struct config_item *item, struct buf *out)
{
	bool is_number = item->type == CONFIG_INTEGER || item->type == CONFIG_SIZE ||
			 item->type == CONFIG_DURATION;

	if (!is_number || (!item->min && !item->max))
		return;
	config_write_number(item->type, item->min, out);
	buf_puts(out, item->max ? STR(" to ") : STR(" or more"));
	if (item->max)
		config_write_number(item->type, item->max, out);
}

static void write_default(const struct config_item *item, struct buf *out)
{
	if (item->value && !item->value[0])
		buf_lit(out, "empty");
	else if (item->value)
		buf_printf(out, "`%s`", item->value);
	else
		buf_puts(out, item->optional ? STR("none") : STR("**required**"));
}

static void write_row(const struct config_item *item, const char *prefix, struct buf *out)
{
	buf_printf(out, "| `%s%s` | ", prefix, item->name);
	write_type(item, out);
	buf_lit(out, " | ");
	write_default(item, out);
	buf_lit(out, " | ");
	write_bounds(item, out);
	buf_printf(out, " | %s | ", item->live ? "reload" : "restart");
	write_cell(item->help, out);
	buf_lit(out, " |\n");
}

static void write_rows(const struct config_item *items, const char *prefix, struct buf *out)
{
	for (const struct config_item *item = items; item->name; item++) {
		char section[128];
		struct buf name = buf_fixed(section, sizeof(section) - 1);

		if (item->type != CONFIG_MAP) {
			write_row(item, prefix, out);
			continue;
		}
		buf_printf(&name, "%s%s.", prefix, item->name);
		section[name.len] = '\0';
		write_rows(item->items, section, out);
	}
}

void config_write_manual(const struct config_item *items, const char *prefix, struct buf *out)
{
	buf_lit(out, "| Setting | Value | Default | Bounds | Changed by | What it does |\n"
		     "|---|---|---|---|---|---|\n");
	write_rows(items, prefix ? prefix : "", out);
}
