/* outputs/reach.h: may the forwarder's user use what the configuration gives it? Asked by the
 * collector at its start, while somebody looks on: later the forwarder could only fail, again and
 * again. */
#pragma once

#include "base/compiler.h"
#include "base/errmsg.h"
#include "outputs/sandbox.h"

struct reach {
	const char *setting; /* its name, for the message */
	const char *path;
	int mode; /* access(2): R_OK, W_OK, X_OK */
};

/* user NULL: asks as who we are. -EINVAL: no, and em says why. */
WARN_UNUSED int reach_check(const struct reach *reach, const struct sandbox_user *user,
			    struct errmsg *em);
