#include "redaction/literal.h"

#include <limits.h>
#include <string.h>

#define MAX_DEPTH 32

/* A reader of pattern syntax. `lost`: something was met that it doesn't understand, so nothing
 * that it says may be used. */
struct parser {
	const char *p;
	unsigned int depth;
	bool lost;
};

enum atom_kind {
	ATOM_CHAR,   /* one literal character */
	ATOM_GROUP,  /* a group, perhaps with strings of its own */
	ATOM_OPAQUE, /* anything else that is consumed correctly: class, escape, anchor, assertion
		      */
};

struct atom {
	enum atom_kind kind;
	char c;
	struct literal_set set; /* ATOM_GROUP; empty: none */
};

enum repeat { REPEAT_ONCE, REPEAT_AT_LEAST_ONCE, REPEAT_OPTIONAL };

static bool read_alternatives(struct parser *parser, struct literal_set *set_r);

static bool is_one_of(char c, const char *chars)
{
	return c && strchr(chars, c);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* ---- how rare ---- */

/* 0: everywhere in command lines; more: rarer. Only an order of preference. */
static int byte_rarity(unsigned char c)
{
	static const char common_first[] = "/-etaoinsrhlcdum.pfgb=wy012vkx3_45:9867jqz";
	const char *at = c ? strchr(common_first, literal_fold(c)) : NULL;

	return at ? (int)(at - common_first) : (int)sizeof(common_first);
}

static int rarity(const struct literal *literal, size_t at, size_t width)
{
	int sum = 0;

	for (size_t i = at; i < at + width && i < literal->length; i++)
		sum += byte_rarity((unsigned char)literal->text[i]);
	return sum;
}

size_t literal_rarest(const struct literal *literal, size_t width)
{
	size_t best = 0;

	for (size_t at = 1; at + width <= literal->length; at++)
		if (rarity(literal, at, width) > rarity(literal, best, width))
			best = at;
	return best;
}

/* A set is as good as its commonest string. */
static int set_worth(const struct literal_set *set)
{
	int worst = INT_MAX;

	for (size_t i = 0; i < set->n; i++) {
		const struct literal *literal = &set->v[i];
		int worth = rarity(literal, literal_rarest(literal, 2), 2) + 8 * literal->length;

		if (worth < worst)
			worst = worth;
	}
	return set->n ? worst : -1;
}

static void keep_better(struct literal_set *best, const struct literal_set *set)
{
	if (set_worth(set) > set_worth(best))
		*best = *set;
}

/* ---- atoms ---- */

/* Behind "(?": returns false when the group matches nothing itself or asserts (its strings don't
 * count), and leaves p at the body, or at the closing bracket when there is none. */
static bool read_group_opening(struct parser *parser)
{
	const char *p = parser->p;

	if (*p == '=' || *p == '!') {
		parser->p = p + 1;
		return false;
	}
	if (*p == '<' && (p[1] == '=' || p[1] == '!')) {
		parser->p = p + 2;
		return false;
	}
	if (*p == '>' || *p == ':') {
		parser->p = p + 1;
		return true;
	}
	if (*p == 'P' && p[1] == '<')
		p++;
	if (*p == '<' || *p == '\'') {
		char closing = *p == '<' ? '>' : '\'';
		const char *end = strchr(p + 1, closing);

		parser->lost |= !end;
		parser->p = end ? end + 1 : p;
		return true;
	}
	/* Flags. x and n change what a pattern's text means. */
	while (is_one_of(*p, "imsU-"))
		p++;
	parser->lost |= *p != ':' && *p != ')';
	parser->p = *p == ':' ? p + 1 : p;
	return *p == ':';
}

static void read_group(struct parser *parser, struct atom *atom)
{
	struct literal_set set;
	bool counts = true;

	atom->kind = ATOM_GROUP;
	parser->p++;
	if (*parser->p == '*' || ++parser->depth > MAX_DEPTH) {
		parser->lost = true; /* a verb, or too deep to follow */
		return;
	}
	if (*parser->p == '?') {
		parser->p++;
		counts = read_group_opening(parser);
	}
	if (!parser->lost && read_alternatives(parser, &set) && counts)
		atom->set = set;
	if (*parser->p == ')')
		parser->p++;
	else
		parser->lost = true;
	parser->depth--;
}

static void read_class(struct parser *parser)
{
	const char *p = parser->p + 1;

	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	for (; *p && *p != ']'; p++) {
		if (*p == '\\') {
			p++;
			if (!*p || is_one_of(*p, "QEc"))
				break;
		} else if (*p == '[' && is_one_of(p[1], ":.=")) {
			const char *end = strpbrk(p + 2, "]");

			if (!end)
				break;
			if (end[-1] == p[1] && end - 1 > p + 1)
				p = end;
		}
	}
	parser->lost |= *p != ']';
	parser->p = *p ? p + 1 : p;
}

static void read_hex_digits(struct parser *parser)
{
	const char *p = parser->p;

	if (*p == '{') {
		const char *end = strchr(p, '}');

		parser->lost |= !end;
		parser->p = end ? end + 1 : p;
		return;
	}
	for (int i = 0; i < 2 && (is_digit(*p) || is_one_of(*p, "abcdefABCDEF")); i++)
		p++;
	parser->p = p;
}

static void read_escape(struct parser *parser, struct atom *atom)
{
	char c = parser->p[1];

	parser->lost |= !c;
	parser->p += c ? 2 : 1;
	if (c && !is_alnum(c)) {
		atom->kind = ATOM_CHAR;
		atom->c = c;
	} else if (c == 'x') {
		read_hex_digits(parser);
	} else if (!is_one_of(c, "sSdDwWbBAzZhHRntrfaeGKN") || *parser->p == '{') {
		parser->lost = true; /* back references, quoting, what we don't know */
	}
}

static struct atom read_atom(struct parser *parser)
{
	struct atom atom = { .kind = ATOM_OPAQUE };

	switch (*parser->p) {
	case '(':
		read_group(parser, &atom);
		break;
	case '[':
		read_class(parser);
		break;
	case '\\':
		read_escape(parser, &atom);
		break;
	case '.':
	case '^':
	case '$':
		parser->p++;
		break;
	default:
		atom.kind = ATOM_CHAR;
		atom.c = *parser->p++;
	}
	return atom;
}

/* {n}, {n,} or {n,m}. */
static enum repeat read_counted_repeat(struct parser *parser)
{
	const char *p = parser->p + 1;
	bool some = false;

	parser->lost |= !is_digit(*p);
	for (; is_digit(*p); p++)
		some |= *p != '0';
	if (*p == ',')
		p++;
	while (is_digit(*p))
		p++;
	parser->lost |= *p != '}';
	parser->p = *p ? p + 1 : p;
	return some ? REPEAT_AT_LEAST_ONCE : REPEAT_OPTIONAL;
}

static enum repeat read_repeat(struct parser *parser)
{
	enum repeat repeat;

	switch (*parser->p) {
	case '*':
	case '?':
		repeat = REPEAT_OPTIONAL;
		parser->p++;
		break;
	case '+':
		repeat = REPEAT_AT_LEAST_ONCE;
		parser->p++;
		break;
	case '{':
		repeat = read_counted_repeat(parser);
		break;
	default:
		return REPEAT_ONCE;
	}
	if (is_one_of(*parser->p, "?+"))
		parser->p++; /* lazy, possessive */
	if (is_one_of(*parser->p, "*?+{"))
		parser->lost = true; /* a repeat of a repeat */
	return repeat;
}

/* ---- sequences and alternatives ---- */

static void finish_run(struct literal *run, struct literal_set *best)
{
	struct literal_set set = { .v = { *run }, .n = 1 };

	if (run->length >= 2)
		keep_better(best, &set);
	run->length = 0;
}

static void add_char(struct literal *run, char c, struct literal_set *best)
{
	/* White space may be the end of an argument in the text that is searched. */
	if (is_one_of(c, " \t\n\r\f\v")) {
		finish_run(run, best);
		return;
	}
	if (run->length == LITERAL_MAX_BYTES)
		finish_run(run, best);
	run->text[run->length++] = (char)literal_fold((unsigned char)c);
}

/* Up to '|', ')' or the end: of the strings that every match has, the rarest (empty: none). */
static void read_sequence(struct parser *parser, struct literal_set *best)
{
	struct literal run = { .length = 0 };

	best->n = 0;
	while (!parser->lost && !is_one_of(*parser->p, "|)") && *parser->p) {
		struct atom atom = read_atom(parser);
		enum repeat repeat = read_repeat(parser);

		if (atom.kind == ATOM_CHAR && repeat != REPEAT_OPTIONAL)
			add_char(&run, atom.c, best);
		if (atom.kind != ATOM_CHAR || repeat != REPEAT_ONCE)
			finish_run(&run, best);
		if (atom.kind == ATOM_GROUP && repeat != REPEAT_OPTIONAL)
			keep_better(best, &atom.set);
	}
	finish_run(&run, best);
}

static bool add_set(struct literal_set *all, const struct literal_set *set)
{
	if (set->n == 0 || all->n + set->n > LITERALS_MAX)
		return false;
	memcpy(all->v + all->n, set->v, set->n * sizeof(set->v[0]));
	all->n += set->n;
	return true;
}

/* Up to ')' or the end. One string of each alternative; none when an alternative has none. */
static bool read_alternatives(struct parser *parser, struct literal_set *set_r)
{
	struct literal_set one;
	bool all_have = true;

	set_r->n = 0;
	for (;;) {
		read_sequence(parser, &one);
		all_have = add_set(set_r, &one) && all_have;
		if (parser->lost || *parser->p != '|')
			break;
		parser->p++;
	}
	if (!all_have || parser->lost)
		set_r->n = 0;
	return set_r->n > 0;
}

bool literals_required(const char *pattern, struct literal_set *set_r)
{
	struct parser parser = { .p = pattern };
	bool found = read_alternatives(&parser, set_r);

	if (!found || parser.lost || *parser.p)
		set_r->n = 0;
	return set_r->n > 0;
}
