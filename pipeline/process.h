/* pipeline/process.h: who did it. What the pipeline knows of a process, in two parts.
 *
 * A `struct image` is what one execve made: binary, arguments, credentials, container. It is
 * shared by every process that forked from it without an execve of its own. All its text is
 * redacted already, and it carries that text encoded (its fragment), so an event about the
 * process is a memcpy (DESIGN, decision 3).
 * A `struct process` is one pid during one image: its key, its parent and its image.
 *
 * Both are reference counted and live in the collector. collector/process_table owns the lookup,
 * the bounds and the eviction; the pipeline only reads them. A `struct process_draft` is the raw
 * text as the kernel gave it, borrowed for one call, and goes no further than image_create(). */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "redaction/redaction.h"

#include <stdbool.h>
#include <stdint.h>

struct process_key {
	uint64_t start_ns; /* boot clock: start of this image */
	uint32_t pid;	   /* thread group id; 0: not known */
};

struct credentials {
	uint32_t uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_ambient;
	uint32_t securebits;
	uint32_t user_ns_level, user_ns_uid, user_ns_gid;
};

/* Inode numbers; 0: the kernel has none of that kind. The order is that of the JSON. */
struct namespaces {
	uint32_t uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user;
};

/* Flags of a process, in the order in which Tetragon prints them (tetragon.md 2.3). */
enum process_flag {
	PROCESS_EXECVE = 1u << 0,
	PROCESS_PROCFS = 1u << 1, /* already ran when weir started */
	PROCESS_ERROR_ENVS = 1u << 2,
	PROCESS_TRUNC_ARGS = 1u << 3,
	PROCESS_MISS = 1u << 4, /* its fork was not seen, or could not be remembered */
	PROCESS_ERROR_FILENAME = 1u << 5,
	PROCESS_ERROR_ARGS = 1u << 6,
	PROCESS_NO_CWD = 1u << 7,
	PROCESS_ROOT_CWD = 1u << 8,
	PROCESS_ERROR_CWD = 1u << 9,
	PROCESS_CLONE = 1u << 10,
	PROCESS_ERROR_CGROUP_NAME = 1u << 11,
	PROCESS_IN_INIT_TREE = 1u << 12,
	PROCESS_UNKNOWN = 1u << 13, /* nothing is known but pid and start */
};

/* How a binary got more rights than its caller, as bits. */
enum privilege_source {
	PRIVILEGES_SETUID = 1u << 0,
	PRIVILEGES_SETGID = 1u << 1,
	PRIVILEGES_FILE_CAP = 1u << 2,
};

/* What an image's text is like, as bits: what a JSON string can't carry, or a joined line hides.
 * The first ones name the fields that are not valid UTF-8. */
enum text_defect {
	TEXT_DEFECT_BINARY = 1u << 0,
	TEXT_DEFECT_EXE = 1u << 1,
	TEXT_DEFECT_CWD = 1u << 2,
	TEXT_DEFECT_ARGV = 1u << 3,
	TEXT_DEFECT_ENVIRONMENT = 1u << 4,
	TEXT_DEFECT_CGROUP = 1u << 5,
	/* The argument list can't be told from `arguments`: an element is empty or holds a space, a
	 * quote or a control character, or element 0 is not the name of the binary. */
	TEXT_DEFECT_ARGUMENTS_LOSSY = 1u << 6,
};

/* Texts of which only a part was read and for which Tetragon has no flag, as bits. */
enum text_truncation {
	TRUNCATED_FILENAME = 1u << 0,
	TRUNCATED_EXE = 1u << 1,
	TRUNCATED_CWD = 1u << 2, /* leading components are missing */
	TRUNCATED_ENVIRONMENT = 1u << 3,
};

/* Raw, borrowed for one call. Lists are elements ended by NUL. */
struct process_draft {
	struct process_key key, parent, replaced; /* pid 0: none */
	uint32_t tid, nspid, auid, session_id;
	uint32_t flags; /* enum process_flag */
	struct credentials creds;
	struct namespaces ns;
	uint64_t cgroup_id, exe_ino;
	uint32_t exe_dev, exe_nlink, exe_mode, exe_uid, exe_gid;
	uint32_t privileges;		/* enum privilege_source */
	uint32_t args_total, env_total; /* bytes there were, when truncated */
	uint32_t truncated;		/* enum text_truncation */
	uint64_t start_wall_ns;
	struct str filename; /* as given to execve; relative to cwd when it has no leading slash */
	struct str exe;	     /* resolved */
	struct str cwd, cgroup, args, env;
	/* Filled by the enriching stages; borrowed from them. */
	struct str user_name, container_id;
};

/* Bytes that go into an event as they are. */
struct fragment {
	char *p;
	uint32_t n;
	bool wanted; /* was to be kept once already */
};

/* What the processes and images of one table hold in memory, to the byte of what was asked of
 * malloc. It outlives them. */
struct memory_account {
	uint64_t bytes;
	uint64_t processes, images;
};

struct image {
	uint32_t refs;
	uint32_t alloc_bytes;  /* this block; the fragments are counted by image_bytes() */
	struct fragment json;  /* members of the Process object that the image decides; no braces */
	uint32_t json_details; /* the encoder's: which details the fragment holds */
	struct redacted binary; /* absolute */
	struct redacted exe;	/* resolved path of the file that runs */
	struct redacted cwd;
	/* List, element 0 included. Only when `arguments` does not tell it: see text_defects,
	 * TEXT_DEFECT_ARGUMENTS_LOSSY and TEXT_DEFECT_ARGV. */
	struct redacted argv;
	struct redacted arguments;   /* elements 1.. joined as Tetragon joins them */
	struct redacted environment; /* list of KEY=VALUE */
	struct redacted user_name, container_id, cgroup;
	struct credentials creds;
	struct namespaces ns;
	struct redaction_outcome redaction;
	uint64_t cgroup_id, exe_ino;
	uint32_t exe_dev, exe_nlink, exe_mode;
	uint32_t auid, session_id;
	uint32_t privileges;
	uint32_t args_total;
	uint32_t truncated;		/* enum text_truncation */
	uint32_t text_defects;		/* enum text_defect */
	struct memory_account *account; /* NULL until a table takes the image */
};

/* Which of the table's lists a process is in. */
enum process_list {
	PROCESS_OUTSIDE,   /* not in the table: evicted, or a stand-in */
	PROCESS_LIVE,	   /* runs */
	PROCESS_HELD,	   /* ended, and a process that runs descends from it */
	PROCESS_LINGERING, /* ended, and no such process is left */
	PROCESS_LISTS,
};

/* What every event about a process looks at comes first: that is one or two cache lines. The
 * fields marked with T are the table's. */
struct process {
	struct process_key key;
	struct process *hash_next, *pid_next; /* T */
	struct process *parent;		      /* a reference; NULL: not known (or pid 0) */
	struct image *image;		      /* a reference; NULL with PROCESS_UNKNOWN */
	struct fragment
		json; /* members that the process decides: exec_id, pid, times, parent; no braces */
	uint32_t refs;
	uint32_t live_children; /* T: whose parent this is, and that run or are held in turn */
	uint32_t flags;		/* enum process_flag */
	uint8_t list;		/* T: enum process_list */
	bool exited;		/* T: or replaced by an execve */
	bool used;		/* T: looked up since the eviction last came by */

	struct memory_account *account;
	struct process_key parent_key;
	uint64_t start_wall_ns;
	uint32_t tid, nspid;
	uint64_t ended_ns; /* T: boot clock; when it ended, or when its last child did */
	struct process **hash_at, **pid_at;  /* T: where the pointers to it in its chains are */
	struct process *lru_prev, *lru_next; /* T */
};

/* Redacts and copies the draft, all in one block. NULL when out of memory. One reference.
 * `binary` is made as Tetragon makes it: the path given to execve, made absolute by cwd; without
 * one, the resolved path. */
WARN_UNUSED struct image *image_create(const struct process_draft *draft,
				       struct redaction *redaction);
void image_ref(struct image *image);
void image_unref(struct image **image);
/* The two came of equal drafts, but for their keys. */
bool image_is_equal(const struct image *a, const struct image *b);
/* Memory held, fragments included. */
uint64_t image_bytes(const struct image *image);
/* Enters the image in an account, unless it is in one. */
void image_adopt(struct image *image, struct memory_account *account);

/* Keeps a copy of n bytes as a fragment and enters them in the account (NULL: none), when it is
 * asked to for the second time: of most processes nothing is told but that they started and ended,
 * and what sits idle should not take memory. When out of memory nothing is kept. Either way the
 * next event encodes again. */
void fragment_keep(struct fragment *fragment, const char *bytes, size_t n,
		   struct memory_account *account);
void fragment_drop(struct fragment *fragment, struct memory_account *account);
/* Drops what is encoded of the process, and of its image when no other has it; the next event makes
 * it again. */
void process_forget_encoding(struct process *process);
