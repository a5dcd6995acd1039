#include "base/errmsg.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void errmsg_set(struct errmsg *em, const char *fmt, ...)
{
	va_list ap;

	if (!em)
		return;
	va_start(ap, fmt);
	vsnprintf(em->text, sizeof(em->text), fmt, ap);
	va_end(ap);
}

void errmsg_prefix(struct errmsg *em, const char *fmt, ...)
{
	char was[sizeof(em->text)];
	size_t len;
	va_list ap;

	if (!em)
		return;
	memcpy(was, em->text, sizeof(was));
	va_start(ap, fmt);
	vsnprintf(em->text, sizeof(em->text), fmt, ap);
	va_end(ap);
	len = strnlen(em->text, sizeof(em->text));
	snprintf(em->text + len, sizeof(em->text) - len, ": %s", was);
}
