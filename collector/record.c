#include "collector/record.h"

#include <errno.h>
#include <sys/socket.h>

static struct process_key key_of(const struct event_process_key *key)
{
	return (struct process_key){ .start_ns = key->start_ns, .pid = key->pid };
}

struct fact_bit {
	uint32_t fact, bit;
};

static const struct fact_bit flag_bits[] = {
	{ EXEC_ARGS_TRUNCATED, PROCESS_TRUNC_ARGS },
	{ EXEC_CWD_TRUNCATED, PROCESS_ERROR_CWD },
	{ EXEC_ARGS_UNREADABLE, PROCESS_ERROR_ARGS },
	{ EXEC_ENV_UNREADABLE, PROCESS_ERROR_ENVS },
	{ EXEC_FILENAME_UNREADABLE, PROCESS_ERROR_FILENAME },
	{ EXEC_CWD_UNREADABLE, PROCESS_NO_CWD },
	{ EXEC_ROOT_CWD, PROCESS_ROOT_CWD },
	{ EXEC_NO_FORK_SEEN, PROCESS_MISS },
	{ EXEC_AFTER_FORK, PROCESS_CLONE },
	{ EXEC_IN_INIT_TREE, PROCESS_IN_INIT_TREE },
	{ EXEC_CGROUP_UNREADABLE, PROCESS_ERROR_CGROUP_NAME },
};

static const struct fact_bit privilege_bits[] = {
	{ EXEC_SETUID, PRIVILEGES_SETUID },
	{ EXEC_SETGID, PRIVILEGES_SETGID },
	{ EXEC_FILE_CAPS, PRIVILEGES_FILE_CAP },
};

static const struct fact_bit truncation_bits[] = {
	{ EXEC_FILENAME_TRUNCATED, TRUNCATED_FILENAME },
	{ EXEC_EXE_TRUNCATED, TRUNCATED_EXE },
	{ EXEC_CWD_TRUNCATED, TRUNCATED_CWD },
	{ EXEC_ENV_TRUNCATED, TRUNCATED_ENVIRONMENT },
};

static uint32_t bits_of(uint32_t facts, const struct fact_bit *table, size_t n)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++)
		if (facts & table[i].fact)
			bits |= table[i].bit;
	return bits;
}

static struct credentials credentials_of(const struct event_credentials *c)
{
	return (struct credentials){
		.uid = c->uid,
		.gid = c->gid,
		.euid = c->euid,
		.egid = c->egid,
		.suid = c->suid,
		.sgid = c->sgid,
		.fsuid = c->fsuid,
		.fsgid = c->fsgid,
		.cap_permitted = c->cap_permitted,
		.cap_effective = c->cap_effective,
		.cap_inheritable = c->cap_inheritable,
		.cap_ambient = c->cap_ambient,
		.securebits = c->securebits,
		.user_ns_level = c->user_ns_level,
		.user_ns_uid = c->user_ns_uid,
		.user_ns_gid = c->user_ns_gid,
	};
}

static struct namespaces namespaces_of(const struct event_namespaces *ns)
{
	return (struct namespaces){
		.uts = ns->uts,
		.ipc = ns->ipc,
		.mnt = ns->mnt,
		.pid = ns->pid,
		.pid_for_children = ns->pid_for_children,
		.net = ns->net,
		.time = ns->time,
		.time_for_children = ns->time_for_children,
		.cgroup = ns->cgroup,
		.user = ns->user,
	};
}

/* Takes the next `length` of the bytes behind the fixed part. */
static struct str take(struct str *rest, uint32_t length)
{
	struct str s = { rest->p, length };

	rest->p += length;
	rest->n -= length;
	return s;
}

/* The lengths must make up exactly what is there; then none of them can point outside. */
static int decode_texts(const struct event_exec *exec, struct str rest, struct process_draft *draft)
{
	uint64_t sum = (uint64_t)exec->filename_len + exec->exe_len + exec->cwd_len +
		       exec->cgroup_len + exec->args_len + exec->env_len;

	if (sum != rest.n)
		return -EBADMSG;
	draft->filename = take(&rest, exec->filename_len);
	draft->exe = take(&rest, exec->exe_len);
	draft->cwd = take(&rest, exec->cwd_len);
	draft->cgroup = take(&rest, exec->cgroup_len);
	draft->args = take(&rest, exec->args_len);
	draft->env = take(&rest, exec->env_len);
	if (!draft->filename.n) /* of a process that ran already it is not known */
		draft->filename = draft->exe;
	return 0;
}

static int decode_exec(struct str bytes, const struct clock *clock, struct record *record)
{
	struct process_draft *draft = &record->exec;
	const struct event_exec *exec = (const void *)bytes.p;

	if (bytes.n < sizeof(*exec) || !record->process.pid)
		return -EBADMSG;
	record->kernel_thread = exec->facts & EXEC_KERNEL_THREAD;
	*draft = (struct process_draft){
		.key = record->process,
		.parent = key_of(&exec->parent),
		.replaced = key_of(&exec->replaced),
		.tid = record->tid,
		.nspid = exec->nspid,
		.auid = exec->auid,
		.session_id = exec->session_id,
		.flags = (record->type == EVENT_TASK ? PROCESS_PROCFS : PROCESS_EXECVE) |
			 bits_of(exec->facts, flag_bits, ARRAY_SIZE(flag_bits)),
		.creds = credentials_of(&exec->creds),
		.ns = namespaces_of(&exec->ns),
		.cgroup_id = exec->cgroup_id,
		.exe_ino = exec->exe_ino,
		.exe_dev = exec->exe_dev,
		.exe_nlink = exec->exe_nlink,
		.exe_mode = exec->exe_mode,
		.exe_uid = exec->exe_uid,
		.exe_gid = exec->exe_gid,
		.privileges = bits_of(exec->facts, privilege_bits, ARRAY_SIZE(privilege_bits)),
		.truncated = bits_of(exec->facts, truncation_bits, ARRAY_SIZE(truncation_bits)),
		.args_total = exec->args_total,
		.env_total = exec->env_total,
		.start_wall_ns = clock_boot_to_wall(clock, exec->header.process.start_ns),
	};
	return decode_texts(exec, (struct str){ bytes.p + sizeof(*exec), bytes.n - sizeof(*exec) },
			    draft);
}

static int decode_fork(struct str bytes, struct record *record)
{
	struct event_fork fork;

	if (bytes.n != sizeof(fork) || !record->process.pid)
		return -EBADMSG;
	memcpy(&fork, bytes.p, sizeof(fork));
	record->fork.parent = key_of(&fork.parent);
	record->fork.nspid = fork.nspid;
	return 0;
}

static int decode_exit(struct str bytes, struct record *record)
{
	struct event_exit exit;

	if (bytes.n != sizeof(exit) || !record->process.pid)
		return -EBADMSG;
	memcpy(&exit, bytes.p, sizeof(exit));
	record->exit_code = exit.code;
	return 0;
}

/* The order is that of the wire; beyond its end: refused. */
static const enum socket_role roles[] = {
	[SOCKET_ROLE_UNKNOWN] = ROLE_UNKNOWN,
	[SOCKET_ROLE_CLIENT] = ROLE_CLIENT,
	[SOCKET_ROLE_SERVER] = ROLE_SERVER,
	[SOCKET_ROLE_LISTENER] = ROLE_LISTENER,
};
static const enum owner_source owner_sources[] = {
	[OWNER_UNKNOWN] = OWNED_BY_UNKNOWN,
	[OWNER_CURRENT] = OWNED_BY_CALLER,
	[OWNER_SOCKET] = OWNED_BY_SOCKET,
	[OWNER_LISTENER] = OWNED_BY_LISTENER,
};

static int decode_tcp(struct str bytes, struct record *record)
{
	const struct event_tcp *tcp = (const void *)bytes.p;

	if (bytes.n != sizeof(*tcp))
		return -EBADMSG;
	if (tcp->family != AF_INET && tcp->family != AF_INET6)
		return -EBADMSG;
	if (tcp->role >= ARRAY_SIZE(roles) || tcp->owner_source >= ARRAY_SIZE(owner_sources))
		return -EBADMSG;
	record->tcp = (struct tcp_fields){
		.sport = tcp->sport,
		.dport = tcp->dport,
		.family = tcp->family,
		.error = tcp->error,
		.role = roles[tcp->role],
		.owner = owner_sources[tcp->owner_source],
		.old_state = tcp->old_state,
		.new_state = tcp->new_state,
		.netns = tcp->netns,
		.uid = tcp->uid,
		.backlog = tcp->backlog,
		.cookie = tcp->cookie,
		.duration_ns = tcp->duration_ns,
		.bytes_sent = tcp->bytes_sent,
		.bytes_received = tcp->bytes_received,
	};
	memcpy(record->tcp.saddr, tcp->saddr, sizeof(tcp->saddr));
	memcpy(record->tcp.daddr, tcp->daddr, sizeof(tcp->daddr));
	return 0;
}

int record_decode(const void *bytes, size_t n, const struct clock *clock, struct record *record_r)
{
	struct str all = { bytes, n };
	/* Used where it lies: a copy made piece by piece and read in larger ones stalls. */
	const struct event_header *header = bytes;

	if (n < sizeof(*header) || (uintptr_t)bytes % _Alignof(struct event_exec))
		return -EBADMSG;
	if (header->version != EVENT_LAYOUT_VERSION || header->size != n ||
	    header->type >= EVENT_TYPES)
		return -EBADMSG;
	record_r->type = header->type;
	record_r->time_boot_ns = header->time_ns;
	record_r->process = key_of(&header->process);
	record_r->tid = header->tid;
	record_r->kernel_thread = false;
	switch (record_r->type) {
	case EVENT_FORK:
		return decode_fork(all, record_r);
	case EVENT_EXEC:
	case EVENT_TASK:
		return decode_exec(all, clock, record_r);
	case EVENT_EXIT:
		return decode_exit(all, record_r);
	case EVENT_CONNECT:
	case EVENT_ACCEPT:
	case EVENT_LISTEN:
	case EVENT_CLOSE:
		return decode_tcp(all, record_r);
	case EVENT_NONE:
	case EVENT_TYPES:
		break;
	}
	return -EBADMSG;
}

static bool is_wanted(struct str element, const char *const *names, size_t n)
{
	const char *equals = memchr(element.p, '=', element.n);
	struct str key = { element.p, equals ? (size_t)(equals - element.p) : element.n };

	for (size_t i = 0; i < n; i++)
		if (str_equal(key, str_of(names[i])))
			return true;
	return false;
}

struct str record_filter_environment(struct str env, const char *const *names, size_t n,
				     struct buf *out)
{
	buf_reset(out);
	while (env.n) {
		const char *end = memchr(env.p, '\0', env.n);
		struct str element = { env.p, end ? (size_t)(end - env.p) : env.n };

		if (is_wanted(element, names, n)) {
			buf_puts(out, element);
			buf_putc(out, '\0');
		}
		env.p += element.n + !!end;
		env.n -= element.n + !!end;
	}
	return buf_str(out);
}
