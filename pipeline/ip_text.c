#include "pipeline/ip_text.h"

#define GROUPS 8

static char *put_octet(char *p, unsigned int v)
{
	if (v >= 100)
		*p++ = (char)('0' + v / 100);
	if (v >= 10)
		*p++ = (char)('0' + v / 10 % 10);
	*p++ = (char)('0' + v % 10);
	return p;
}

void ipv4_write(const uint8_t address[4], struct buf *out)
{
	char text[16], *p = text;

	for (int i = 0; i < 4; i++) {
		if (i)
			*p++ = '.';
		p = put_octet(p, address[i]);
	}
	buf_put(out, text, (size_t)(p - text));
}

static char *put_group(char *p, unsigned int v)
{
	static const char hex[] = "0123456789abcdef";
	int shift = 12;

	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*p++ = hex[v >> shift & 15];
	return p;
}

/* Where the run of zeros that becomes "::" begins, and its length; 0: there is none. */
static int longest_zero_run(const unsigned int groups[GROUPS], int *start_r)
{
	int best = 0;

	for (int i = 0; i < GROUPS; i++) {
		int n = 0;

		while (i + n < GROUPS && !groups[i + n])
			n++;
		if (n > best) {
			best = n;
			*start_r = i;
		}
		i += n;
	}
	return best >= 2 ? best : 0;
}

static void write_groups(const unsigned int groups[GROUPS], struct buf *out)
{
	char text[40], *p = text;
	int start = 0, run = longest_zero_run(groups, &start);

	for (int i = 0; i < GROUPS; i++) {
		if (run && i == start) {
			*p++ = ':';
			*p++ = ':';
			i += run - 1;
			continue;
		}
		if (i && !(run && i == start + run))
			*p++ = ':';
		p = put_group(p, groups[i]);
	}
	buf_put(out, text, (size_t)(p - text));
}

void ipv6_write(const uint8_t address[16], struct buf *out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned int groups[GROUPS];

	if (!memcmp(address, mapped, sizeof(mapped))) {
		buf_lit(out, "::ffff:");
		ipv4_write(address + 12, out);
		return;
	}
	for (int i = 0; i < GROUPS; i++)
		groups[i] = (unsigned int)address[2 * i] << 8 | address[2 * i + 1];
	write_groups(groups, out);
}
