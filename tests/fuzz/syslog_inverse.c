#include "tests/fuzz/syslog_inverse.h"

#include "base/compiler.h"
#include "base/utf8.h"

static bool take(struct str *from, struct str prefix)
{
	if (!str_starts_with(*from, prefix))
		return false;
	*from = (struct str){ from->p + prefix.n, from->n - prefix.n };
	return true;
}

static bool take_number(struct str *from, uint64_t max, uint64_t *v_r)
{
	size_t n = 0;

	*v_r = 0;
	while (n < from->n && n < 10 && from->p[n] >= '0' && from->p[n] <= '9')
		*v_r = *v_r * 10 + (from->p[n++] - '0');
	if (n == 0 || (n > 1 && from->p[0] == '0') || *v_r > max)
		return false;
	*from = (struct str){ from->p + n, from->n - n };
	return true;
}

/* PRINTUSASCII up to a character of `ends`. */
static bool take_word(struct str *from, size_t max, const char *ends, struct str *word_r)
{
	size_t n = 0;

	while (n < from->n && from->p[n] > ' ' && from->p[n] < 127 && !strchr(ends, from->p[n]))
		n++;
	if (n == 0 || n > max)
		return false;
	*word_r = (struct str){ from->p, n };
	*from = (struct str){ from->p + n, from->n - n };
	return true;
}

static bool is_like(struct str text, const char *pattern)
{
	size_t i;

	if (text.n != strlen(pattern))
		return false;
	for (i = 0; i < text.n; i++)
		if (pattern[i] == '9'	? text.p[i] < '0' || text.p[i] > '9'
		    : pattern[i] == 'a' ? !((text.p[i] | 32) >= 'a' && (text.p[i] | 32) <= 'z')
		    : pattern[i] == '_' ? text.p[i] != ' ' && (text.p[i] < '1' || text.p[i] > '3')
					: text.p[i] != pattern[i])
			return false;
	return true;
}

static bool take_priority(struct str *from, unsigned int *pri_r)
{
	uint64_t pri;

	if (!take(from, STR("<")) || !take_number(from, 191, &pri) || !take(from, STR(">")))
		return false;
	*pri_r = pri;
	return true;
}

static bool take_value(struct str *from, struct str *value_r)
{
	size_t n = 0;

	while (n < from->n && from->p[n] != '"' && from->p[n] != ']') {
		if (from->p[n] == '\\' && (++n == from->n || !strchr("\"\\]", from->p[n])))
			return false;
		n++;
	}
	*value_r = (struct str){ from->p, n };
	*from = (struct str){ from->p + n, from->n - n };
	return utf8_is_valid(*value_r) && take(from, STR("\""));
}

static bool take_sd(struct str *from, struct syslog_parts *parts)
{
	if (take(from, STR("-")))
		return true;
	if (!take(from, STR("[")) || !take_word(from, 32, "=]\"", &parts->sd_id))
		return false;
	while (!take(from, STR("]"))) {
		if (parts->params == ARRAY_SIZE(parts->names) || !take(from, STR(" ")) ||
		    !take_word(from, 32, "=]\"", &parts->names[parts->params]) ||
		    !take(from, STR("=\"")) || !take_value(from, &parts->values[parts->params]))
			return false;
		parts->params++;
	}
	return true;
}

bool syslog_parse_5424(struct str message, struct syslog_parts *parts)
{
	*parts = (struct syslog_parts){ 0 };
	if (!take_priority(&message, &parts->pri) || !take(&message, STR("1 ")) ||
	    !take_word(&message, 64, "", &parts->time) ||
	    !is_like(parts->time, "9999-99-99T99:99:99.999999Z") || !take(&message, STR(" ")) ||
	    !take_word(&message, 255, "", &parts->host) || !take(&message, STR(" ")) ||
	    !take_word(&message, 48, "", &parts->app) || !take(&message, STR(" ")) ||
	    !take_word(&message, 128, "", &parts->procid) || !take(&message, STR(" ")) ||
	    !take_word(&message, 32, "", &parts->msgid) || !take(&message, STR(" ")) ||
	    !take_sd(&message, parts) || !take(&message, STR(" ")))
		return false;
	parts->msg = message;
	return true;
}

bool syslog_parse_3164(struct str message, struct syslog_parts *parts)
{
	*parts = (struct syslog_parts){ 0 };
	if (!take_priority(&message, &parts->pri) || message.n < 15)
		return false;
	parts->time = (struct str){ message.p, 15 };
	message = (struct str){ message.p + 15, message.n - 15 };
	if (!is_like(parts->time, "aaa _9 99:99:99") || !take(&message, STR(" ")) ||
	    !take_word(&message, 255, "", &parts->host) || !take(&message, STR(" ")) ||
	    !take_word(&message, 32, ":[]", &parts->app))
		return false;
	if (take(&message, STR("[")) &&
	    (!take_word(&message, 128, ":[]", &parts->procid) || !take(&message, STR("]"))))
		return false;
	if (!take(&message, STR(": ")))
		return false;
	parts->msg = message;
	return true;
}

static bool take_bytes(struct str *from, uint64_t n, struct str *bytes_r)
{
	if (from->n < n)
		return false;
	*bytes_r = (struct str){ from->p, n };
	*from = (struct str){ from->p + n, from->n - n };
	return true;
}

bool syslog_take_counted(struct str *stream, struct str *message_r)
{
	uint64_t n;

	return take_number(stream, UINT32_MAX, &n) && take(stream, STR(" ")) &&
	       take_bytes(stream, n, message_r);
}

bool syslog_take_line(struct str *stream, struct str *message_r)
{
	size_t n = 0;

	while (n < stream->n && stream->p[n] != '\n' && stream->p[n] != '\0' &&
	       stream->p[n] != '\r')
		n++;
	return n < stream->n && take_bytes(stream, n, message_r) && take(stream, STR("\n"));
}

bool syslog_take_relp(struct str *stream, uint32_t *txnr_r, struct str *message_r)
{
	uint64_t txnr, n;

	if (!take_number(stream, 999999999, &txnr) || !take(stream, STR(" syslog ")) ||
	    !take_number(stream, 999999999, &n) || !take(stream, STR(" ")) ||
	    !take_bytes(stream, n, message_r))
		return false;
	*txnr_r = txnr;
	return take(stream, STR("\n"));
}
