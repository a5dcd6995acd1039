/* config/value.h: one scalar to a number with a unit, and back. Also used by the command line, so
 * `--duration 30s` and `sync_interval: 30s` are read by the same code. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

/* What a value of that kind looks like, for "is not a size; write ...". */
#define CONFIG_SIZE_EXAMPLES	 "65536, 64KiB, 16MiB or 1GiB"
#define CONFIG_DURATION_EXAMPLES "250ms, 10s, 5m, 12h or 7d"

/* Decimal digits. Zeros in front are refused, as some would read them as octal. */
WARN_UNUSED bool config_parse_integer(struct str text, uint64_t *v_r);
/* Bytes: digits and B, KiB, MiB, GiB, TiB (powers of two) or KB, MB, GB, TB (powers of ten). */
WARN_UNUSED bool config_parse_size(struct str text, uint64_t *bytes_r);
/* Nanoseconds: digits and us, ms, s, m, h or d; 0 needs no unit. */
WARN_UNUSED bool config_parse_duration(struct str text, uint64_t *ns_r);
/* true, yes, on; false, no, off (YAML 1.1's words, in lower case). */
WARN_UNUSED bool config_parse_bool(struct str text, bool *v_r);

/* In the largest unit that loses nothing. */
void config_write_size(uint64_t bytes, struct buf *out);
void config_write_duration(uint64_t ns, struct buf *out);
/* As the type has it: INTEGER, SIZE or DURATION. */
void config_write_number(enum config_type type, uint64_t v, struct buf *out);
