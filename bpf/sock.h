/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/sock.h: what is remembered of a TCP socket, on the socket itself, and how a record about it
 * is filled.
 *
 * A socket changes state in softirq as often as in its process, when `current` is whoever was
 * interrupted. So the owner is written down when a task acts (connect, listen, accept), in storage
 * that lives and ends with the socket and that an accepted child inherits from its listener.
 * Storage from tracing programs needs 5.11. */
#pragma once

#include "bpf/emit.h"
#include "bpf/task.h"

struct socket_state {
	struct event_process_key owner;
	__u64 began_ns;	      /* connect(2) */
	__u64 established_ns; /* 0: not yet, or not known */
	__u32 tid;	      /* of the task that connects */
	__u8 role;	      /* enum event_socket_role */
	__u8 source;	      /* enum event_owner_source, for the records to come */
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_state);
} sockets SEC(".maps") __weak;

static __always_inline struct socket_state *socket_state(const struct sock *sk)
{
	return bpf_sk_storage_get(&sockets, (void *)sk, NULL, 0);
}

/* Makes it when there is none; NULL when that failed, and then that has been counted. */
static __always_inline struct socket_state *socket_state_create(const struct sock *sk,
								enum event_type type)
{
	struct socket_state *state =
		bpf_sk_storage_get(&sockets, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state)
		emit_count(type, FATE_SOCKET_UNKNOWN);
	return state;
}

/* The running task owns it. */
static __always_inline void socket_own(struct socket_state *state, __u8 role)
{
	task_key(&state->owner, bpf_get_current_task_btf());
	state->tid = (__u32)bpf_get_current_pid_tgid();
	state->role = role;
	state->source = OWNER_SOCKET;
}

struct ipv6_words {
	__u32 word[4];
};

static __always_inline bool ipv6_is_v4_mapped(const struct ipv6_words *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == __builtin_bswap32(0xffff);
}

static __always_inline void socket_addresses(struct event_tcp *record, const struct sock *sk)
{
	struct ipv6_words source = {}, destination = {};

	__builtin_memset(record->saddr, 0, sizeof(record->saddr));
	__builtin_memset(record->daddr, 0, sizeof(record->daddr));
	record->family = sk->__sk_common.skc_family;
	if (record->family == AF_INET6) {
		bpf_core_read(&source, sizeof(source), &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(&destination, sizeof(destination), &sk->__sk_common.skc_v6_daddr);
		if (!ipv6_is_v4_mapped(&source) || !ipv6_is_v4_mapped(&destination)) {
			__builtin_memcpy(record->saddr, &source, sizeof(source));
			__builtin_memcpy(record->daddr, &destination, sizeof(destination));
			return;
		}
		record->family = AF_INET;
	}
	*(__u32 *)record->saddr = sk->__sk_common.skc_rcv_saddr;
	*(__u32 *)record->daddr = sk->__sk_common.skc_daddr;
}

/* Payload only. bytes_sent counts what went out, again for what was repeated; bytes_received counts
 * the sequence space that came in, of which the peer's FIN is one. */
static __always_inline void socket_bytes(struct event_tcp *record, const struct sock *sk)
{
	const struct tcp_sock *tcp = (const void *)sk;

	record->bytes_sent = BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
	record->bytes_received = BPF_CORE_READ(tcp, bytes_received);
	if (sk->__sk_common.skc_flags & (1ul << SOCK_DONE_BIT))
		record->bytes_received--;
}

/* Everything but header.process, owner_source, role and what only one type of event has. */
static __always_inline void socket_describe(struct event_tcp *record, enum event_type type,
					    const struct sock *sk, __u64 now)
{
	const struct inet_sock *inet = (const void *)sk;

	emit_header(&record->header, type, sizeof(*record), now, 0);
	socket_addresses(record, sk);
	record->sport = __builtin_bswap16(BPF_CORE_READ(inet, inet_sport));
	record->dport = __builtin_bswap16(sk->__sk_common.skc_dport);
	record->old_state = sk->__sk_common.skc_state;
	record->new_state = sk->__sk_common.skc_state;
	record->error = 0;
	record->netns = 0;
	if (bpf_core_field_exists(sk->__sk_common.skc_net.net)) /* CONFIG_NET_NS */
		record->netns = sk->__sk_common.skc_net.net->ns.inum;
	record->cookie = has_socket_cookie ? bpf_get_socket_cookie((void *)sk) : 0;
	record->duration_ns = 0;
	record->bytes_sent = 0;
	record->bytes_received = 0;
	record->uid = sk->sk_uid.val;
	record->backlog = 0;
}

static __always_inline void socket_attribute(struct event_tcp *record,
					     const struct socket_state *state)
{
	record->header.process = state->owner;
	record->role = state->role;
	record->owner_source = state->owner.pid ? state->source : OWNER_UNKNOWN;
}
