#include "pipeline/encode_tcp.h"

#include "base/json_write.h"
#include "pipeline/ip_text.h"
#include "pipeline/kernel_names.h"

#include <sys/socket.h>

/* Member names are literals with their punctuation: this runs for every connection. */
#define put_number(out, name, v)                  \
	do {                                      \
		buf_lit((out), ",\"" name "\":"); \
		buf_u64((out), (v));              \
	} while (0)

#define put_long(out, name, v)                      \
	do {                                        \
		buf_lit((out), ",\"" name "\":\""); \
		buf_u64((out), (v));                \
		buf_putc((out), '"');               \
	} while (0)

/* word needs no escaping; an empty one is left out. */
#define put_word(out, name, word)                           \
	do {                                                \
		struct str word_ = (word);                  \
                                                            \
		if (word_.n) {                              \
			buf_lit((out), ",\"" name "\":\""); \
			buf_puts((out), word_);             \
			buf_putc((out), '"');               \
		}                                           \
	} while (0)

static void put_address(uint16_t family, const uint8_t address[16], struct buf *out)
{
	if (family == AF_INET6)
		ipv6_write(address, out);
	else
		ipv4_write(address, out);
	buf_putc(out, '"');
}

static struct str role_name(enum socket_role role)
{
	switch (role) {
	case ROLE_UNKNOWN:
		return STR("");
	case ROLE_CLIENT:
		return STR("client");
	case ROLE_SERVER:
		return STR("server");
	case ROLE_LISTENER:
		return STR("listener");
	}
	return STR("");
}

/* How the process came to be named, where it is not the one that made the call. */
static struct str owner_name(enum owner_source owner)
{
	switch (owner) {
	case OWNED_BY_CALLER:
		return STR("");
	case OWNED_BY_UNKNOWN:
		return STR("unknown");
	case OWNED_BY_SOCKET:
		return STR("socket");
	case OWNED_BY_LISTENER:
		return STR("listener");
	}
	return STR("");
}

static void encode_endpoints(const struct tcp_fields *tcp, enum event_kind kind, struct buf *out)
{
	put_word(out, "family", family_name(tcp->family));
	buf_lit(out, ",\"protocol\":\"TCP\",\"source_ip\":\"");
	put_address(tcp->family, tcp->saddr, out);
	put_number(out, "source_port", tcp->sport);
	if (kind == KIND_PROCESS_LISTEN || tcp->role == ROLE_LISTENER)
		return;
	buf_lit(out, ",\"destination_ip\":\"");
	put_address(tcp->family, tcp->daddr, out);
	put_number(out, "destination_port", tcp->dport);
}

void encode_tcp(const struct tcp_fields *tcp, enum event_kind kind, struct buf *out)
{
	encode_endpoints(tcp, kind, out);
	put_long(out, "sock_cookie", tcp->cookie);
	put_word(out, "state", tcp_state_name(tcp->new_state));
	put_word(out, "old_state", tcp_state_name(tcp->old_state));
	if (kind == KIND_PROCESS_CLOSE)
		put_word(out, "role", role_name(tcp->role));
	put_word(out, "owner", owner_name(tcp->owner));
	if (tcp->error) {
		put_word(out, "error", error_name(tcp->error));
		put_number(out, "errno", tcp->error);
	}
	if (tcp->duration_ns)
		put_long(out, "duration_ns", tcp->duration_ns);
	if (kind == KIND_PROCESS_CLOSE && tcp->role != ROLE_LISTENER) {
		put_long(out, "bytes_sent", tcp->bytes_sent);
		put_long(out, "bytes_received", tcp->bytes_received);
	}
	if (kind == KIND_PROCESS_LISTEN)
		put_number(out, "backlog", tcp->backlog);
	put_number(out, "socket_uid", tcp->uid);
	if (tcp->netns)
		put_number(out, "netns", tcp->netns);
}
