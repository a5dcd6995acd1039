/* pipeline/journal_internal.h: journal_open() over system calls of the caller's choice, for fault
 * injection. */
#pragma once

#include "pipeline/journal.h"
#include "pipeline/journal_io.h"

/* As journal_open(); io is borrowed until the journal is closed. */
WARN_UNUSED int journal_open_io(const struct journal_settings *settings, const struct clock *clock,
				const struct journal_io *io,
				void (*on_loss)(void *ctx, const struct journal_loss *loss),
				void *ctx, struct journal **journal_r, struct errmsg *em);
