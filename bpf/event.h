/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* bpf/event.h: the one layout that the kernel programs and user space share.
 *
 * Every record in the ring starts with struct event_header and is read by collector/record.c,
 * which trusts none of its lengths. Widths are fixed, padding is explicit and zero, sizes are
 * asserted. A change that moves a field raises EVENT_LAYOUT_VERSION: pinned programs of an older
 * weir may still be writing. All numbers are in the host's byte order. */
#pragma once

#ifdef __bpf__
#include "bpf/kernel_types.h"
#else
#include <stdint.h>
#endif

#define EVENT_LAYOUT_VERSION 1

/* What a record is. The order is also that of the kernel's counters. */
enum event_type {
	EVENT_NONE,
	EVENT_FORK,    /* a new thread group; feeds the process table, is not delivered */
	EVENT_EXEC,    /* a successful execve */
	EVENT_EXIT,    /* the last thread of a group is gone */
	EVENT_TASK,    /* a process that already ran when weir started; body of EVENT_EXEC */
	EVENT_CONNECT, /* an outgoing TCP connection was established, refused or timed out */
	EVENT_ACCEPT,  /* an incoming TCP connection was established */
	EVENT_LISTEN,  /* a TCP socket listens */
	EVENT_CLOSE,   /* a TCP connection or a listening socket ended */
	EVENT_TYPES,
};

/* What became of a record in the kernel. Everything that a hook sees ends in exactly one of the
 * first three; captured{type} is their sum. Attribution defects are counted beside. In the row of
 * EVENT_NONE, SCRATCH_BUSY counts the runs that the kernel itself left out because the same
 * program was interrupted on that CPU (read by user space, 5.12); what they would have told is not
 * known, so it is an upper bound. */
enum event_fate {
	FATE_SUBMITTED,	     /* is in the ring */
	FATE_RING_FULL,	     /* lost: no room in the ring */
	FATE_SCRATCH_BUSY,   /* lost: the CPU's scratch memory was in use */
	FATE_TASK_MAP_FULL,  /* not lost, but the process could not be remembered */
	FATE_TASK_MAP_BUSY,  /* the same, though there was room: the kernel could not get at it */
	FATE_SOCKET_UNKNOWN, /* not lost, but the socket's owner could not be remembered */
	EVENT_FATES,
};

/* The image of a process: its thread group and the boot-clock time at which this image began
 * (exec; for one that only forked, the fork). Never reused, unlike a pid. pid 0: not known. */
struct event_process_key {
	uint64_t start_ns;
	uint32_t pid;
	uint32_t pad;
};

/* The kernel's task map: tgid to this. User space reads start_ns (collector/snapshot.c). */
struct task_entry {
	uint64_t start_ns; /* with the tgid: the key of the image that runs */
	struct event_process_key parent;
	uint32_t flags; /* TASK_*, bpf/maps.h */
	uint32_t pad;
};

struct event_header {
	uint16_t version; /* EVENT_LAYOUT_VERSION */
	uint16_t type;	  /* enum event_type */
	uint32_t size;	  /* of the whole record, this header included */
	uint64_t time_ns; /* CLOCK_BOOTTIME (bpf_ktime_get_boot_ns, since 5.8) */
	struct event_process_key process;
	uint32_t tid; /* the acting thread; 0 where none acts (softirq) */
	uint32_t cpu;
};

struct event_credentials {
	uint32_t uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_ambient;
	uint32_t securebits;
	uint32_t user_ns_level;
	uint32_t user_ns_uid, user_ns_gid; /* owner of the user namespace */
};

/* Inode numbers of the namespaces. 0: the kernel has none of that kind. */
struct event_namespaces {
	uint32_t uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user;
};

struct event_fork {
	struct event_header header; /* process: the child */
	struct event_process_key parent;
	uint32_t nspid; /* the child's pid in its innermost namespace */
	uint32_t pad;
};

/* Facts about an exec, as bits of event_exec.facts. */
enum {
	EXEC_SETUID = 1u << 0,	  /* the file's setuid bit counted, and euid is not the real uid */
	EXEC_SETGID = 1u << 1,	  /* the same for the group */
	EXEC_FILE_CAPS = 1u << 2, /* the file's capabilities raised the permitted set */
	EXEC_ARGS_TRUNCATED = 1u << 3,
	EXEC_ENV_TRUNCATED = 1u << 4,
	EXEC_CWD_TRUNCATED = 1u << 5, /* leading components of the path are missing */
	EXEC_EXE_TRUNCATED = 1u << 6,
	EXEC_FILENAME_TRUNCATED = 1u << 7,
	EXEC_ARGS_UNREADABLE = 1u << 8, /* reading user memory faulted */
	EXEC_ENV_UNREADABLE = 1u << 9,
	EXEC_FILENAME_UNREADABLE = 1u << 10,
	EXEC_CWD_UNREADABLE = 1u << 11,
	EXEC_ROOT_CWD = 1u << 12,     /* cwd is the root of the process */
	EXEC_NO_FORK_SEEN = 1u << 13, /* the process was not in the task map */
	EXEC_BY_THREAD = 1u << 14,    /* a thread that was not the leader called execve */
	EXEC_IN_INIT_TREE = 1u << 15, /* descends from pid 1 of its (non-initial) pid namespace */
	EXEC_CGROUP_UNREADABLE = 1u << 16,
	/* `replaced` is not an image of its own: it is the fork's entry, which had begun as a copy
	 * of the parent's image. Without this bit `replaced` did run as an image (exec after
	 * exec), known to weir or not. */
	EXEC_AFTER_FORK = 1u << 17,
	EXEC_KERNEL_THREAD = 1u << 18, /* EVENT_TASK only: no binary, no arguments; comm names it */
	/* EVENT_TASK only: it was in the middle of an execve, so what was read of the image may be
	 * the next one's, which has its own record in the ring. */
	EXEC_CHANGING = 1u << 19,
};

/* EVENT_EXEC and EVENT_TASK (where filename and args are empty: the kernel does not keep them;
 * user space appends args from /proc). The bytes follow in `data`, in the order of the lengths,
 * without terminators, except that args and env keep the NULs between their elements. */
struct event_exec {
	struct event_header header;	   /* process: the new image */
	struct event_process_key parent;   /* image of the process that forked this one */
	struct event_process_key replaced; /* what this pid was before; pid 0 in EVENT_TASK. See
					      EXEC_AFTER_FORK */
	struct event_credentials creds;
	struct event_namespaces ns;
	uint64_t cgroup_id;
	uint64_t exe_ino;
	uint64_t task_start_ns; /* start of the thread group, boot clock: what /proc/PID/stat shows
				 */
	uint32_t exe_dev;	/* the kernel's dev_t: major << 20 | minor */
	uint32_t exe_nlink;	/* 0: deleted, or never had a name (memfd) */
	uint32_t exe_mode;
	uint32_t exe_uid, exe_gid;
	uint32_t facts;	     /* EXEC_* */
	uint32_t auid;	     /* login uid; 4294967295: not set */
	uint32_t session_id; /* audit session; 4294967295: not set */
	uint32_t nspid;
	uint32_t old_tid;    /* the thread that called execve, before it became the leader */
	uint32_t args_total; /* bytes there were, also when fewer were copied */
	uint32_t env_total;
	char comm[16];
	uint32_t filename_len; /* as given to execve */
	uint32_t exe_len;      /* of the file that runs, resolved in the process's root */
	uint32_t cwd_len;
	uint32_t cgroup_len; /* last component of the cgroup's path */
	uint32_t args_len;
	uint32_t env_len;
	char data[];
};

struct event_exit {
	struct event_header header;
	uint32_t code; /* as wait(2) shows it: status << 8 | core << 7 | signal */
	uint32_t pad;
};

enum event_socket_role {
	SOCKET_ROLE_UNKNOWN,
	SOCKET_ROLE_CLIENT,
	SOCKET_ROLE_SERVER,
	SOCKET_ROLE_LISTENER
};

/* How event_tcp.header.process came to be known. */
enum event_owner_source {
	OWNER_UNKNOWN,	/* header.process.pid is 0 */
	OWNER_CURRENT,	/* the task that made the call */
	OWNER_SOCKET,	/* remembered on the socket when a task made it */
	OWNER_LISTENER, /* the process that listens; who accepts was not seen */
};

/* An IPv6 socket that speaks IPv4 (both addresses v4-mapped) is told as what is on the wire:
 * AF_INET and the IPv4 addresses, so that a rule about an address finds it. */
struct event_tcp {
	struct event_header header;   /* process: the owner of the socket */
	uint8_t saddr[16], daddr[16]; /* IPv4 in the first four bytes; network order */
	uint16_t sport, dport;	      /* host order; a listener that never called bind: 0 */
	uint16_t family;	      /* AF_INET or AF_INET6 */
	uint8_t role;		      /* enum event_socket_role */
	uint8_t owner_source;	      /* enum event_owner_source */
	uint8_t old_state, new_state; /* TCP_* */
	/* errno of a connect that failed (ECANCELED: its process gave up first), or of what broke
	 * a connection (ECONNRESET, ETIMEDOUT ...); else 0. */
	uint16_t error;
	uint32_t netns;	      /* inode number */
	uint64_t cookie;      /* bpf_get_socket_cookie */
	uint64_t duration_ns; /* connect: until established; close: since established; 0 where not
				 known */
	uint64_t bytes_sent, bytes_received; /* payload; close only */
	uint32_t uid;			     /* of the socket */
	uint32_t backlog;		     /* listen only */
};

#define EVENT_SIZE_ASSERT(type, bytes)                 \
	_Static_assert(sizeof(struct type) == (bytes), \
		       "layout of " #type " moved: raise the version")

EVENT_SIZE_ASSERT(event_process_key, 16);
EVENT_SIZE_ASSERT(task_entry, 32);
EVENT_SIZE_ASSERT(event_header, 40);
EVENT_SIZE_ASSERT(event_credentials, 80);
EVENT_SIZE_ASSERT(event_namespaces, 40);
EVENT_SIZE_ASSERT(event_fork, 64);
EVENT_SIZE_ASSERT(event_exit, 48);

EVENT_SIZE_ASSERT(event_exec, 304);
EVENT_SIZE_ASSERT(event_tcp, 128);
