/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/accept.bpf.c: a task has taken a connection that came in.
 *
 * Hook: fexit on inet_csk_accept (fexit 5.5, storage 5.11), which has four arguments before 6.10
 * and two since. It knows which task accepts; the state change that tcp.bpf.c sees is in softirq,
 * where only the listener's owner is known. Loaded only where the kernel has fentry; then
 * tcp.bpf.c leaves EVENT_ACCEPT to this program. A connection that nobody accepts is told of only
 * when it closes, with the listener's owner.
 * Cost: that of a record that tcp.bpf.c tells, per accepted connection. */
#include "bpf/sock.h"

/* The socket's lock is not held here: at this moment it may close and give its slot back. But while
 * there is one more claim, nobody else takes it. */
static __always_inline bool accept_own_slot(const struct sock *sk, struct task_struct *task)
{
	__u64 id = socket_id(sk);
	struct socket_slot *slot = socket_slot(id);
	bool ours;

	if (!slot || slot->id != id)
		return false;
	__sync_fetch_and_add(&slot->claims, 1);
	ours = *(volatile __u64 *)&slot->id == id;
	if (ours)
		socket_own(&slot->state, task, SOCKET_ROLE_SERVER);
	__sync_fetch_and_add(&slot->claims, -1);
	return ours;
}

static __always_inline void accept_own(const struct sock *sk, struct task_struct *task)
{
	struct socket_state *state;

	if (accept_own_slot(sk, task))
		return;
	state = socket_storage_create(sk, EVENT_ACCEPT);
	if (state)
		socket_own(state, task, SOCKET_ROLE_SERVER);
}

static __always_inline int accepted(const struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct event_tcp *record;

	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	accept_own(sk, task);
	record = emit_reserve(EVENT_ACCEPT, sizeof(*record));
	if (!record)
		return 0;
	socket_describe(record, EVENT_ACCEPT, sk, socket_cookie(sk), bpf_ktime_get_boot_ns());
	if (!record->sport) { /* the peer has reset it already */
		socket_end(record, sk);
		record->error = 0;
	}
	record->old_state = TCP_SYN_RECV;
	record->new_state = TCP_ESTABLISHED;
	task_key(&record->header.process, task);
	record->header.tid = task->pid;
	record->role = SOCKET_ROLE_SERVER;
	record->owner_source = OWNER_CURRENT;
	emit_submit(record, EVENT_ACCEPT, sizeof(*record));
	return 0;
}

/* The socket is what the function returned: it stands behind the arguments. */
SEC("fexit/inet_csk_accept")
int weir_accept(unsigned long long *ctx)
{
	return accepted((const struct sock *)ctx[2]);
}

SEC("fexit/inet_csk_accept")
int weir_accept_before_6_10(unsigned long long *ctx)
{
	return accepted((const struct sock *)ctx[4]);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
