/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/sock.h: what is remembered of a TCP socket, and how a record about it is filled.
 *
 * A socket changes state in softirq as often as in its process, when `current` is whoever was
 * interrupted. So the owner is written down when a task acts (connect, listen, accept); an accepted
 * child inherits it from its listener.
 *
 * Where: in a table of slots by the socket's address. Whose slot is taken gets storage on the
 * socket itself (5.11), which finds room always, but takes a microsecond to make and another to
 * free; of a listener's the kernel makes a copy for each child. */
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

#define SOCKET_SLOT_BITS 14 /* 1 MiB */
#define SOCKET_SLOTS	 (1u << SOCKET_SLOT_BITS)

/* A slot belongs to who has made `claims` one. Adding before looking makes that safe without a
 * compare-and-exchange (5.12, arm64 5.18): of two who meet, both may withdraw, but never do both
 * stay. A slot that was not given back (the kernel leaves a program out that interrupts itself) is
 * its address's next socket's; the cookie tells the two apart. */
struct socket_slot {
	__u64 id; /* socket_id(); 0: nobody's */
	__u32 claims;
	__u32 pad;
	struct socket_state state;
	__u64 cookie; /* 0: not asked yet */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* for its alignment to a page */
	__uint(max_entries, SOCKET_SLOTS);
	__type(key, __u32);
	__type(value, struct socket_slot);
} slots SEC(".maps") __weak;

/* Told from the socket's address, as a number. The verifier allows no arithmetic with a pointer but
 * taking the distance to another, so this is the distance to a thing that stays where it is. */
static __always_inline __u64 socket_id(const struct sock *sk)
{
	__u64 id = (__u64)sk;

	asm volatile("%0 -= %1" : "+r"(id) : "r"(&args_max));
	return id;
}

/* 0: can't be known. The helper is for a socket that was never asked. */
static __always_inline __u64 socket_cookie(const struct sock *sk)
{
	__u64 cookie;

	if (!has_socket_cookie)
		return 0;
	cookie = sk->__sk_common.skc_cookie.counter;
	return cookie ? cookie : bpf_get_socket_cookie((void *)sk);
}

/* The place that the socket has or would have. */
static __always_inline struct socket_slot *socket_slot(__u64 id)
{
	__u32 i = (id * 0x9e3779b97f4a7c15ull) >> (64 - SOCKET_SLOT_BITS);

	return bpf_map_lookup_elem(&slots, &i);
}

static __always_inline bool socket_slot_claim(struct socket_slot *slot)
{
	__sync_fetch_and_add(&slot->claims, 1);
	if (*(volatile __u32 *)&slot->claims == 1)
		return true;
	__sync_fetch_and_add(&slot->claims, -1);
	return false;
}

static __always_inline void socket_slot_release(const struct sock *sk)
{
	__u64 id = socket_id(sk);
	struct socket_slot *slot = socket_slot(id);

	if (!slot || slot->id != id)
		return;
	*(volatile __u64 *)&slot->id = 0;
	__sync_fetch_and_add(&slot->claims, -1);
}

static __always_inline struct socket_state *socket_storage(const struct sock *sk)
{
	if (!sk->sk_bpf_storage) /* as for most */
		return NULL;
	return bpf_sk_storage_get(&sockets, (void *)sk, NULL, 0);
}

static __always_inline struct socket_state *socket_state(const struct sock *sk, __u64 cookie)
{
	__u64 id = socket_id(sk);
	struct socket_slot *slot = socket_slot(id);

	if (slot && slot->id == id) {
		if (!slot->cookie)
			slot->cookie = cookie;
		if (slot->cookie == cookie)
			return &slot->state;
	}
	return socket_storage(sk);
}

/* NULL: no memory, and that has been counted. */
static __always_inline struct socket_state *socket_storage_create(const struct sock *sk,
								  enum event_type type)
{
	struct socket_state *state =
		bpf_sk_storage_get(&sockets, (void *)sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (!state)
		emit_count(type, FATE_SOCKET_UNKNOWN);
	return state;
}

/* For who holds the socket's lock and will see it close; else the slot could be another's by now,
 * or would never be given back. The caller fills the whole of it. */
static __always_inline struct socket_state *socket_state_create(const struct sock *sk,
								enum event_type type)
{
	__u64 id = socket_id(sk);
	struct socket_slot *slot = socket_slot(id);

	if (slot && !sk->sk_bpf_storage && (slot->id == id || socket_slot_claim(slot))) {
		slot->id = id;
		slot->cookie = 0;
		return &slot->state;
	}
	return socket_storage_create(sk, type);
}

/* The task owns it. */
static __always_inline void socket_own(struct socket_state *state, struct task_struct *task,
				       __u8 role)
{
	task_key(&state->owner, task);
	state->tid = task->pid;
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
static __always_inline void socket_bytes(struct event_tcp *record, const struct sock *sk,
					 const struct tcp_sock *tcp)
{
	record->bytes_sent = tcp->bytes_sent - tcp->bytes_retrans;
	record->bytes_received = tcp->bytes_received;
	if (sk->__sk_common.skc_flags & (1ul << SOCK_DONE_BIT))
		record->bytes_received--;
}

/* Everything but header.process, owner_source, role and what only one type of event has. */
static __always_inline void socket_describe(struct event_tcp *record, enum event_type type,
					    const struct sock *sk, __u64 cookie, __u64 now)
{
	emit_header(&record->header, type, sizeof(*record), now, 0);
	socket_addresses(record, sk);
	record->sport = sk->__sk_common.skc_num;
	record->dport = __builtin_bswap16(sk->__sk_common.skc_dport);
	record->old_state = sk->__sk_common.skc_state;
	record->new_state = sk->__sk_common.skc_state;
	record->error = 0;
	record->netns = 0;
	if (bpf_core_field_exists(sk->__sk_common.skc_net.net)) /* CONFIG_NET_NS */
		record->netns = sk->__sk_common.skc_net.net->ns.inum;
	record->cookie = cookie;
	record->duration_ns = 0;
	record->bytes_sent = 0;
	record->bytes_received = 0;
	record->uid = sk->sk_uid.val;
	record->backlog = 0;
}

/* For a socket that closes: its error; and its port, which has gone from skc_num by then. */
static __always_inline const struct tcp_sock *socket_end(struct event_tcp *record,
							 const struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock((void *)sk);

	record->error = sk->sk_err;
	if (tcp)
		record->sport = __builtin_bswap16(tcp->inet_conn.icsk_inet.inet_sport);
	return tcp;
}

static __always_inline void socket_attribute(struct event_tcp *record,
					     const struct socket_state *state)
{
	record->header.process = state->owner;
	record->role = state->role;
	record->owner_source = state->owner.pid ? state->source : OWNER_UNKNOWN;
}
