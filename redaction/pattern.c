#include "redaction/pattern.h"

#include "base/clock.h"
#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <errno.h>
#include <stdlib.h>

#define JIT_STACK_FIRST_BYTES (32 * 1024)
#define JIT_STACK_MAX_BYTES   (512 * 1024)
#define DEPTH_LIMIT	      10000u /* interpreter only */
#define HEAP_LIMIT_KIB	      8192u  /* interpreter only */

/* What the JIT compiler's code does between two points where we can stop it is at most about
 * (starting positions) x (match limit) x (bytes scanned per step). These keep each factor small. */
#define WINDOW_STEPS	4000000u  /* starting positions x subject bytes */
#define SMALLEST_WINDOW 128u	  /* starting positions at least, but for dear ones */
#define CHEAP_STEPS	500000u	  /* starting positions x match limit */
#define USUAL_WINDOW	256u	  /* subjects up to this share one limit, so it is set once */
#define NARROW_WINDOW	4u	  /* starting positions where a window hit its limit */
#define NARROW_STEPS	32000000u /* match limit x subject bytes then */
#define FIELD_BUDGET_NS (10 * NSEC_PER_MSEC)

struct pattern {
	pcre2_code *code;
	uint32_t groups;
	bool utf, jit;
};

struct matcher {
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	uint32_t match_limit;
	uint32_t set_limit; /* as the context has it now: setting it costs a call */
	size_t set_last;
	uint64_t deadline_ns; /* thread CPU clock; 0: not started in this field */
	uint64_t look_ns;     /* steady clock: the deadline can't have passed before */
};

/* ---- syntax that RE2 and PCRE2 read differently ---- */

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The code point of \xHH or \x{H...} whose 'x' is at p; what is malformed is left to PCRE2. */
static unsigned long hex_escape_value(const char *p)
{
	bool braced = p[1] == '{';
	char digits[9] = { 0 };
	size_t n = 0;

	for (p += braced ? 2 : 1; is_hex(*p) && n < (braced ? 8u : 2u); p++)
		digits[n++] = *p;
	return strtoul(digits, NULL, 16);
}

struct syntax {
	bool utf;	     /* needs characters, not bytes */
	const char *refused; /* why; NULL: nothing found */
};

static void look_at_escape(const char *p, bool declared_utf, struct syntax *syntax)
{
	unsigned long value;

	switch (*p) {
	case 'p':
	case 'P':
	case 'X':
		syntax->utf = true;
		break;
	case 'C':
		syntax->refused = "\\C (one byte) is not supported; write . or a class";
		break;
	case 'v':
		syntax->refused = "\\v is a vertical tab in RE2 and any vertical space in PCRE2; "
				  "write \\x0b";
		break;
	case 'x':
		value = hex_escape_value(p);
		if (value > 0xff)
			syntax->utf = true;
		else if (value >= 0x80 && !declared_utf)
			syntax->refused = "\\x80 to \\xff are characters in RE2 and bytes in "
					  "PCRE2; write the character itself, or start the "
					  "pattern with (*UTF)";
		break;
	}
}

static struct syntax look_at_syntax(const char *text)
{
	bool declared_utf = strncmp(text, "(*UTF)", 6) == 0;
	struct syntax syntax = { .utf = declared_utf };

	for (const char *p = text; *p && !syntax.refused; p++) {
		if ((unsigned char)*p >= 0x80)
			syntax.utf = true;
		if (*p == '\\' && p[1])
			look_at_escape(++p, declared_utf, &syntax);
		else if (strncmp(p, "(?C", 3) == 0)
			syntax.refused = "callouts (?C) are not supported";
	}
	return syntax;
}

/* ---- compiling ---- */

static int compile_code(const char *text, bool utf, struct pattern *pattern, struct errmsg *em)
{
	/* As RE2: $ is the very end, a newline is \n whatever this library was built with. */
	uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT;
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_UCHAR reason[160];
	PCRE2_SIZE at;
	int error;

	if (!context) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	if (utf)
		options |= PCRE2_UTF;
	pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &error, &at,
				      context);
	pcre2_compile_context_free(context);
	if (pattern->code)
		return 0;
	pcre2_get_error_message(error, reason, sizeof(reason));
	errmsg_set(em, "invalid regular expression \"%.200s\" at character %zu: %s", text,
		   (size_t)at + 1, (const char *)reason);
	return -EINVAL;
}

static void learn_about_code(struct pattern *pattern)
{
	uint32_t options = 0;

	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &pattern->groups);
	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_ALLOPTIONS, &options);
	pattern->utf = options & PCRE2_UTF;
	/* Refused where memory may not be writable and executable: the interpreter does it then,
	 * slower and under the same limits. */
	pattern->jit = pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) == 0;
}

int pattern_compile(const char *text, struct pattern **pattern_r, struct errmsg *em)
{
	struct syntax syntax = look_at_syntax(text);
	struct pattern *pattern;
	int rc;

	if (strlen(text) > PATTERN_MAX_BYTES) {
		errmsg_set(em, "regular expression longer than %d bytes", PATTERN_MAX_BYTES);
		return -EINVAL;
	}
	if (syntax.refused) {
		errmsg_set(em, "regular expression \"%.200s\": %s", text, syntax.refused);
		return -EINVAL;
	}
	pattern = calloc(1, sizeof(*pattern));
	if (!pattern) {
		errmsg_set(em, "out of memory");
		return -ENOMEM;
	}
	rc = compile_code(text, syntax.utf, pattern, em);
	if (rc) {
		free(pattern);
		return rc;
	}
	learn_about_code(pattern);
	*pattern_r = pattern;
	return 0;
}

unsigned int pattern_groups(const struct pattern *pattern)
{
	return pattern->groups;
}

bool pattern_needs_utf8(const struct pattern *pattern)
{
	return pattern->utf;
}

void pattern_free(struct pattern **pattern)
{
	if (!*pattern)
		return;
	pcre2_code_free((*pattern)->code);
	free(*pattern);
	*pattern = NULL;
}

/* ---- matching ---- */

struct matcher *matcher_create(unsigned int max_groups, uint32_t match_limit)
{
	struct matcher *matcher = calloc(1, sizeof(*matcher));

	if (!matcher)
		return NULL;
	matcher->match_limit = match_limit ? match_limit : MATCHER_DEFAULT_MATCH_LIMIT;
	matcher->match = pcre2_match_data_create(max_groups + 1, NULL);
	matcher->context = pcre2_match_context_create(NULL);
	/* NULL where there is no JIT compiler; then nothing needs it. */
	matcher->stack = pcre2_jit_stack_create(JIT_STACK_FIRST_BYTES, JIT_STACK_MAX_BYTES, NULL);
	if (!matcher->match || !matcher->context) {
		matcher_free(&matcher);
		return NULL;
	}
	pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
	matcher->set_last = PCRE2_UNSET; /* what a new context has */
	pcre2_set_depth_limit(matcher->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
	return matcher;
}

void matcher_begin(struct matcher *matcher)
{
	matcher->deadline_ns = 0;
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* The budget is of CPU time, so that being held up costs nothing; but that clock costs a system
 * call, and a thread's time runs no faster than the steady clock, which doesn't. */
static bool is_budget_gone(struct matcher *matcher)
{
	uint64_t steady_ns = clock_ns(CLOCK_MONOTONIC), now_ns;

	if (matcher->deadline_ns && steady_ns < matcher->look_ns)
		return false;
	now_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	if (!matcher->deadline_ns)
		matcher->deadline_ns = now_ns + FIELD_BUDGET_NS;
	if (now_ns >= matcher->deadline_ns)
		return true;
	matcher->look_ns = steady_ns + (matcher->deadline_ns - now_ns);
	return false;
}

/* Tries the starting positions from .. last. */
static int try_window(struct matcher *matcher, const struct pattern *pattern, struct str subject,
		      size_t from, size_t last, uint32_t limit)
{
	PCRE2_SPTR bytes = (PCRE2_SPTR)(subject.n ? subject.p : "");

	if (last >= subject.n)
		last = PCRE2_UNSET;
	if (limit != matcher->set_limit)
		pcre2_set_match_limit(matcher->context, limit);
	if (last != matcher->set_last)
		pcre2_set_offset_limit(matcher->context, last);
	matcher->set_limit = limit;
	matcher->set_last = last;
	if (pattern->jit)
		return pcre2_jit_match(pattern->code, bytes, subject.n, from, 0, matcher->match,
				       matcher->context);
	return pcre2_match(pattern->code, bytes, subject.n, from, PCRE2_NO_UTF_CHECK,
			   matcher->match, matcher->context);
}

/* With UTF-8 a window may only begin where a character does. */
static size_t next_start(const struct pattern *pattern, struct str subject, size_t at)
{
	while (pattern->utf && at < subject.n && ((unsigned char)subject.p[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static uint32_t smaller(uint32_t a, uint64_t b)
{
	return b < a ? (uint32_t)b : a;
}

static uint32_t limit_of(const struct matcher *matcher, size_t window, size_t bytes)
{
	if (window <= NARROW_WINDOW)
		return smaller(matcher->match_limit, NARROW_STEPS / bytes);
	return smaller(matcher->match_limit,
		       CHEAP_STEPS / (window > USUAL_WINDOW ? window : USUAL_WINDOW));
}

/* A few starting positions may be dear among many that are not: behind them windows widen again. */
static enum match_outcome find_in_windows(struct matcher *matcher, const struct pattern *pattern,
					  struct str subject, size_t from)
{
	size_t bytes = subject.n + 1, widest = WINDOW_STEPS / bytes + SMALLEST_WINDOW;
	size_t window = widest;
	int rc;

	if (window > bytes)
		window = bytes;
	while (from <= subject.n) {
		rc = try_window(matcher, pattern, subject, from, from + window - 1,
				limit_of(matcher, window, bytes));
		if (rc >= 0)
			return MATCH_FOUND;
		if (rc == PCRE2_ERROR_MATCHLIMIT && window > NARROW_WINDOW) {
			window = NARROW_WINDOW;
		} else if (rc == PCRE2_ERROR_NOMATCH) {
			from = next_start(pattern, subject, from + window);
			window = window < widest / 2 ? window * 2 : widest;
		} else {
			return MATCH_FAILED;
		}
		if (from <= subject.n && is_budget_gone(matcher))
			return MATCH_FAILED;
	}
	return MATCH_NONE;
}

enum match_outcome matcher_find(struct matcher *matcher, const struct pattern *pattern,
				struct str subject, size_t from, const size_t **offsets_r)
{
	enum match_outcome outcome;

	if (pattern->utf && from == 0 && !utf8_is_valid(subject))
		return MATCH_FAILED;
	outcome = find_in_windows(matcher, pattern, subject, next_start(pattern, subject, from));
	if (outcome == MATCH_FOUND && offsets_r)
		*offsets_r = pcre2_get_ovector_pointer(matcher->match);
	return outcome;
}

void matcher_free(struct matcher **matcher)
{
	if (!*matcher)
		return;
	pcre2_match_data_free((*matcher)->match);
	pcre2_match_context_free((*matcher)->context);
	pcre2_jit_stack_free((*matcher)->stack);
	free(*matcher);
	*matcher = NULL;
}
