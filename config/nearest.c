/* config/nearest.c: the known name that a person most likely meant. */
#include "config/config.h"

#include <ctype.h>
#include <string.h>

#define LONGEST 63 /* a longer name is nobody's typing mistake */

static bool is_same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned int least(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap neighbours) from a to b: three rows of the usual table. */
static unsigned int distance(struct str a, struct str b)
{
	unsigned int rows[3][LONGEST + 1];

	for (unsigned int j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (unsigned int i = 1; i <= a.n; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned int *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned int j = 1; j <= b.n; j++) {
			bool same = is_same(a.p[i - 1], b.p[j - 1]);

			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && is_same(a.p[i - 1], b.p[j - 2]) &&
			    is_same(a.p[i - 2], b.p[j - 1]))
				row[j] = least(row[j], two_above[j - 2] + 1, row[j]);
		}
	}
	return rows[a.n % 3][b.n];
}

const char *config_nearest(struct str written, const char *const *names, size_t n)
{
	const char *nearest = NULL;
	unsigned int best = (unsigned int)(written.n / 3 + 1);

	if (written.n > LONGEST || written.n == 0)
		return NULL;
	if (best > 3)
		best = 3;
	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(names[i]);
		unsigned int edits;

		if (name.n > LONGEST)
			continue;
		edits = distance(written, name);
		if (edits > best || (nearest && edits == best) || edits >= name.n)
			continue;
		best = edits;
		nearest = names[i];
	}
	return nearest;
}
