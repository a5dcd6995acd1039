#include "pipeline/event_manual.h"

#include "base/compiler.h"
#include "pipeline/event.h"

/* clang-format off */
const struct event_member event_members[] = {
	{ SECTION_ENVELOPE, "node_name", "string", "the host: `node_name` of the configuration, else `$NODE_NAME`, else the host's name" },
	{ SECTION_ENVELOPE, "time", "time", "when it happened, by the wall clock" },
	{ SECTION_ENVELOPE, "cluster_name", "string", "`cluster_name` of the configuration" },
	{ SECTION_ENVELOPE, "weir", "object", "weir's own additions, see below; no other member is weir's" },

	{ SECTION_PROCESS, "exec_id", "string", "names this image of this process for good: base64 of `node_name:start in ns since boot:pid`" },
	{ SECTION_PROCESS, "pid", "number", "thread group id in the initial pid namespace" },
	{ SECTION_PROCESS, "flags", "string", "words separated by spaces, in this order: `execve procFS errorEnvs truncArgs miss errorFilename errorArgs nocwd rootcwd errorCWD clone errorCgroupName inInitTree`; `unknown`: only pid and start are known" },
	{ SECTION_PROCESS, "start_time", "time", "when this image began: the execve, or the fork of a process that did none" },
	{ SECTION_PROCESS, "parent_exec_id", "string", "`exec_id` of the process that forked this one; after an execve without a fork, of the image before" },
	{ SECTION_PROCESS, "in_init_tree", "bool", "descends from pid 1 of its container; false for what was put there by `nsenter` or `kubectl exec`" },
	{ SECTION_PROCESS, "uid", "number", "effective user id" },
	{ SECTION_PROCESS, "cwd", "string", "working directory" },
	{ SECTION_PROCESS, "binary", "string", "path given to execve, made absolute; symbolic links are not resolved (`weir.exe` is)" },
	{ SECTION_PROCESS, "arguments", "string", "arguments 1 and up joined by spaces, one with a space in it between quotes; `weir.argv` where that can't be taken apart again" },
	{ SECTION_PROCESS, "auid", "number", "login user id; 4294967295: not set" },
	{ SECTION_PROCESS, "docker", "string", "first 31 characters of the container's id" },
	{ SECTION_PROCESS, "user", "object", "" },
	{ SECTION_PROCESS, "user.name", "string", "name of `uid` on the host" },
	{ SECTION_PROCESS, "environment_variables", "list", "those that the configuration names" },
	{ SECTION_PROCESS, "environment_variables[].Key", "string", "`invalid` when the variable has no `=`" },
	{ SECTION_PROCESS, "environment_variables[].Value", "string", "" },
	{ SECTION_PROCESS, "refcnt", "number", "itself while it runs, and its children that run or have such children themselves" },
	{ SECTION_PROCESS, "tid", "number", "the acting thread; left out where none acted, as for a connection that the network ended" },
	{ SECTION_PROCESS, "cap", "object", "capabilities; with `processes.credentials`" },
	{ SECTION_PROCESS, "cap.permitted", "list of strings", "`CAP_*`; number 1 is `DAC_OVERRIDE`, without the prefix, as in Tetragon" },
	{ SECTION_PROCESS, "cap.effective", "list of strings", "" },
	{ SECTION_PROCESS, "cap.inheritable", "list of strings", "" },
	{ SECTION_PROCESS, "process_credentials", "object", "with `processes.credentials`" },
	{ SECTION_PROCESS, "process_credentials.uid", "number", "real; so `gid`" },
	{ SECTION_PROCESS, "process_credentials.gid", "number", "" },
	{ SECTION_PROCESS, "process_credentials.euid", "number", "effective; so `egid`" },
	{ SECTION_PROCESS, "process_credentials.egid", "number", "" },
	{ SECTION_PROCESS, "process_credentials.suid", "number", "saved; so `sgid`" },
	{ SECTION_PROCESS, "process_credentials.sgid", "number", "" },
	{ SECTION_PROCESS, "process_credentials.fsuid", "number", "for access to files; so `fsgid`" },
	{ SECTION_PROCESS, "process_credentials.fsgid", "number", "" },
	{ SECTION_PROCESS, "process_credentials.securebits", "list of strings", "`SecBitNoRoot` and so on" },
	{ SECTION_PROCESS, "process_credentials.user_ns", "object", "the user namespace that the ids belong to, unless it is the initial one" },
	{ SECTION_PROCESS, "process_credentials.user_ns.level", "number", "how deep it is nested" },
	{ SECTION_PROCESS, "process_credentials.user_ns.uid", "number", "its owner" },
	{ SECTION_PROCESS, "process_credentials.user_ns.gid", "number", "" },
	{ SECTION_PROCESS, "process_credentials.user_ns.ns", "object", "" },
	{ SECTION_PROCESS, "process_credentials.user_ns.ns.inum", "number", "" },
	{ SECTION_PROCESS, "process_credentials.user_ns.ns.is_host", "bool", "" },
	{ SECTION_PROCESS, "ns", "object", "namespaces: `uts ipc mnt pid pid_for_children net time time_for_children cgroup user`; with `processes.namespaces`" },
	{ SECTION_PROCESS, "ns.*", "object", "" },
	{ SECTION_PROCESS, "ns.*.inum", "number", "inode number of the namespace" },
	{ SECTION_PROCESS, "ns.*.is_host", "bool", "it is that of pid 1" },
	{ SECTION_PROCESS, "binary_properties", "object", "in `process_exec`, when there is something to say; with `processes.credentials`" },
	{ SECTION_PROCESS, "binary_properties.setuid", "number", "effective user id by the file's setuid bit" },
	{ SECTION_PROCESS, "binary_properties.setgid", "number", "" },
	{ SECTION_PROCESS, "binary_properties.privileges_changed", "list of strings", "`PRIVILEGES_RAISED_EXEC_FILE_CAP`, `_SETUID`, `_SETGID` (to root, by someone else)" },
	{ SECTION_PROCESS, "binary_properties.file", "object", "of a file that has no name: memfd, shared memory, deleted" },
	{ SECTION_PROCESS, "binary_properties.file.inode", "object", "" },
	{ SECTION_PROCESS, "binary_properties.file.inode.number", "64-bit", "" },
	{ SECTION_PROCESS, "binary_properties.file.inode.links", "number", "always 0" },

	{ SECTION_EXEC, "process", "Process", "the new image" },
	{ SECTION_EXEC, "parent", "Process", "that of `parent_exec_id`; left out when it is not known, and for pid 1 and 2, which have none" },
	{ SECTION_EXEC, "ancestors", "list of Process", "above the parent, nearest first; with `processes.ancestors`" },

	{ SECTION_EXIT, "process", "Process", "" },
	{ SECTION_EXIT, "parent", "Process", "" },
	{ SECTION_EXIT, "ancestors", "list of Process", "" },
	{ SECTION_EXIT, "signal", "string", "that ended it: `SIGKILL`, `SIGRTMIN+3`" },
	{ SECTION_EXIT, "status", "number", "exit status, unless it is 0" },
	{ SECTION_EXIT, "time", "time", "" },

	{ SECTION_TCP, "process", "Process", "who owns the socket" },
	{ SECTION_TCP, "parent", "Process", "" },
	{ SECTION_TCP, "ancestors", "list of Process", "" },
	{ SECTION_TCP, "family", "string", "`AF_INET` or `AF_INET6`" },
	{ SECTION_TCP, "protocol", "string", "`TCP`" },
	{ SECTION_TCP, "source_ip", "string", "the socket's own side, also of a connection that was accepted (as `saddr` of Tetragon's `sock_arg`); IPv6 after RFC 5952" },
	{ SECTION_TCP, "source_port", "number", "" },
	{ SECTION_TCP, "destination_ip", "string", "its peer; a listening socket has none" },
	{ SECTION_TCP, "destination_port", "number", "" },
	{ SECTION_TCP, "sock_cookie", "64-bit", "names the socket until it is gone" },
	{ SECTION_TCP, "state", "string", "`TCP_*` after the change" },
	{ SECTION_TCP, "old_state", "string", "and before" },
	{ SECTION_TCP, "role", "string", "in `process_close`: `client`, `server` or `listener`" },
	{ SECTION_TCP, "owner", "string", "how the process is known, unless it made the call itself: `socket` (it made the socket), `listener` (it listens; who accepts was not seen), `unknown`" },
	{ SECTION_TCP, "error", "string", "why it failed or broke: `ECONNREFUSED`" },
	{ SECTION_TCP, "errno", "number", "the same as a number" },
	{ SECTION_TCP, "duration_ns", "64-bit", "`process_connect`: until it was established or failed; `process_close`: since it was established. Nanoseconds, so that it adds and compares without parsing" },
	{ SECTION_TCP, "bytes_sent", "64-bit", "payload, in `process_close`" },
	{ SECTION_TCP, "bytes_received", "64-bit", "" },
	{ SECTION_TCP, "backlog", "number", "in `process_listen`" },
	{ SECTION_TCP, "socket_uid", "number", "owner of the socket's inode" },
	{ SECTION_TCP, "netns", "number", "inode number of its network namespace" },

	{ SECTION_LOSS, "cause", "string", "see below" },
	{ SECTION_LOSS, "kind", "string", "which events; left out when they were of several kinds, or none" },
	{ SECTION_LOSS, "key", "string", "what the rate limit counted by; `fork` for records of forks, which are no events" },
	{ SECTION_LOSS, "count", "64-bit", "left out when it is not known" },
	{ SECTION_LOSS, "first_time", "time", "they were lost between this" },
	{ SECTION_LOSS, "last_time", "time", "and this" },
	{ SECTION_LOSS, "first_seq", "64-bit", "sequence numbers that are missing, where they had some" },
	{ SECTION_LOSS, "last_seq", "64-bit", "" },

	{ SECTION_NOTICE, "version", "string", "of weir" },
	{ SECTION_NOTICE, "config_digest", "string", "of the configuration" },
	{ SECTION_NOTICE, "message", "string", "what changed, or why it was refused" },
	{ SECTION_NOTICE, "refused", "bool", "`weir_config`: what ran goes on running" },
	{ SECTION_NOTICE, "accounting", "list", "`weir_stop`: captured = journaled + filtered + limited + the sum of lost, per kind, since the start. This event itself is not in it" },
	{ SECTION_NOTICE, "accounting[].kind", "string", "`none`: records that only feed the process table (forks); they count as filtered" },
	{ SECTION_NOTICE, "accounting[].captured", "64-bit", "" },
	{ SECTION_NOTICE, "accounting[].journaled", "64-bit", "" },
	{ SECTION_NOTICE, "accounting[].filtered", "64-bit", "" },
	{ SECTION_NOTICE, "accounting[].limited", "64-bit", "" },
	{ SECTION_NOTICE, "accounting[].lost", "object", "" },
	{ SECTION_NOTICE, "accounting[].lost.*", "64-bit", "by cause" },

	{ SECTION_WEIR, "seq", "64-bit", "of the journal: one more with each event; `boot_id`-`seq` is the event's id at every destination" },
	{ SECTION_WEIR, "id", "string", "`weir_loss` instead of `seq`: the notice to one output of what it alone did not get; not in the journal, and in no count. `boot_id`-`first_seq`-`last_seq`-`cause`: the same when it is told again" },
	{ SECTION_WEIR, "boot_id", "string", "of the kernel" },
	{ SECTION_WEIR, "argv", "list of strings", "`process_exec`: all arguments from 0 on, when `arguments` can't be taken apart again, or argument 0 is not the binary's name" },
	{ SECTION_WEIR, "argv_total_bytes", "number", "`process_exec` with `truncArgs`: how long the arguments were" },
	{ SECTION_WEIR, "exe", "string", "`process_exec`: resolved path of the file that runs, when it differs from `binary`" },
	{ SECTION_WEIR, "cgroup", "string", "`process_exec`: last part of the cgroup's path" },
	{ SECTION_WEIR, "cgroup_id", "64-bit", "`process_exec`" },
	{ SECTION_WEIR, "nspid", "number", "`process_exec`: pid in its own pid namespace, when it differs" },
	{ SECTION_WEIR, "session_id", "number", "`process_exec`: audit session, when there is one" },
	{ SECTION_WEIR, "redacted", "object", "`process_exec`: what redaction did to the process's text" },
	{ SECTION_WEIR, "redacted.replaced", "number", "pieces replaced" },
	{ SECTION_WEIR, "redacted.masked", "number", "fields masked whole because a rule could not be evaluated" },
	{ SECTION_WEIR, "raw", "object", "`process_exec`: base64 of the bytes, after redaction, of each string that is not valid UTF-8 and so holds U+FFFD" },
	{ SECTION_WEIR, "raw.binary", "base64", "" },
	{ SECTION_WEIR, "raw.exe", "base64", "" },
	{ SECTION_WEIR, "raw.cwd", "base64", "" },
	{ SECTION_WEIR, "raw.cgroup", "base64", "" },
	{ SECTION_WEIR, "raw.argv", "object", "" },
	{ SECTION_WEIR, "raw.argv.*", "base64", "by place in `argv`, which is then there" },
	{ SECTION_WEIR, "raw.environment", "object", "" },
	{ SECTION_WEIR, "raw.environment.*", "base64", "`KEY=VALUE`, by place in `environment_variables`" },
	{ SECTION_WEIR, "core_dumped", "bool", "`process_exit`: with a core dump" },
	{ SECTION_WEIR, "defects", "list of strings", "what is missing: `process_unknown`, `parent_unknown`, `reduced` (the whole event would have been larger than 512 KiB: without the parent's image, ancestors, `argv` and `raw`; if need be also without arguments, environment and working directory); in `process_exec` also `binary_truncated`, `exe_truncated`, `cwd_truncated` (its beginning), `environment_truncated`" },
};
/* clang-format on */

const size_t event_members_count = ARRAY_SIZE(event_members);

static const struct {
	const char *title, *text;
} sections[EVENT_SECTIONS] = {
	[SECTION_ENVELOPE] = { "Around every event",
			       "An event is one line: `{\"<kind>\":{...},\"node_name\":...}`." },
	[SECTION_PROCESS] = { "Process",
			      "As Tetragon's. Who is not known is told by `pid`, `flags` and, "
			      "where there is one, `start_time` alone." },
	[SECTION_EXEC] = { "process_exec",
			   "A program was executed, or (`procFS`) ran already when weir started." },
	[SECTION_EXIT] = { "process_exit", "The last thread of a process is gone." },
	[SECTION_TCP] = { "process_connect, process_accept, process_listen, process_close",
			  "A TCP connection was established, refused or timed out; was accepted; a "
			  "socket listens; a connection or a listening socket ended." },
	[SECTION_LOSS] = { "weir_loss",
			   "So many events did not come through. With `weir.seq` it is the "
			   "collector's word to all outputs: events that never got into the "
			   "journal, or (`journal_damaged`) what a start found damaged there. With "
			   "`weir.id` it is the word to this output on what was in the journal and "
			   "did not reach it: those add up to what its books call missed and "
			   "rejected." },
	[SECTION_NOTICE] = { "weir_start, weir_stop, weir_config", "What weir says of itself." },
	[SECTION_WEIR] = { "The member weir",
			   "Members come only when there is something to say. Facts of a process "
			   "stand in its `process_exec`; `exec_id` leads there." },
};

static const char *const cause_help[LOSS_CAUSES] = {
	[LOSS_RING_FULL] = "the kernel's ring buffer had no room",
	[LOSS_SCRATCH_BUSY] = "a kernel program was interrupted by itself, or its scratch memory "
			      "was in use",
	[LOSS_MALFORMED] = "a kernel record did not decode",
	[LOSS_MEMORY] = "no memory for it, or larger than an event may be",
	[LOSS_RATE_LIMIT] = "a rate limit of the configuration",
	[LOSS_JOURNAL_FULL] = "dropped from the journal before this output read it",
	[LOSS_JOURNAL_ERROR] = "the journal could not be written, and memory ran out",
	[LOSS_JOURNAL_DAMAGED] = "written, and unreadable later: torn tail, flipped bit, missing "
				 "segment",
	[LOSS_REJECTED] = "an output refused it for good; it is in the dead letters",
};

static void write_cell(const char *text, struct buf *out)
{
	buf_puts(out, str_of(text));
	buf_lit(out, " | ");
}

static void write_section(int section, struct buf *out)
{
	buf_lit(out, "\n## ");
	buf_puts(out, str_of(sections[section].title));
	buf_lit(out, "\n\n");
	buf_puts(out, str_of(sections[section].text));
	buf_lit(out, "\n\n| member | type | meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < event_members_count; i++) {
		if ((int)event_members[i].section != section)
			continue;
		buf_lit(out, "| `");
		buf_puts(out, str_of(event_members[i].path));
		buf_lit(out, "` | ");
		write_cell(event_members[i].type, out);
		buf_puts(out, str_of(event_members[i].help));
		buf_lit(out, " |\n");
	}
}

void events_write_manual(struct buf *out)
{
	buf_lit(out,
		"# Events\n\n"
		"Written by `weir manual events` from the table in `pipeline/event_manual.c`; change "
		"it there.\n\n"
		"`process_exec` and `process_exit` are Tetragon's, member by member; the others are in "
		"its style. As in protojson, strings, numbers and lists that are empty or 0 are left "
		"out where Tetragon leaves them out, `64-bit` is a decimal number in a string, and "
		"`time` is RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction. Whatever bytes a "
		"process chose for its text, a line is valid JSON in valid UTF-8: control characters "
		"are escaped, and U+FFFD stands for each byte that is not UTF-8. All text of processes "
		"has been through redaction.\n");
	for (int section = 0; section < EVENT_SECTIONS; section++)
		write_section(section, out);
	buf_lit(out, "\n## Causes of loss\n\n| cause | meaning |\n|---|---|\n");
	for (int cause = 0; cause < LOSS_CAUSES; cause++) {
		buf_lit(out, "| `");
		buf_puts(out, str_of(loss_cause_name((enum loss_cause)cause)));
		buf_lit(out, "` | ");
		buf_puts(out, str_of(cause_help[cause]));
		buf_lit(out, " |\n");
	}
}
