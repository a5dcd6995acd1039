/* base/banned.h: calls that have a safer counterpart fail to compile. The build includes this
 * file in front of every source (-include), after the C library's own headers have been seen. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The C library makes macros of some of them when it checks buffers. */
#undef alloca
#undef strcpy
#undef strcat
#undef strncpy
#undef sprintf
#undef vsprintf
#pragma GCC poison strcpy strcat strncpy strtok sprintf vsprintf
#pragma GCC poison atoi atol atoll gmtime localtime alloca
