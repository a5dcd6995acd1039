/* outputs/syslog_settings.h: what the configuration says about a syslog destination, and what can
 * be read from it alone. */
#pragma once

#include "outputs/endpoint.h"
#include "outputs/output_settings.h"
#include "outputs/stream_settings.h"
#include "outputs/tls_settings.h"

enum syslog_transport {
	SYSLOG_TCP,
	SYSLOG_TLS,
	SYSLOG_UDP,
	SYSLOG_RELP,
	SYSLOG_RELP_TLS,
	SYSLOG_UNIX_STREAM,
	SYSLOG_UNIX_DATAGRAM,
};

enum syslog_framing { SYSLOG_FRAMING_AUTO, SYSLOG_OCTET_COUNTING, SYSLOG_LF };
enum syslog_standard { SYSLOG_RFC5424, SYSLOG_RFC3164 };
enum syslog_oversize { SYSLOG_REFUSE, SYSLOG_TRUNCATE };

struct syslog_settings {
	struct output_settings common;
	char *address, *app_name, *hostname, *procid, *sd_id;
	int transport, framing, standard, oversize;
	uint64_t max_message_bytes, grace_ns, relp_window;
	struct config_strings priorities;
	bool bom;
	struct stream_settings stream;
	struct tls_settings tls;
};

extern const struct config_item syslog_items[];

int syslog_settings_check(const struct config_node *cfg, const struct output_settings *common,
			  struct errmsg *em);
void syslog_settings_paths(const struct output_settings *common, output_path_fn visit, void *ctx);

/* The address with the port that is usual for the transport. */
WARN_UNUSED int syslog_endpoint(const struct syslog_settings *settings, struct endpoint *endpoint_r,
				struct errmsg *em);
/* The PRI of each kind: what is usual, changed by `priorities`. */
WARN_UNUSED int syslog_priorities(const struct syslog_settings *settings,
				  unsigned char pri_r[EVENT_KINDS], struct errmsg *em);
bool syslog_is_tls(const struct syslog_settings *settings);
/* auto made definite; datagrams and RELP have a framing of their own and count as octet counting.
 */
enum syslog_framing syslog_framing_of(const struct syslog_settings *settings);
