/* cli/options.h: a verb's options, described once in a table that both parses them and is their
 * help. `--name value`, `--name=value`, `-n value`, `-nvalue`; `--` ends them; they may stand
 * before, between and after the arguments. What is parsed borrows from argv. */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_FLAG,	 /* bool */
	OPTION_TEXT,	 /* const char * */
	OPTION_TEXTS,	 /* struct option_texts: may be given again */
	OPTION_NUMBER,	 /* struct option_number */
	OPTION_DURATION, /* uint64_t nanoseconds */
};

#define OPTION_MAX_TEXTS 32

struct option_texts {
	const char *v[OPTION_MAX_TEXTS];
	size_t n;
};

struct option_number {
	bool given;
	uint64_t value;
};

struct option {
	const char *name; /* without dashes */
	char letter;	  /* 0: none */
	enum option_type type;
	size_t offset;	      /* in the verb's struct of values */
	const char *argument; /* what stands for its value in help: FILE */
	const char *help;
};

#define OPTION_END           \
	{                    \
		.name = NULL \
	}

/* Fills `values` (zeroed by the caller). argv[0 .. *argc) has no verb in it; afterwards it holds
 * the arguments that are not options. */
WARN_UNUSED int options_parse(const struct option *options, int *argc, char **argv, void *values,
			      struct errmsg *em);
void options_write_help(const struct option *options, struct buf *out);
/* True when --help or -h stands among the options. */
bool options_ask_help(int argc, char *const *argv);
