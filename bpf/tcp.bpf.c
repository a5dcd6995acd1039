/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/tcp.bpf.c: TCP connections and listeners.
 *
 * Hook: inet_sock_set_state, as a BTF raw tracepoint (storage needs 5.11). Every way in which a
 * TCP socket changes state leads through it, for IPv4 and IPv6 alike, in process context or in
 * softirq. The socket still has its old state when it runs.
 * An attempt is told of once, when its outcome is known; a connection's end once, when the socket
 * is closed (for the side that closes first: when it enters TIME_WAIT). What fails before a SYN
 * leaves (no route, no free port) changes no state, and is not seen.
 * Cost: 0.2 to 0.3 microseconds in the mean of a loopback connection's transitions
 * (kernel.bpf_stats_enabled), of which four are told. */
#include "bpf/sock.h"

#include <bpf/bpf_tracing.h>

static __always_inline struct event_tcp *tcp_begin(enum event_type type, const struct sock *sk,
						   __u64 cookie, __u64 now, int old_state,
						   int new_state)
{
	struct event_tcp *record = emit_reserve(type, sizeof(*record));

	if (!record)
		return NULL;
	socket_describe(record, type, sk, cookie, now);
	record->old_state = old_state;
	record->new_state = new_state;
	return record;
}

/* For a record about a socket that nothing is known of. */
static __always_inline void tcp_unattributed(struct event_tcp *record, enum event_type type,
					     __u8 role)
{
	emit_count(type, FATE_SOCKET_UNKNOWN);
	__builtin_memset(&record->header.process, 0, sizeof(record->header.process));
	record->role = role;
	record->owner_source = OWNER_UNKNOWN;
}

/* connect(2), in its task: the addresses are not complete yet, so only the owner is kept. */
static __always_inline void tcp_connecting(const struct sock *sk)
{
	struct socket_state *state = socket_state_create(sk, EVENT_CONNECT);

	if (!state)
		return;
	socket_own(state, bpf_get_current_task_btf(), SOCKET_ROLE_CLIENT);
	state->began_ns = bpf_ktime_get_boot_ns();
	state->established_ns = 0;
}

static __always_inline void tcp_listening(const struct sock *sk, int old_state)
{
	struct socket_state *state = socket_state_create(sk, EVENT_LISTEN), stateless = {};
	struct event_tcp *record;

	if (!state)
		state = &stateless;
	socket_own(state, bpf_get_current_task_btf(), SOCKET_ROLE_LISTENER);
	state->began_ns = bpf_ktime_get_boot_ns();
	state->established_ns = 0;
	record = tcp_begin(EVENT_LISTEN, sk, socket_cookie(sk), state->began_ns, old_state,
			   TCP_LISTEN);
	if (!record)
		return;
	socket_attribute(record, state);
	record->owner_source = OWNER_CURRENT;
	record->header.tid = state->tid;
	record->backlog = sk->sk_max_ack_backlog;
	emit_submit(record, EVENT_LISTEN, sizeof(*record));
}

/* A child of a listener has just been made, in softirq, as its copy, and its lists have not been
 * set up yet: the queue of what was sent, which a listener has empty, still leads back to the
 * listener. That is only believed when a listener's slot says the same. */
static __always_inline struct socket_slot *tcp_listener_of(const struct tcp_sock *tcp, __u64 *id)
{
	struct socket_slot *slot;

	*id = socket_id((const void *)tcp->tsorted_sent_queue.next) -
	      bpf_core_field_offset(struct tcp_sock, tsorted_sent_queue);
	slot = socket_slot(*id);
	return slot && slot->id == *id && slot->state.role == SOCKET_ROLE_LISTENER ? slot : NULL;
}

static __always_inline void tcp_inherit(const struct sock *sk)
{
	const struct tcp_sock *tcp = bpf_skc_to_tcp_sock((void *)sk);
	struct socket_slot *listener;
	struct socket_state *state;
	__u64 id;

	if (!tcp)
		return;
	listener = tcp_listener_of(tcp, &id);
	if (!listener)
		return;
	state = socket_state_create(sk, EVENT_ACCEPT);
	if (!state)
		return;
	*state = listener->state;
	state->role = SOCKET_ROLE_SERVER;
	if (*(volatile __u64 *)&listener->id != id) /* it closed, and another may have the slot */
		state->owner.pid = 0;
}

/* The outcome of a connect(2): established, or closed with an error. */
static __always_inline void tcp_connected(const struct sock *sk, __u64 cookie,
					  struct socket_state *state, __u64 now, int old_state,
					  int new_state)
{
	struct event_tcp *record;

	/* Before the record: verifiers up to 6.1 refuse a second look at whether there is one. */
	if (state && new_state == TCP_ESTABLISHED)
		state->established_ns = now;
	record = tcp_begin(EVENT_CONNECT, sk, cookie, now, old_state, new_state);
	if (!record)
		return;
	if (state) {
		socket_attribute(record, state);
		record->header.tid = state->tid;
		if (state->began_ns)
			record->duration_ns = now - state->began_ns;
	} else {
		tcp_unattributed(record, EVENT_CONNECT, SOCKET_ROLE_CLIENT);
	}
	if (new_state != TCP_ESTABLISHED) {
		socket_end(record, sk);
		if (!record->error)
			record->error = ECANCELED;
	}
	emit_submit(record, EVENT_CONNECT, sizeof(*record));
}

/* A child of a listener, in softirq; it has inherited the listener's state. */
static __always_inline void tcp_accepted(const struct sock *sk, __u64 cookie,
					 struct socket_state *state, __u64 now, int old_state)
{
	struct event_tcp *record;

	if (state) {
		state->role = SOCKET_ROLE_SERVER;
		state->source = OWNER_LISTENER;
		state->established_ns = now;
	}
	if (accept_is_traced) /* told when the task takes it (accept.bpf.c) */
		return;
	record = tcp_begin(EVENT_ACCEPT, sk, cookie, now, old_state, TCP_ESTABLISHED);
	if (!record)
		return;
	if (state)
		socket_attribute(record, state);
	else
		tcp_unattributed(record, EVENT_ACCEPT, SOCKET_ROLE_SERVER);
	emit_submit(record, EVENT_ACCEPT, sizeof(*record));
}

static __always_inline void tcp_closed(const struct sock *sk, __u64 cookie,
				       struct socket_state *state, __u64 now, int old_state)
{
	struct event_tcp *record = tcp_begin(EVENT_CLOSE, sk, cookie, now, old_state, TCP_CLOSE);
	const struct tcp_sock *tcp;

	if (!record)
		return;
	tcp = socket_end(record, sk);
	if (tcp && old_state != TCP_LISTEN)
		socket_bytes(record, sk, tcp);
	if (!state) {
		tcp_unattributed(record, EVENT_CLOSE,
				 old_state == TCP_LISTEN ? SOCKET_ROLE_LISTENER
							 : SOCKET_ROLE_UNKNOWN);
		emit_submit(record, EVENT_CLOSE, sizeof(*record));
		return;
	}
	socket_attribute(record, state);
	if (old_state == TCP_LISTEN && state->began_ns)
		record->duration_ns = now - state->began_ns;
	else if (state->established_ns)
		record->duration_ns = now - state->established_ns;
	emit_submit(record, EVENT_CLOSE, sizeof(*record));
}

/* Established, or closed. */
static __always_inline void tcp_settled(const struct sock *sk, int old_state, int new_state)
{
	bool connecting = old_state == TCP_SYN_SENT;
	__u64 cookie = socket_cookie(sk), now = bpf_ktime_get_boot_ns();
	struct socket_state *state = socket_state(sk, cookie);

	if (old_state == TCP_SYN_RECV) /* both ends connected at once, or a listener's child */
		connecting = state && state->role == SOCKET_ROLE_CLIENT;
	if (connecting)
		tcp_connected(sk, cookie, state, now, old_state, new_state);
	else if (new_state == TCP_ESTABLISHED)
		tcp_accepted(sk, cookie, state, now, old_state);
	else if (old_state != TCP_SYN_RECV) /* such a child was never told of */
		tcp_closed(sk, cookie, state, now, old_state);
	if (new_state == TCP_CLOSE)
		socket_slot_release(sk);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(weir_tcp, const struct sock *sk, int old_state, int new_state)
{
	if (new_state != TCP_ESTABLISHED && new_state != TCP_CLOSE && new_state != TCP_SYN_SENT &&
	    new_state != TCP_LISTEN && !(new_state == TCP_SYN_RECV && old_state == TCP_LISTEN))
		return 0;
	if (sk->sk_protocol != IPPROTO_TCP || old_state == new_state)
		return 0;
	if (new_state == TCP_SYN_RECV)
		tcp_inherit(sk);
	else if (new_state == TCP_SYN_SENT)
		tcp_connecting(sk);
	else if (new_state == TCP_LISTEN)
		tcp_listening(sk, old_state);
	else
		tcp_settled(sk, old_state, new_state);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
