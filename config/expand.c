#include "config/expand.h"

#include "config/node.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where in the text we are; every step takes from the front. */
struct expansion {
	const struct config_node *node;
	struct str rest;
	struct buf out;
	struct errmsg *em;
};

static struct str take(struct str *s, size_t n)
{
	struct str taken = { s->p, n };

	s->p += n;
	s->n -= n;
	return taken;
}

static bool is_name(struct str name)
{
	if (name.n == 0 || name.n > 255 || isdigit((unsigned char)name.p[0]))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!isalnum((unsigned char)name.p[i]) && name.p[i] != '_')
			return false;
	return true;
}

static int put_variable(struct expansion *x, struct str name, const struct str *fallback)
{
	char key[256];
	const char *value;

	memcpy(key, name.p, name.n);
	key[name.n] = '\0';
	value = getenv(key);
	if (fallback && (!value || !*value))
		buf_puts(&x->out, *fallback);
	else if (value)
		buf_puts(&x->out, str_of(value));
	else
		return config_error(x->node, x->em,
				    "the environment variable %s is not set; set it, or write "
				    "${%s:-default}",
				    key, key);
	return 0;
}

/* At "${...": takes it up to its brace. */
static int expand_reference(struct expansion *x)
{
	const char *end = memchr(x->rest.p, '}', x->rest.n);
	struct str inside, name, fallback;
	const char *colon;

	if (!end)
		return config_error(x->node, x->em,
				    "'${' without '}'; write ${NAME}, or $${ for a literal ${");
	inside = take(&x->rest, (size_t)(end - x->rest.p) + 1);
	inside = (struct str){ inside.p + 2, inside.n - 3 };
	colon = memmem(inside.p, inside.n, ":-", 2);
	name = (struct str){ inside.p, colon ? (size_t)(colon - inside.p) : inside.n };
	if (!is_name(name))
		return config_error(x->node, x->em,
				    "'%s' is not the name of an environment variable; write "
				    "${NAME}, or $${ for a literal ${",
				    config_show(name).text);
	if (!colon)
		return put_variable(x, name, NULL);
	fallback = (struct str){ colon + 2, inside.n - name.n - 2 };
	return put_variable(x, name, &fallback);
}

static int expand_step(struct expansion *x)
{
	const char *dollar = memchr(x->rest.p, '$', x->rest.n);

	if (!dollar) {
		buf_puts(&x->out, take(&x->rest, x->rest.n));
		return 0;
	}
	buf_puts(&x->out, take(&x->rest, (size_t)(dollar - x->rest.p)));
	if (str_starts_with(x->rest, STR("${")))
		return expand_reference(x);
	if (str_starts_with(x->rest, STR("$${"))) {
		buf_lit(&x->out, "${");
		take(&x->rest, 3);
		return 0;
	}
	buf_puts(&x->out, take(&x->rest, 1));
	return 0;
}

int config_expand(const struct config_node *scalar, char **text_r, size_t *n_r, struct errmsg *em)
{
	struct expansion x = {
		.node = scalar,
		.rest = config_node_text(scalar),
		.out = buf_growable(CONFIG_MAX_EXPANDED),
		.em = em,
	};
	int err = 0;

	while (!err && x.rest.n)
		err = expand_step(&x);
	buf_putc(&x.out, '\0');
	if (!err && !buf_ok(&x.out))
		err = config_error(scalar, em, "the value is longer than 64 KiB");
	if (err) {
		buf_free(&x.out);
		return err;
	}
	*text_r = x.out.p;
	*n_r = x.out.len - 1;
	return 0;
}

int config_node_string(const struct config_node *scalar, char **text_r, struct errmsg *em)
{
	size_t n;

	if (config_node_kind(scalar) != CONFIG_NODE_SCALAR)
		return config_error(scalar, em, "expected one value here, not a list or a mapping");
	if (memchr(config_node_text(scalar).p, '\0', config_node_text(scalar).n))
		return config_error(scalar, em, "the value has a NUL byte in it; remove it");
	return config_expand(scalar, text_r, &n, em);
}
