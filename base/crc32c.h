/* base/crc32c.h: CRC-32C (Castagnoli; RFC 3720 appendix B.4), by the processor's instruction
 * where it has one. Guards against accident, not against an attacker: that is the seal's work. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* CRC of n bytes, continuing from `crc` (0 at the start). crc32c(crc32c(0,a),b) is that of a then
 * b. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);
/* The same without the instruction: what a processor that lacks it uses, and what tests compare. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t n);
