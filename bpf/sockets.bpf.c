/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/sockets.bpf.c: the TCP sockets that were open before weir started.
 *
 * Hook: the iterator over the files of tasks (5.8; bpf_sock_from_file 5.11), read once, after
 * tcp.bpf.c is attached. A socket that no hook has written on yet gets its owner: the first process
 * that is found to hold it. So the end of an old connection, and what an old listener accepts, has
 * an owner. When an old connection began, and which end called connect, is not known.
 * Cost: 0.1 microseconds per open file, once. */
#include "bpf/sock.h"

#include <bpf/bpf_tracing.h>

/* Without the socket's lock a slot might be taken for one that has closed. A listener gets one all
 * the same, for its children's sake: what closes then leaves its slot to the address's next. */
static __always_inline void socket_found(const struct sock *sk, struct task_struct *task)
{
	struct socket_state *state;
	bool listens = sk->__sk_common.skc_state == TCP_LISTEN;

	if (socket_state(sk, socket_cookie(sk)))
		return;
	state = listens ? socket_state_create(sk, EVENT_TASK)
			: socket_storage_create(sk, EVENT_TASK);
	if (!state)
		return;
	socket_own(state, task, listens ? SOCKET_ROLE_LISTENER : SOCKET_ROLE_UNKNOWN);
	state->began_ns = 0;
	state->established_ns = 0;
}

SEC("iter/task_file")
int weir_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (sk && sk->sk_protocol == IPPROTO_TCP && sk->__sk_common.skc_state != TCP_CLOSE)
		socket_found(sk, task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
