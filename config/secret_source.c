#include "config/secret_source.h"

#include "base/log.h"
#include "base/file_io.h"
#include "base/secret.h"
#include "config/expand.h"
#include "config/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_secret(const struct config_node *node, struct str text, struct secret **secret_r,
		       struct errmsg *em)
{
	if (text.n == 0)
		return config_error(node, em, "the secret is empty; give it a value");
	*secret_r = secret_create(text.p, text.n);
	if (*secret_r)
		return 0;
	return config_out_of_memory(em);
}

static int check_file(const struct config_node *node, const char *path, int fd, struct errmsg *em)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return config_error(node, em, "secret file %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return config_error(node, em, "secret file %s is not a regular file", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return config_error(node, em,
				    "secret file %s can be written by others than its owner; run "
				    "chmod go-w on it",
				    path);
	if (st.st_size > CONFIG_MAX_SECRET)
		return config_error(node, em, "secret file %s is larger than 64 KiB", path);
	if (st.st_mode & S_IROTH)
		log_warn("secret file %s can be read by every user of this machine; unless that "
			 "is meant, run chmod o-r on it",
			 path);
	return 0;
}

static struct str without_newline(const char *bytes, size_t n)
{
	if (n && bytes[n - 1] == '\n')
		n--;
	if (n && bytes[n - 1] == '\r')
		n--;
	return (struct str){ bytes, n };
}

static int read_open_file(const struct config_node *node, const char *path, int fd,
			  struct secret **secret_r, struct errmsg *em)
{
	char *bytes;
	size_t n = 0;
	int err = check_file(node, path, fd, em);

	if (err)
		return err;
	bytes = malloc(CONFIG_MAX_SECRET);
	if (!bytes)
		return config_out_of_memory(em);
	err = file_read_all(fd, bytes, CONFIG_MAX_SECRET, &n);
	if (err)
		err = config_error(node, em, "secret file %s: %s", path, strerror(-err));
	else
		err = make_secret(node, without_newline(bytes, n), secret_r, em);
	secret_wipe(bytes, n);
	free(bytes);
	return err;
}

static int from_file(const struct config_node *node, const char *path, struct secret **secret_r,
		     struct errmsg *em)
{
	/* O_NONBLOCK: a FIFO in its place must not hang the start. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return config_error(node, em, "secret file %s: %s", path, strerror(errno));
	err = read_open_file(node, path, fd, secret_r, em);
	close(fd);
	return err;
}

static int from_env(const struct config_node *node, const char *name, struct secret **secret_r,
		    struct errmsg *em)
{
	const char *value = getenv(name);

	if (!value)
		return config_error(node, em,
				    "the environment variable %s is not set; set it to the secret",
				    name);
	return make_secret(node, str_of(value), secret_r, em);
}

static int from_mapping(const struct config_node *node, struct secret **secret_r, struct errmsg *em)
{
	struct str key = config_node_key(node, 0);
	const struct config_node *value = config_node_at(node, 0);
	char *text;
	size_t n;
	int err;

	if (config_node_count(node) != 1 ||
	    (!str_equal(key, STR("file")) && !str_equal(key, STR("env"))) ||
	    config_node_kind(value) != CONFIG_NODE_SCALAR)
		return config_error(node, em,
				    "a secret is written as {file: PATH}, {env: NAME} or its text");
	err = config_expand(value, &text, &n, em);
	if (err)
		return err;
	err = str_equal(key, STR("file")) ? from_file(value, text, secret_r, em)
					  : from_env(value, text, secret_r, em);
	free(text);
	return err;
}

int config_read_secret(const struct config_node *node, struct secret **secret_r, struct errmsg *em)
{
	switch (config_node_kind(node)) {
	case CONFIG_NODE_MAPPING:
		return from_mapping(node, secret_r, em);
	case CONFIG_NODE_SCALAR:
		return make_secret(node, config_node_text(node), secret_r, em);
	case CONFIG_NODE_SEQUENCE:
		break;
	}
	return config_error(node, em,
			    "a secret is written as {file: PATH}, {env: NAME} or its text");
}
