#include "outputs/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_address(const char *host)
{
	char text[ENDPOINT_HOST_BYTES];
	unsigned char address[sizeof(struct in6_addr)];
	char *scope;

	snprintf(text, sizeof(text), "%s", host);
	scope = strchr(text, '%'); /* fe80::1%eth0 */
	if (scope)
		*scope = '\0';
	return inet_pton(AF_INET6, text, address) == 1 ||
	       (!scope && inet_pton(AF_INET, host, address) == 1);
}

/* What can be a name in the DNS or in the hosts file. */
static bool is_host_name(const char *host)
{
	size_t n = strlen(host);

	return n > 0 && n < 254 && host[0] != '.' && host[0] != '-' &&
	       strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
		       n;
}

static bool parse_port(const char *text, uint16_t *port_r)
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	port = strtoul(text, &end, 10);
	if (*end || errno || port == 0 || port > 65535)
		return false;
	*port_r = port;
	return true;
}

static int parse_path(const char *path, struct endpoint *endpoint, struct errmsg *em)
{
	if (path[0] != '/' || strlen(path) >= sizeof(endpoint->path)) {
		errmsg_set(em, "the path of a Unix socket is absolute and at most %zu bytes long",
			   sizeof(endpoint->path) - 1);
		return -EINVAL;
	}
	memcpy(endpoint->path, path, strlen(path) + 1);
	return 0;
}

/* Where the host ends and the port begins; NULL: not to be told apart. */
static const char *split(const char *text, const char **host, size_t *host_len)
{
	const char *colon = strchr(text, ':'), *bracket;

	*host = text;
	*host_len = strlen(text);
	if (text[0] == '[') {
		bracket = strchr(text, ']');
		if (!bracket || (bracket[1] && bracket[1] != ':'))
			return NULL;
		*host = text + 1;
		*host_len = bracket - text - 1;
		return bracket + 1;
	}
	if (!colon || strchr(colon + 1, ':')) /* none, or an address of IPv6 */
		return text + *host_len;
	*host_len = colon - text;
	return colon;
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *endpoint_r,
		   struct errmsg *em)
{
	const char *host, *port;
	size_t n;

	*endpoint_r = (struct endpoint){ .port = default_port };
	if (strncmp(text, "unix:", 5) == 0)
		return parse_path(text + 5, endpoint_r, em);
	if (text[0] == '/')
		return parse_path(text, endpoint_r, em);
	port = split(text, &host, &n);
	if (!port || n == 0 || n >= sizeof(endpoint_r->host)) {
		errmsg_set(em, "\"%.200s\" is no address; write HOST:PORT or [IPv6]:PORT", text);
		return -EINVAL;
	}
	memcpy(endpoint_r->host, host, n);
	endpoint_r->is_literal = is_address(endpoint_r->host);
	if (!endpoint_r->is_literal && (text[0] == '[' || !is_host_name(endpoint_r->host))) {
		errmsg_set(em, "\"%.200s\" is neither a host name nor an address",
			   endpoint_r->host);
		return -EINVAL;
	}
	if (*port == ':' ? !parse_port(port + 1, &endpoint_r->port) : endpoint_r->port == 0) {
		errmsg_set(em, "\"%.200s\" needs a port, as in HOST:PORT with 1 to 65535", text);
		return -EINVAL;
	}
	return 0;
}

struct endpoint_name endpoint_name(const struct endpoint *endpoint)
{
	struct endpoint_name name;
	bool is_v6 = strchr(endpoint->host, ':');

	if (endpoint_is_unix(endpoint))
		snprintf(name.text, sizeof(name.text), "unix:%s", endpoint->path);
	else
		snprintf(name.text, sizeof(name.text), is_v6 ? "[%s]:%u" : "%s:%u", endpoint->host,
			 (unsigned int)endpoint->port);
	return name;
}
