#include "config/value.h"

#include "base/clock.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first within a family: writing takes the first that divides. */
static const struct unit size_units[] = {
	{ "TiB", 1ull << 40 }, { "GiB", 1ull << 30 },	{ "MiB", 1ull << 20 },
	{ "KiB", 1ull << 10 }, { "TB", 1000000000000 }, { "GB", 1000000000 },
	{ "MB", 1000000 },     { "KB", 1000 },		{ "B", 1 },
};
static const struct unit duration_units[] = {
	{ "d", 86400 * NSEC_PER_SEC }, { "h", 3600 * NSEC_PER_SEC }, { "m", 60 * NSEC_PER_SEC },
	{ "s", NSEC_PER_SEC },	       { "ms", NSEC_PER_MSEC },	     { "us", 1000 },
};

static bool parse_digits(struct str text, uint64_t *v_r, struct str *rest_r)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(text.p[i] - '0'), &v))
			return false;
	if (i == 0 || (text.p[0] == '0' && i > 1))
		return false;
	*v_r = v;
	*rest_r = (struct str){ text.p + i, text.n - i };
	return true;
}

static bool apply_unit(uint64_t v, struct str name, const struct unit *units, size_t n,
		       uint64_t *v_r)
{
	if (name.n > 1 && name.p[0] == ' ') /* "64 KiB" */
		name = (struct str){ name.p + 1, name.n - 1 };
	for (size_t i = 0; i < n; i++)
		if (str_equal(name, str_of(units[i].name)))
			return !__builtin_mul_overflow(v, units[i].factor, v_r);
	return false;
}

bool config_parse_integer(struct str text, uint64_t *v_r)
{
	struct str rest;
	uint64_t v;

	if (!parse_digits(text, &v, &rest) || rest.n)
		return false;
	*v_r = v;
	return true;
}

bool config_parse_size(struct str text, uint64_t *bytes_r)
{
	struct str rest;
	uint64_t v;

	if (!parse_digits(text, &v, &rest))
		return false;
	if (rest.n)
		return apply_unit(v, rest, size_units, ARRAY_SIZE(size_units), bytes_r);
	*bytes_r = v;
	return true;
}

bool config_parse_duration(struct str text, uint64_t *ns_r)
{
	struct str rest;
	uint64_t v;

	if (!parse_digits(text, &v, &rest))
		return false;
	if (rest.n || v)
		return apply_unit(v, rest, duration_units, ARRAY_SIZE(duration_units), ns_r);
	*ns_r = 0;
	return true;
}

bool config_parse_bool(struct str text, bool *v_r)
{
	static const char *const words[2][3] = { { "false", "no", "off" },
						 { "true", "yes", "on" } };

	for (size_t i = 0; i < 6; i++) {
		if (!str_equal(text, str_of(words[i / 3][i % 3])))
			continue;
		*v_r = i / 3;
		return true;
	}
	return false;
}

static void write_in(uint64_t v, const struct unit *units, size_t n, struct buf *out)
{
	for (size_t i = 0; v && i < n; i++) {
		if (v % units[i].factor)
			continue;
		buf_u64(out, v / units[i].factor);
		buf_puts(out, str_of(units[i].name));
		return;
	}
	buf_u64(out, v);
}

void config_write_size(uint64_t bytes, struct buf *out)
{
	const size_t binary_units = 4; /* 1024000 is shown as 1000KiB, not as 1024KB */

	write_in(bytes, size_units, binary_units, out);
}

void config_write_duration(uint64_t ns, struct buf *out)
{
	write_in(ns, duration_units, ARRAY_SIZE(duration_units), out);
}

void config_write_number(enum config_type type, uint64_t v, struct buf *out)
{
	if (type == CONFIG_SIZE)
		config_write_size(v, out);
	else if (type == CONFIG_DURATION)
		config_write_duration(v, out);
	else
		buf_u64(out, v);
}
