/* pipeline/ip_text.h: addresses as text. IPv6 after RFC 5952: lower case, no leading zeros, the
 * longest run of zeros (the first of equals, two groups at least) as "::"; an IPv4-mapped address
 * in mixed notation, "::ffff:192.0.2.1". */
#pragma once

#include "base/buf.h"

#include <stdint.h>

void ipv4_write(const uint8_t address[4], struct buf *out);
void ipv6_write(const uint8_t address[16], struct buf *out);
