#include "pipeline/encode_process.h"

#include "base/json_write.h"
#include "pipeline/kernel_names.h"
#include "pipeline/process_text.h"

/* Longer names than DNS allows would not be host names; an identifier keeps their beginning. */
#define NODE_NAME_MAX_BYTES 255u
/* Tetragon shows that much of a container's id. */
#define DOCKER_BYTES 31u

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{ PROCESS_EXECVE, "execve" },
	{ PROCESS_PROCFS, "procFS" },
	{ PROCESS_ERROR_ENVS, "errorEnvs" },
	{ PROCESS_TRUNC_ARGS, "truncArgs" },
	{ PROCESS_MISS, "miss" },
	{ PROCESS_ERROR_FILENAME, "errorFilename" },
	{ PROCESS_ERROR_ARGS, "errorArgs" },
	{ PROCESS_NO_CWD, "nocwd" },
	{ PROCESS_ROOT_CWD, "rootcwd" },
	{ PROCESS_ERROR_CWD, "errorCWD" },
	{ PROCESS_CLONE, "clone" },
	{ PROCESS_ERROR_CGROUP_NAME, "errorCgroupName" },
	{ PROCESS_IN_INIT_TREE, "inInitTree" },
	{ PROCESS_UNKNOWN, "unknown" },
};

/* base64("<node>:<start of the image>:<pid>"); nobody's parent is pid 0 with start 1. */
static void encode_exec_id(const struct encode_settings *settings, const char *name,
			   struct process_key key, struct buf *out)
{
	char mem[NODE_NAME_MAX_BYTES + 2 + 20 + 10];
	struct buf id = buf_fixed(mem, sizeof(mem));
	struct str node = settings->node_name;

	if (node.n > NODE_NAME_MAX_BYTES)
		node.n = NODE_NAME_MAX_BYTES;
	buf_puts(&id, node);
	buf_putc(&id, ':');
	buf_u64(&id, key.pid ? key.start_ns : 1);
	buf_putc(&id, ':');
	buf_u64(&id, key.pid);
	json_key(out, name);
	buf_putc(out, '"');
	json_base64(out, buf_str(&id));
	buf_putc(out, '"');
}

static void encode_flags(uint32_t flags, struct buf *out)
{
	bool first = true;

	if (!flags)
		return;
	json_key(out, "flags");
	buf_putc(out, '"');
	for (size_t i = 0; i < ARRAY_SIZE(flag_names); i++) {
		if (!(flags & flag_names[i].flag))
			continue;
		if (!first)
			buf_putc(out, ' ');
		buf_puts(out, str_of(flag_names[i].name));
		first = false;
	}
	buf_putc(out, '"');
}

void encode_own_members(const struct encode_settings *settings, const struct process *process,
			struct buf *out)
{
	if (process->image)
		encode_exec_id(settings, "exec_id", process->key, out);
	json_field_u64(out, "pid", process->key.pid);
	encode_flags(process->image ? process->flags : PROCESS_UNKNOWN, out);
	if (process->start_wall_ns)
		json_field_time(out, "start_time", process->start_wall_ns);
	if (!process->image)
		return;
	encode_exec_id(settings, "parent_exec_id", process->parent_key, out);
	json_field_bool(out, "in_init_tree", process->flags & PROCESS_IN_INIT_TREE);
}

/* Unset strings are left out, as protojson does. */
static void encode_text(const char *name, struct redacted value, struct buf *out)
{
	if (value.text.n)
		json_field_string(out, name, value.text);
}

static void encode_environment(struct str list, struct buf *out)
{
	struct str element;

	if (!list.n)
		return;
	json_key(out, "environment_variables");
	buf_putc(out, '[');
	while (list_take(&list, &element)) {
		const char *equals = element.n ? memchr(element.p, '=', element.n) : NULL;
		struct str key = STR("invalid"), value = element;

		if (equals) {
			key = (struct str){ element.p, (size_t)(equals - element.p) };
			value = (struct str){ equals + 1, element.n - key.n - 1 };
		}
		json_comma(out);
		buf_putc(out, '{');
		if (key.n)
			json_field_string(out, "Key", key);
		if (value.n)
			json_field_string(out, "Value", value);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
}

void encode_image_members(const struct image *image, struct buf *out)
{
	struct redacted docker = image->container_id;

	if (docker.text.n > DOCKER_BYTES)
		docker.text.n = DOCKER_BYTES;
	json_field_u64(out, "uid", image->creds.euid);
	encode_text("cwd", image->cwd, out);
	encode_text("binary", image->binary, out);
	encode_text("arguments", image->arguments, out);
	json_field_u64(out, "auid", image->auid);
	encode_text("docker", docker, out);
	if (image->user_name.text.n) {
		json_key(out, "user");
		buf_putc(out, '{');
		encode_text("name", image->user_name, out);
		buf_putc(out, '}');
	}
	encode_environment(image->environment.text, out);
}

void encode_image_brief(const struct image *image, struct buf *out)
{
	json_field_u64(out, "uid", image->creds.euid);
	encode_text("binary", image->binary, out);
	json_field_u64(out, "auid", image->auid);
}

/* The names of the bits that are set; nothing when none of them has one. */
static void encode_bits(const char *name, uint64_t bits, struct str (*name_of)(unsigned int bit),
			struct buf *out)
{
	bool open = false;

	for (; bits; bits &= bits - 1) {
		struct str word = name_of((unsigned int)__builtin_ctzll(bits));

		if (!word.n)
			continue;
		if (!open) {
			json_key(out, name);
			buf_putc(out, '[');
		}
		open = true;
		json_comma(out);
		buf_putc(out, '"');
		buf_puts(out, word);
		buf_putc(out, '"');
	}
	if (open)
		buf_putc(out, ']');
}

static void encode_capabilities(const struct credentials *creds, struct buf *out)
{
	json_key(out, "cap");
	buf_putc(out, '{');
	encode_bits("permitted", creds->cap_permitted, capability_name, out);
	encode_bits("effective", creds->cap_effective, capability_name, out);
	encode_bits("inheritable", creds->cap_inheritable, capability_name, out);
	buf_putc(out, '}');
}

static void encode_namespace(const char *name, uint32_t inum, uint32_t host, struct buf *out)
{
	if (!inum)
		return;
	json_key(out, name);
	buf_putc(out, '{');
	json_field_u64(out, "inum", inum);
	if (inum == host)
		json_field_bool(out, "is_host", true);
	buf_putc(out, '}');
}

static void encode_namespaces(const struct namespaces *ns, const struct namespaces *host,
			      struct buf *out)
{
	json_key(out, "ns");
	buf_putc(out, '{');
	encode_namespace("uts", ns->uts, host->uts, out);
	encode_namespace("ipc", ns->ipc, host->ipc, out);
	encode_namespace("mnt", ns->mnt, host->mnt, out);
	encode_namespace("pid", ns->pid, host->pid, out);
	encode_namespace("pid_for_children", ns->pid_for_children, host->pid_for_children, out);
	encode_namespace("net", ns->net, host->net, out);
	encode_namespace("time", ns->time, host->time, out);
	encode_namespace("time_for_children", ns->time_for_children, host->time_for_children, out);
	encode_namespace("cgroup", ns->cgroup, host->cgroup, out);
	encode_namespace("user", ns->user, host->user, out);
	buf_putc(out, '}');
}

/* Which user namespace the ids are relative to; the initial one goes without saying. */
static void encode_user_namespace(const struct encode_settings *settings, const struct image *image,
				  struct buf *out)
{
	if (!image->creds.user_ns_level)
		return;
	json_key(out, "user_ns");
	buf_putc(out, '{');
	json_field_u64(out, "level", image->creds.user_ns_level);
	json_field_u64(out, "uid", image->creds.user_ns_uid);
	json_field_u64(out, "gid", image->creds.user_ns_gid);
	encode_namespace("ns", image->ns.user, settings->host_ns.user, out);
	buf_putc(out, '}');
}

static void encode_credentials(const struct encode_settings *settings, const struct image *image,
			       struct buf *out)
{
	const struct credentials *creds = &image->creds;

	json_key(out, "process_credentials");
	buf_putc(out, '{');
	json_field_u64(out, "uid", creds->uid);
	json_field_u64(out, "gid", creds->gid);
	json_field_u64(out, "euid", creds->euid);
	json_field_u64(out, "egid", creds->egid);
	json_field_u64(out, "suid", creds->suid);
	json_field_u64(out, "sgid", creds->sgid);
	json_field_u64(out, "fsuid", creds->fsuid);
	json_field_u64(out, "fsgid", creds->fsgid);
	encode_bits("securebits", creds->securebits, securebit_name, out);
	encode_user_namespace(settings, image, out);
	buf_putc(out, '}');
}

/* In the order of Tetragon: file capabilities, then setuid and setgid to root by someone else. */
static struct str privilege_change_name(unsigned int bit)
{
	static const char *const names[] = {
		"PRIVILEGES_RAISED_EXEC_FILE_CAP",
		"PRIVILEGES_RAISED_EXEC_FILE_SETUID",
		"PRIVILEGES_RAISED_EXEC_FILE_SETGID",
	};

	return str_of(bit < ARRAY_SIZE(names) ? names[bit] : NULL);
}

static uint32_t privilege_changes(const struct image *image)
{
	const struct credentials *creds = &image->creds;
	bool to_root = image->privileges & PRIVILEGES_SETUID && creds->uid && !creds->euid;
	bool to_root_group = image->privileges & PRIVILEGES_SETGID && creds->gid && !creds->egid;

	return (image->privileges & PRIVILEGES_FILE_CAP ? 1u : 0) | (to_root ? 2u : 0) |
	       (to_root_group ? 4u : 0);
}

/* A file that has no name in any directory any more: deleted, memfd, shared memory. */
static bool has_no_link(const struct image *image)
{
	return image->exe_ino && !image->exe_nlink;
}

static void encode_binary(const struct image *image, struct buf *out)
{
	if (!image->privileges && !has_no_link(image))
		return;
	json_key(out, "binary_properties");
	buf_putc(out, '{');
	if (image->privileges & PRIVILEGES_SETUID)
		json_field_u64(out, "setuid", image->creds.euid);
	if (image->privileges & PRIVILEGES_SETGID)
		json_field_u64(out, "setgid", image->creds.egid);
	encode_bits("privileges_changed", privilege_changes(image), privilege_change_name, out);
	if (has_no_link(image)) {
		json_key(out, "file");
		buf_lit(out, "{\"inode\":{");
		json_field_u64_string(out, "number", image->exe_ino);
		json_field_u64(out, "links", 0);
		buf_lit(out, "}}");
	}
	buf_putc(out, '}');
}

void encode_details(const struct encode_settings *settings, const struct image *image,
		    uint32_t details, struct buf *out)
{
	if (details & PROCESS_DETAIL_CREDENTIALS) {
		encode_capabilities(&image->creds, out);
		encode_credentials(settings, image, out);
	}
	if (details & PROCESS_DETAIL_NAMESPACES)
		encode_namespaces(&image->ns, &settings->host_ns, out);
	if (details & PROCESS_DETAIL_BINARY)
		encode_binary(image, out);
}
