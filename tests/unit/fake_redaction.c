#include "fake_redaction.h"

#define SECRET	    STR("SECRET")
#define REPLACEMENT STR("[secret removed]")

static struct redacted redact(struct str text, struct buf *out, struct redaction_outcome *outcome)
{
	size_t start = out->len;

	if (text.n && memmem(text.p, text.n, "EXPLODE", 7)) {
		outcome->failed++;
		return (struct redacted){ STR("*****") };
	}
	for (size_t i = 0; i < text.n;) {
		if (str_starts_with((struct str){ text.p + i, text.n - i }, SECRET)) {
			buf_puts(out, REPLACEMENT);
			outcome->replaced++;
			i += SECRET.n;
		} else {
			buf_putc(out, text.p[i++]);
		}
	}
	return (struct redacted){ { out->p + start, out->len - start } };
}

struct redacted redaction_arguments(struct redaction *redaction, struct str binary, struct str list,
				    struct buf *out, struct redaction_outcome *outcome)
{
	(void)redaction;
	(void)binary;
	return redact(list, out, outcome);
}

struct redacted redaction_environment(struct redaction *redaction, struct str binary,
				      struct str list, struct buf *out,
				      struct redaction_outcome *outcome)
{
	(void)redaction;
	(void)binary;
	return redact(list, out, outcome);
}

struct redacted redaction_text(struct redaction *redaction, struct str binary, struct str text,
			       struct buf *out, struct redaction_outcome *outcome)
{
	(void)redaction;
	(void)binary;
	return redact(text, out, outcome);
}

struct redacted redaction_exempt(struct str text, struct buf *out)
{
	size_t start = out->len;

	buf_puts(out, text);
	return (struct redacted){ { out->p + start, out->len - start } };
}
