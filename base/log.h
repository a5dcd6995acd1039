/* base/log.h: the operator's log, on standard error: one line, its level, the object it is about.
 *
 * Event text never enters it. A failure that repeats is logged through a log_limit: the first
 * time at once, then one line a minute that says how many were left out. */
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* What a process writes in front of its lines ("collector", "forwarder"); set once at start. */
void log_init(const char *process, enum log_level max_level);
void log_set_level(enum log_level max_level);
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Embedded in the object whose failure repeats; zero is its start. */
struct log_limit {
	uint64_t last_ns;
	uint64_t suppressed;
};

/* True when a line may be written now; then *suppressed_r is how many were left out since the
 * last one, for the caller to name. now_ns: any monotonic clock, the same one each time. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *suppressed_r);

/* Tests read lines instead of stderr; NULL restores. The sink gets the line without newline. */
void log_capture(void (*sink)(void *ctx, enum log_level level, const char *line), void *ctx);
