/* outputs/sandbox_user.c: who the forwarder becomes. /etc/passwd is read first, and without the
 * name service switch: that would load libraries (systemd's, with its own behind it) whose pages
 * then stay in both processes for as long as they run. */
#include "outputs/sandbox.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#define ENTRY_BYTES 16384

static void take_entry(const struct passwd *pw, struct sandbox_user *user_r)
{
	snprintf(user_r->name, sizeof(user_r->name), "%s", pw->pw_name);
	user_r->uid = pw->pw_uid;
	user_r->gid = pw->pw_gid;
}

int sandbox_read_user(const char *path, const char *name, struct sandbox_user *user_r)
{
	FILE *file = fopen(path, "re");
	struct passwd pw, *found;
	char text[ENTRY_BYTES];
	int err = -ENOENT;

	if (!file)
		return -errno;
	/* A line that is too long for the buffer ends the search: what is behind it has to be named
	 * by the name service. */
	while (err && fgetpwent_r(file, &pw, text, sizeof(text), &found) == 0) {
		if (strcmp(pw.pw_name, name) != 0)
			continue;
		take_entry(&pw, user_r);
		err = 0;
	}
	fclose(file);
	return err;
}

static int look_up(const char *name, struct sandbox_user *user_r)
{
	struct passwd pw, *found;
	char text[ENTRY_BYTES];
	int err;

	if (sandbox_read_user("/etc/passwd", name, user_r) == 0)
		return 0;
	err = getpwnam_r(name, &pw, text, sizeof(text), &found);
	if (err)
		return -err;
	if (!found)
		return -ENOENT;
	take_entry(&pw, user_r);
	return 0;
}

int sandbox_find_user(const char *configured, struct sandbox_user *user_r, struct errmsg *em)
{
	static const char *const candidates[] = { "weir", "nobody" };
	bool is_configured = configured && *configured;
	int err = -ENOENT;

	if (is_configured)
		err = look_up(configured, user_r);
	/* Both in the file before either elsewhere: `weir` is not there on most hosts. */
	for (size_t i = 0; err && !is_configured && i < ARRAY_SIZE(candidates); i++)
		err = sandbox_read_user("/etc/passwd", candidates[i], user_r);
	for (size_t i = 0; err && !is_configured && i < ARRAY_SIZE(candidates); i++)
		err = look_up(candidates[i], user_r);
	if (err && is_configured)
		errmsg_set(em, "forwarder.user: there is no user '%s' on this host", configured);
	else if (err)
		errmsg_set(em, "this host has neither a user 'weir' nor 'nobody'; set "
			       "forwarder.user");
	if (err)
		return err;
	if (user_r->uid == 0 || user_r->gid == 0) {
		errmsg_set(em, "forwarder.user: %s has the rights of root", user_r->name);
		return -EINVAL;
	}
	return 0;
}
