#include "base/utf8.h"

#include <stdint.h>

/* Length of the sequence that starts at p (1..4), or 0 when it is not valid. */
static size_t sequence_length(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (p[0] < forms[i].first_min || p[0] > forms[i].first_max)
			continue;
		if (n < forms[i].length || p[1] < forms[i].second_min || p[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return forms[i].length;
	}
	return 0;
}

size_t utf8_valid_prefix(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t at = 0;

	while (at < s.n) {
		uint64_t word;
		size_t len;

		if (s.n - at >= sizeof(word)) {
			memcpy(&word, p + at, sizeof(word));
			if (!(word & 0x8080808080808080ull)) {
				at += sizeof(word);
				continue;
			}
		}
		len = sequence_length(p + at, s.n - at);
		if (!len)
			return at;
		at += len;
	}
	return at;
}

struct str utf8_take_visible(struct str *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	size_t len = sequence_length(p, s->n);
	bool control =
		len == 1 ? p[0] < 0x20 || p[0] == 0x7f : len == 2 && p[0] == 0xc2 && p[1] < 0xa0;
	struct str character = { s->p, len };

	s->p += len ? len : 1;
	s->n -= len ? len : 1;
	return len && !control ? character : STR("\xef\xbf\xbd");
}
