#include "cli/options.h"

#include "config/config.h"
#include "config/value.h"

#include <errno.h>
#include <string.h>

struct parser {
	const struct option *options;
	char **argv;
	int argc, at;
	void *values;
	struct errmsg *em;
};

static int store_text(struct parser *p, const struct option *option, const char *value)
{
	struct option_texts *texts = (void *)((char *)p->values + option->offset);

	if (texts->n == OPTION_MAX_TEXTS) {
		errmsg_set(p->em, "--%s can be given at most %d times", option->name,
			   OPTION_MAX_TEXTS);
		return -EINVAL;
	}
	texts->v[texts->n++] = value;
	return 0;
}

static int store_number(struct parser *p, const struct option *option, const char *value)
{
	struct option_number *number = (void *)((char *)p->values + option->offset);

	if (!config_parse_integer(str_of(value), &number->value)) {
		errmsg_set(p->em, "--%s: '%s' is not a number; write digits only", option->name,
			   value);
		return -EINVAL;
	}
	number->given = true;
	return 0;
}

static int store_duration(struct parser *p, const struct option *option, const char *value)
{
	if (config_parse_duration(str_of(value), (void *)((char *)p->values + option->offset)))
		return 0;
	errmsg_set(p->em, "--%s: '%s' is not a duration; write " CONFIG_DURATION_EXAMPLES,
		   option->name, value);
	return -EINVAL;
}

static int store(struct parser *p, const struct option *option, const char *value)
{
	void *at = (char *)p->values + option->offset;

	switch (option->type) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)at = value;
		return 0;
	case OPTION_TEXTS:
		return store_text(p, option, value);
	case OPTION_NUMBER:
		return store_number(p, option, value);
	case OPTION_DURATION:
		return store_duration(p, option, value);
	}
	return -EINVAL;
}

/* attached: the value in the same word, NULL when there is none. */
static int take(struct parser *p, const struct option *option, const char *attached)
{
	if (option->type == OPTION_FLAG && attached) {
		errmsg_set(p->em, "--%s takes no value", option->name);
		return -EINVAL;
	}
	if (option->type == OPTION_FLAG || attached)
		return store(p, option, attached);
	if (p->at == p->argc) {
		errmsg_set(p->em, "--%s needs a value: --%s %s", option->name, option->name,
			   option->argument);
		return -EINVAL;
	}
	return store(p, option, p->argv[p->at++]);
}

static int refuse_unknown(struct parser *p, const char *word)
{
	const char *names[64], *nearest;
	size_t n = 0;

	for (const struct option *o = p->options; o && o->name && n < ARRAY_SIZE(names); o++)
		names[n++] = o->name;
	nearest = config_nearest((struct str){ word + 2, strcspn(word + 2, "=") }, names, n);
	if (nearest)
		errmsg_set(p->em, "unknown option '%s'; did you mean '--%s'?", word, nearest);
	else
		errmsg_set(p->em, "unknown option '%s'", word);
	return -EINVAL;
}

static int take_long(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word - 2) : strlen(word + 2);

	for (const struct option *o = p->options; o && o->name; o++)
		if (strlen(o->name) == n && memcmp(o->name, word + 2, n) == 0)
			return take(p, o, equals ? equals + 1 : NULL);
	return refuse_unknown(p, word);
}

static int take_short(struct parser *p, const char *word)
{
	for (const struct option *o = p->options; o && o->name; o++)
		if (o->letter && o->letter == word[1])
			return take(p, o, word[2] ? word + 2 : NULL);
	errmsg_set(p->em, "unknown option '%s'", word);
	return -EINVAL;
}

int options_parse(const struct option *options, int *argc, char **argv, void *values,
		  struct errmsg *em)
{
	struct parser p = {
		.options = options, .argv = argv, .argc = *argc, .values = values, .em = em
	};
	bool ended = false;
	int kept = 0, err = 0;

	while (!err && p.at < p.argc) {
		char *word = argv[p.at++];

		if (!ended && strcmp(word, "--") == 0)
			ended = true;
		else if (!ended && word[0] == '-' && word[1] == '-')
			err = take_long(&p, word);
		else if (!ended && word[0] == '-' && word[1])
			err = take_short(&p, word);
		else
			argv[kept++] = word;
	}
	*argc = kept;
	return err;
}

bool options_ask_help(int argc, char *const *argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* The help in a column of its own, broken between words. */
static void write_wrapped(const char *text, struct buf *out)
{
	const size_t indent = 26, width = 68;

	while (*text) {
		size_t n = strlen(text);

		if (n > width)
			for (n = width; n > 0 && text[n] != ' ';)
				n--;
		if (n == 0)
			n = strlen(text);
		buf_put(out, text, n);
		buf_putc(out, '\n');
		text += n;
		text += *text == ' ';
		if (*text)
			buf_printf(out, "%*s", (int)indent, "");
	}
}

void options_write_help(const struct option *options, struct buf *out)
{
	for (const struct option *o = options; o && o->name; o++) {
		char left[64];
		struct buf name = buf_fixed(left, sizeof(left) - 1);

		if (o->letter)
			buf_printf(&name, "-%c, ", o->letter);
		buf_printf(&name, "--%s%s%s", o->name, o->argument ? " " : "", o->argument ?: "");
		left[name.len] = '\0';
		buf_printf(out, "  %-22s  ", left);
		if (name.len > 22)
			buf_printf(out, "\n%26s", "");
		write_wrapped(o->help, out);
	}
}
