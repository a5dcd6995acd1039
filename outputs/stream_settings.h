/* outputs/stream_settings.h: what a destination's configuration says about its connection. Embedded
 * in the destination's settings; STREAM_ITEMS makes the rows of its table (these stand beside the
 * destination's own keys), as TLS_ITEMS does in outputs/tls_settings.h. */
#pragma once

#include "base/clock.h"
#include "config/config.h"

struct secret;

struct stream_settings {
	uint64_t connect_timeout_ns, timeout_ns, keepalive_ns;
	char *proxy, *proxy_user;
	struct secret *proxy_password;
};

/* clang-format off */
/* Items for a struct of type_ whose member_ is a struct stream_settings. */
#define STREAM_ITEMS(type_, member_) \
	{ .name = "connect_timeout", .type = CONFIG_DURATION, \
	  .offset = offsetof(type_, member_.connect_timeout_ns), .value = "10s", \
	  .min = 10 * NSEC_PER_MSEC, .max = 600 * NSEC_PER_SEC, \
	  .help = "Deadline of each step on the way to a connection: the lookup of the name, the " \
		  "connecting (to all its addresses), the proxy, the TLS handshake." }, \
	{ .name = "timeout", .type = CONFIG_DURATION, \
	  .offset = offsetof(type_, member_.timeout_ns), .value = "60s", \
	  .min = 100 * NSEC_PER_MSEC, .max = 240 * NSEC_PER_SEC, \
	  .help = "A connection on which the peer has taken nothing for so long is given up." }, \
	{ .name = "keepalive", .type = CONFIG_DURATION, \
	  .offset = offsetof(type_, member_.keepalive_ns), .value = "30s", \
	  .min = NSEC_PER_SEC, .max = 7200 * NSEC_PER_SEC, \
	  .help = "An idle TCP connection is probed after this time." }, \
	{ .name = "proxy", .type = CONFIG_STRING, \
	  .offset = offsetof(type_, member_.proxy), .value = "", \
	  .help = "HOST:PORT of an HTTP proxy that is asked to connect (CONNECT); it looks up the " \
		  "name. Empty: none." }, \
	{ .name = "proxy_user", .type = CONFIG_STRING, \
	  .offset = offsetof(type_, member_.proxy_user), .value = "", \
	  .help = "User at the proxy (Basic)." }, \
	{ .name = "proxy_password", .type = CONFIG_SECRET, \
	  .offset = offsetof(type_, member_.proxy_password), .optional = true, \
	  .help = "Password at the proxy." }
/* clang-format on */

/* For output_type.check; cfg is the output's node. */
WARN_UNUSED int stream_settings_check(const struct config_node *cfg,
				      const struct stream_settings *settings, struct errmsg *em);
