#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LOG_LIMIT_NS (60 * NSEC_PER_SEC)

static struct {
	const char *process;
	enum log_level max_level;
	void (*sink)(void *ctx, enum log_level level, const char *line);
	void *sink_ctx;
} logger = { .process = "weir", .max_level = LOG_LEVEL_INFO };

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_init(const char *process, enum log_level max_level)
{
	logger.process = process;
	logger.max_level = max_level;
}

void log_set_level(enum log_level max_level)
{
	logger.max_level = max_level;
}

void log_capture(void (*sink)(void *ctx, enum log_level level, const char *line), void *ctx)
{
	logger.sink = sink;
	logger.sink_ctx = ctx;
}

/* One message is one line: a peer's words or a file's name can't forge a second one, nor steer a
 * terminal. */
static void blank_controls(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	struct timespec ts;
	struct tm tm;
	size_t n;
	va_list ap;

	if (level > logger.max_level)
		return;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(line + n, sizeof(line) - n,
			      ".%03ldZ %.32s[%d] %s: ", ts.tv_nsec / 1000000, logger.process,
			      (int)getpid(), level_names[level]);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	blank_controls(line + n);
	if (logger.sink)
		logger.sink(logger.sink_ctx, level, line);
	else
		dprintf(STDERR_FILENO, "%s\n", line);
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t *suppressed_r)
{
	if (limit->last_ns && now_ns < limit->last_ns + LOG_LIMIT_NS) {
		limit->suppressed++;
		return false;
	}
	*suppressed_r = limit->suppressed;
	limit->suppressed = 0;
	limit->last_ns = now_ns ? now_ns : 1;
	return true;
}
