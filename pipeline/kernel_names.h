/* pipeline/kernel_names.h: numbers of the kernel as the words that Tetragon's events use, with
 * their quirks. A number without a name gives an empty string unless said otherwise. */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* "CAP_CHOWN"; number 1 is "DAC_OVERRIDE", without the prefix. */
struct str capability_name(unsigned int number);
/* Name of bit i of the securebits ("SecBitNoRoot" is bit 0). */
struct str securebit_name(unsigned int bit);
/* "SIGKILL"; real-time signals as kill -l lists them ("SIGRTMIN+3"), 32 and 33 as "SIG32". */
struct str signal_name(unsigned int number);
/* "TCP_ESTABLISHED". */
struct str tcp_state_name(unsigned int state);
/* "ECONNREFUSED". */
struct str error_name(unsigned int number);
/* "AF_INET" or "AF_INET6". */
struct str family_name(unsigned int family);
