#include "cli/since.h"

#include "base/clock.h"
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

/* Exactly n digits from the front of *text. */
static bool take_digits(const char **text, int n, int *v_r)
{
	*v_r = 0;
	for (int i = 0; i < n; i++, ++*text) {
		if (!isdigit((unsigned char)**text))
			return false;
		*v_r = *v_r * 10 + (**text - '0');
	}
	return true;
}

static bool take_one_of(const char **text, const char *set)
{
	if (!**text || !strchr(set, **text))
		return false;
	++*text;
	return true;
}

static bool take_fraction(const char **text, uint64_t *ns_r)
{
	uint64_t unit = NSEC_PER_SEC / 10;

	*ns_r = 0;
	if (!take_one_of(text, "."))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text, unit /= 10)
		*ns_r += unit * (uint64_t)(**text - '0');
	return true;
}

/* Z, or +HH:MM: seconds that local time is ahead of UTC. */
static bool take_offset(const char **text, int *seconds_r)
{
	bool behind = **text == '-';
	int hours, minutes;

	*seconds_r = 0;
	if (take_one_of(text, "Zz"))
		return true;
	if (!take_one_of(text, "+-") || !take_digits(text, 2, &hours) || !take_one_of(text, ":") ||
	    !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*seconds_r = (hours * 60 + minutes) * 60 * (behind ? -1 : 1);
	return true;
}

static bool take_date(const char **text, struct tm *tm)
{
	if (!take_digits(text, 4, &tm->tm_year) || !take_one_of(text, "-") ||
	    !take_digits(text, 2, &tm->tm_mon) || !take_one_of(text, "-") ||
	    !take_digits(text, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

static bool take_time(const char **text, struct tm *tm)
{
	return take_digits(text, 2, &tm->tm_hour) && take_one_of(text, ":") &&
	       take_digits(text, 2, &tm->tm_min) && take_one_of(text, ":") &&
	       take_digits(text, 2, &tm->tm_sec) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec <= 60;
}

/* timegm() would turn the 31st of June into the 1st of July. */
static bool to_seconds(struct tm tm, int64_t *seconds_r)
{
	struct tm same = tm;

	*seconds_r = timegm(&same);
	return same.tm_mday == tm.tm_mday && same.tm_mon == tm.tm_mon && same.tm_year == tm.tm_year;
}

static bool parse_rfc3339(const char *text, uint64_t *wall_ns_r)
{
	struct tm date = { 0 }, tm;
	uint64_t fraction_ns;
	int64_t day, seconds;
	int offset;

	if (!take_date(&text, &date) || !to_seconds(date, &day) || !take_one_of(&text, "Tt "))
		return false;
	tm = date;
	if (!take_time(&text, &tm) || !take_fraction(&text, &fraction_ns) ||
	    !take_offset(&text, &offset) || *text)
		return false;
	seconds = day + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec - offset;
	if (seconds < 0)
		return false;
	*wall_ns_r = (uint64_t)seconds * NSEC_PER_SEC + fraction_ns;
	return true;
}

int since_parse(const char *text, uint64_t now_wall_ns, struct since *since_r, struct errmsg *em)
{
	uint64_t v;

	*since_r = (struct since){ .kind = SINCE_OLDEST };
	if (config_parse_integer(str_of(text), &v)) {
		since_r->kind = SINCE_SEQ;
		since_r->seq = v;
		return 0;
	}
	since_r->kind = SINCE_TIME;
	if (config_parse_duration(str_of(text), &v))
		since_r->wall_ns = now_wall_ns > v ? now_wall_ns - v : 0;
	else if (!parse_rfc3339(text, &since_r->wall_ns)) {
		errmsg_set(em,
			   "--since: '%s' is none of a duration (10m), a time "
			   "(2026-03-01T08:00:00Z) and a sequence number (4711)",
			   text);
		return -EINVAL;
	}
	return 0;
}
