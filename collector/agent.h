/* collector/agent.h: process 1, assembled: the sensor, the process table, the pipeline, the
 * journal and the forwarder's supervisor on one libevent loop. This is `weir run`. */
#pragma once

#include <stdint.h>

/* From the command line; NULL or 0: not given. Each overrides the configuration. */
struct agent_options {
	const char *config_path; /* NULL: the built-in defaults */
	const char *journal_directory;
	const char *state_directory;
	const char *control_socket;
	const char *format;   /* of the default output; only without configured outputs */
	uint64_t duration_ns; /* stop by itself after so long */
};

/* Runs until SIGTERM, SIGINT or the end of the duration. Returns an enum exit_code. */
int agent_run(const struct agent_options *options);
