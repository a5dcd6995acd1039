/* base/compiler.h: the few compiler spellings that every room uses. */
#pragma once

#include <stddef.h>

#define WARN_UNUSED			__attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)		__attribute__((format(printf, f, a)))
#define likely(x)			__builtin_expect(!!(x), 1)
#define unlikely(x)			__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
