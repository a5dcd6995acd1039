/* cli/exit_code.h: what a script can tell from weir's exit status. Also in every verb's help. */
#pragma once

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,      /* it ran and failed; standard error says why */
	EXIT_USAGE = 2,	      /* the command line is wrong */
	EXIT_CONFIG = 3,      /* the configuration is wrong */
	EXIT_UNSUPPORTED = 4, /* this kernel can't, or rights are missing */
	EXIT_NOT_SOUND = 5,   /* weir verify found a bad place */
	EXIT_NOT_RUNNING = 6, /* no weir answers on the control socket */
};
