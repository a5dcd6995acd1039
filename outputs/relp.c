#include "outputs/relp.h"

#define MAX_DIGITS 9

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes a number of at most nine digits off the front. */
static enum relp_read take_number(struct str *bytes, uint32_t *v_r)
{
	size_t n = 0;

	*v_r = 0;
	while (n < bytes->n && n < MAX_DIGITS && is_digit(bytes->p[n]))
		*v_r = *v_r * 10 + (bytes->p[n++] - '0');
	if (n == bytes->n && n <= MAX_DIGITS)
		return RELP_MORE;
	if (n == 0 || is_digit(bytes->p[n]))
		return RELP_NONSENSE;
	*bytes = (struct str){ bytes->p + n, bytes->n - n };
	return RELP_FRAME;
}

static enum relp_read take_char(struct str *bytes, char c)
{
	if (bytes->n == 0)
		return RELP_MORE;
	if (*bytes->p != c)
		return RELP_NONSENSE;
	*bytes = (struct str){ bytes->p + 1, bytes->n - 1 };
	return RELP_FRAME;
}

static enum relp_read take_command(struct str *bytes, struct str *command_r)
{
	size_t n = 0;

	while (n < bytes->n && n < RELP_COMMAND_BYTES && is_letter(bytes->p[n]))
		n++;
	if (n == bytes->n && n < RELP_COMMAND_BYTES)
		return RELP_MORE;
	if (n == 0)
		return RELP_NONSENSE;
	*command_r = (struct str){ bytes->p, n };
	*bytes = (struct str){ bytes->p + n, bytes->n - n };
	return take_char(bytes, ' ');
}

/* Without data there is no space before it either. */
static enum relp_read take_data(struct str *bytes, uint32_t n, struct str *data_r)
{
	enum relp_read result;

	if (n > RELP_ANSWER_MAX)
		return RELP_NONSENSE;
	if (n) {
		result = take_char(bytes, ' ');
		if (result != RELP_FRAME)
			return result;
		if (bytes->n < n)
			return RELP_MORE;
	}
	*data_r = (struct str){ bytes->p, n };
	*bytes = (struct str){ bytes->p + n, bytes->n - n };
	return take_char(bytes, '\n');
}

enum relp_read relp_read(struct str bytes, struct relp_frame *frame_r, size_t *used_r)
{
	struct str left = bytes;
	enum relp_read result = take_number(&left, &frame_r->txnr);
	uint32_t n = 0;

	if (result == RELP_FRAME)
		result = take_char(&left, ' ');
	if (result == RELP_FRAME)
		result = take_command(&left, &frame_r->command);
	if (result == RELP_FRAME)
		result = take_number(&left, &n);
	if (result == RELP_FRAME)
		result = take_data(&left, n, &frame_r->data);
	*used_r = bytes.n - left.n;
	return result;
}

bool relp_answer(struct str data, unsigned int *code_r, struct str *words_r)
{
	size_t i, end;

	*code_r = 0;
	if (data.n < 3)
		return false;
	for (i = 0; i < 3; i++) {
		if (!is_digit(data.p[i]))
			return false;
		*code_r = *code_r * 10 + (data.p[i] - '0');
	}
	if (data.n > 3 && data.p[3] != ' ' && data.p[3] != '\n')
		return false;
	i = data.n > 3 && data.p[3] == ' ' ? 4 : 3;
	for (end = i; end < data.n && data.p[end] != '\n'; end++)
		;
	*words_r = (struct str){ data.p + i, end - i };
	return true;
}

/* The value of NAME=VALUE on a line of its own; false: no such line. */
static bool find_offer(struct str data, struct str name, struct str *value_r)
{
	while (data.n) {
		const char *lf = memchr(data.p, '\n', data.n);
		size_t n = lf ? (size_t)(lf - data.p) : data.n;
		struct str line = { data.p, n };

		if (str_starts_with(line, name) && n > name.n && line.p[name.n] == '=') {
			*value_r = (struct str){ line.p + name.n + 1, n - name.n - 1 };
			return true;
		}
		n += lf != NULL;
		data = (struct str){ data.p + n, data.n - n };
	}
	return false;
}

/* Is the word one of those that commas separate? */
static bool has_word(struct str list, struct str word)
{
	while (list.n) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma ? (size_t)(comma - list.p) : list.n;

		if (str_equal((struct str){ list.p, n }, word))
			return true;
		n += comma != NULL;
		list = (struct str){ list.p + n, list.n - n };
	}
	return false;
}

bool relp_check_offer(struct str data, struct errmsg *em)
{
	struct str version, commands;

	if (!find_offer(data, STR("relp_version"), &version) || version.n == 0 ||
	    !is_digit(version.p[0])) {
		errmsg_set(em, "the RELP server names no version");
		return false;
	}
	if (!find_offer(data, STR("commands"), &commands) || !has_word(commands, STR("syslog"))) {
		errmsg_set(em, "the RELP server takes no syslog messages");
		return false;
	}
	return true;
}

void relp_write_open(struct buf *out)
{
	static const char offer[] =
		"relp_version=0\nrelp_software=weir," WEIR_VERSION "\ncommands=syslog";

	buf_printf(out, "1 open %zu %s\n", sizeof(offer) - 1, offer);
}

void relp_write_close(uint32_t txnr, struct buf *out)
{
	buf_printf(out, "%u close 0\n", txnr);
}
