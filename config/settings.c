/* config/settings.c: the table of weir's own settings, with defaults that fit most hosts, and the
 * rules between settings that a table can't say. config/weir.yaml shows them all; a test holds the
 * two together. */
#include "config/settings.h"

#include "base/clock.h"
#include "config/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define AT(field) offsetof(struct settings, field)
#define KIB	  1024ull
#define MIB	  (1024 * KIB)
#define GIB	  (1024 * MIB)
#define DAY_NS	  (86400 * NSEC_PER_SEC)

static const char *const log_levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const detail_levels[] = { "off", "exec", "all", NULL };
static const char *const when_full[] = { "drop_oldest", "block", NULL };

static const struct config_item sensor_items[] = {
	{ .name = "ring_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(sensor.ring_bytes),
	  .value = "0",
	  .max = 1 * GIB,
	  .help = "Ring buffer between the kernel and weir, rounded up to a power of two. 0 sizes "
		  "it from the machine's memory, at least 16MiB." },
	{ .name = "arguments_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(sensor.arguments_bytes),
	  .value = "32KiB",
	  .min = 256,
	  .max = 128 * KIB,
	  .help = "Longest argument list kept of an exec. What is longer is cut, and the event "
		  "says so (truncArgs)." },
	{ .name = "environment",
	  .type = CONFIG_LIST,
	  .offset = AT(sensor.environment),
	  .value = "[]",
	  .help = "Names of the environment variables to keep of an exec. Empty: the environment "
		  "is not read at all." },
	{ .name = "environment_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(sensor.environment_bytes),
	  .value = "32KiB",
	  .min = 256,
	  .max = 128 * KIB,
	  .help = "How far into a process's environment weir looks for those names." },
	{ .name = "task_entries",
	  .type = CONFIG_INTEGER,
	  .offset = AT(sensor.task_entries),
	  .value = "65536",
	  .min = 1024,
	  .max = 4 * MIB,
	  .unit = "processes",
	  .help = "Most processes that the kernel side remembers at a time. A process past it is "
		  "counted, and its events say that its start was missed." },
	{ .name = "existing_processes",
	  .type = CONFIG_BOOL,
	  .offset = AT(sensor.existing_processes),
	  .value = "true",
	  .help = "Write a process_exec (flag procFS) for each process that ran before weir." },
	{ .name = "tcp",
	  .type = CONFIG_BOOL,
	  .offset = AT(sensor.tcp),
	  .value = "true",
	  .help = "Watch TCP connections: connect, accept, listen and close." },
	CONFIG_END,
};

static const struct config_item processes_items[] = {
	{ .name = "max_entries",
	  .type = CONFIG_INTEGER,
	  .offset = AT(processes.max_entries),
	  .value = "65536",
	  .min = 1024,
	  .max = 4 * MIB,
	  .unit = "processes",
	  .help = "Most processes kept in the process table. Past it the ones that ended longest "
		  "ago go first; each eviction is counted." },
	{ .name = "max_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(processes.max_bytes),
	  .value = "24MiB",
	  .min = 1 * MIB,
	  .max = 4 * GIB,
	  .help = "Most memory that the process table may take." },
	{ .name = "linger",
	  .type = CONFIG_DURATION,
	  .offset = AT(processes.linger_ns),
	  .value = "60s",
	  .max = 1 * DAY_NS,
	  .help = "How long an ended process stays known, for what comes late about it." },
	{ .name = "ancestors",
	  .type = CONFIG_INTEGER,
	  .offset = AT(processes.ancestors),
	  .value = "0",
	  .max = 32,
	  .unit = "levels",
	  .help = "How many ancestors above the parent to write into each event." },
	{ .name = "credentials",
	  .type = CONFIG_ENUM,
	  .offset = AT(processes.credentials),
	  .value = "exec",
	  .choices = detail_levels,
	  .help = "Which events carry user and group ids and capabilities: none, process_exec "
		  "only, or all." },
	{ .name = "namespaces",
	  .type = CONFIG_ENUM,
	  .offset = AT(processes.namespaces),
	  .value = "exec",
	  .choices = detail_levels,
	  .help = "Which events carry the namespaces: none, process_exec only, or all." },
	CONFIG_END,
};

static const struct config_item journal_items[] = {
	{ .name = "directory",
	  .type = CONFIG_STRING,
	  .offset = AT(journal.directory),
	  .value = "/var/lib/weir/journal",
	  .help = "Where the journal's segments are. A directory on tmpfs keeps it off the disk." },
	{ .name = "max_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(journal.max_bytes),
	  .value = "1GiB",
	  .min = 2 * MIB,
	  .help = "Most that all segments together may take." },
	{ .name = "max_age",
	  .type = CONFIG_DURATION,
	  .offset = AT(journal.max_age_ns),
	  .value = "0",
	  .help = "Segments whose newest event is older than this are removed. 0: age does not "
		  "count." },
	{ .name = "segment_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(journal.segment_bytes),
	  .value = "64MiB",
	  .min = 1 * MIB,
	  .max = 1 * GIB,
	  .help = "Size of one segment, which is what retention removes at a time; at most half of "
		  "max_bytes." },
	{ .name = "sync_interval",
	  .type = CONFIG_DURATION,
	  .offset = AT(journal.sync_interval_ns),
	  .value = "1s",
	  .max = 3600 * NSEC_PER_SEC,
	  .help = "How often the journal is forced to the disk: what a power loss can cost at "
		  "most. 0: after each write." },
	{ .name = "memory_bytes",
	  .type = CONFIG_SIZE,
	  .offset = AT(journal.memory_bytes),
	  .value = "16MiB",
	  .min = 2 * MIB,
	  .max = 1 * GIB,
	  .help = "How much may wait in memory while the disk refuses. Past it events are lost, "
		  "counted and reported." },
	{ .name = "when_full",
	  .type = CONFIG_ENUM,
	  .offset = AT(journal.when_full),
	  .value = "drop_oldest",
	  .choices = when_full,
	  .help = "At max_bytes: drop_oldest removes the oldest segment even if an output has not "
		  "read it; block stops taking events from the kernel, which then counts what it "
		  "drops." },
	{ .name = "seal",
	  .type = CONFIG_BOOL,
	  .offset = AT(journal.seal),
	  .value = "true",
	  .help = "Seal each batch with a key that evolves one way, so that a later intruder can't "
		  "rewrite what is there. See `weir verify`." },
	CONFIG_END,
};

static const struct config_item forwarder_items[] = {
	{ .name = "user",
	  .type = CONFIG_STRING,
	  .offset = AT(forwarder.user),
	  .value = "",
	  .help = "User that the forwarder runs as. Empty: the first of weir and nobody that "
		  "/etc/passwd has." },
	{ .name = "state_directory",
	  .type = CONFIG_STRING,
	  .offset = AT(forwarder.state_directory),
	  .value = "/var/lib/weir/state",
	  .help = "Where the outputs' cursors and dead letters are." },
	{ .name = "drain_timeout",
	  .type = CONFIG_DURATION,
	  .offset = AT(forwarder.drain_timeout_ns),
	  .value = "5s",
	  .max = 600 * NSEC_PER_SEC,
	  .help = "How long the forwarder may go on delivering when weir is told to stop." },
	CONFIG_END,
};

static const struct config_item metrics_items[] = {
	{ .name = "listen",
	  .type = CONFIG_STRING,
	  .offset = AT(metrics.listen),
	  .value = "127.0.0.1:9560",
	  .help = "Address and port of the Prometheus page /metrics and of /healthz. Empty: off." },
	CONFIG_END,
};

static const struct config_item control_items[] = {
	{ .name = "socket",
	  .type = CONFIG_STRING,
	  .offset = AT(control.socket),
	  .value = "/run/weir/control.sock",
	  .help = "Unix socket that `weir status` and `weir reload` talk to. Empty: off." },
	CONFIG_END,
};

const struct config_item settings_items[] = {
	{ .name = "node_name",
	  .type = CONFIG_STRING,
	  .offset = AT(node_name),
	  .value = "",
	  .help = "Name of this machine in events. Empty: $NODE_NAME, else the host's name." },
	{ .name = "cluster_name",
	  .type = CONFIG_STRING,
	  .offset = AT(cluster_name),
	  .value = "",
	  .help = "Name of the cluster in events. Empty: left out.",
	  .live = true },
	{ .name = "log_level",
	  .type = CONFIG_ENUM,
	  .offset = AT(log_level),
	  .value = "info",
	  .choices = log_levels,
	  .help = "What weir says of itself on standard error.",
	  .live = true },
	{ .name = "sensor", .type = CONFIG_MAP, .items = sensor_items },
	{ .name = "processes", .type = CONFIG_MAP, .items = processes_items },
	{ .name = "pipeline",
	  .type = CONFIG_NODE,
	  .offset = AT(pipeline),
	  .optional = true,
	  .help = "List of stages, in their order; a name alone takes the stage's defaults.",
	  .live = true },
	{ .name = "journal", .type = CONFIG_MAP, .items = journal_items },
	{ .name = "forwarder", .type = CONFIG_MAP, .items = forwarder_items },
	{ .name = "outputs",
	  .type = CONFIG_NODE,
	  .offset = AT(outputs),
	  .optional = true,
	  .help = "List of outputs. Without it events go to standard output.",
	  .live = true },
	{ .name = "metrics", .type = CONFIG_MAP, .items = metrics_items },
	{ .name = "control", .type = CONFIG_MAP, .items = control_items },
	CONFIG_END,
};

struct settings_document {
	struct config_document *doc;	  /* NULL: the built-in defaults */
	struct config_document *override; /* the outputs of settings_override() */
	struct settings settings;
	int copy_fd; /* -1: the built-in defaults */
};

/* ---- rules between settings ---- */

/* The node to blame; NULL where the value is a default. */
static const struct config_node *node_of(const struct config_node *root, const char *section,
					 const char *key)
{
	return config_node_get(config_node_get(root, section), key);
}

static int check_sizes(const struct settings *settings, const struct config_node *root,
		       struct errmsg *em)
{
	const struct config_node *segment = node_of(root, "journal", "segment_bytes");
	char text[128];
	struct buf sizes = buf_fixed(text, sizeof(text));

	if (settings->journal.segment_bytes <= settings->journal.max_bytes / 2)
		return 0;
	buf_lit(&sizes, "journal.segment_bytes (");
	config_write_size(settings->journal.segment_bytes, &sizes);
	buf_lit(&sizes, ") is more than half of journal.max_bytes (");
	config_write_size(settings->journal.max_bytes, &sizes);
	return config_error(segment ?: node_of(root, "journal", "max_bytes"), em,
			    "%.*s); raise max_bytes or lower segment_bytes", (int)sizes.len, text);
}

static int check_directory(const char *path, const char *name, const struct config_node *node,
			   struct errmsg *em)
{
	if (path[0] == '/')
		return 0;
	return config_error(node, em, "%s: a directory is written from the root; write /%s", name,
			    path[0] ? path : "var/lib/weir/...");
}

static int check_socket(const struct settings *settings, const struct config_node *root,
			struct errmsg *em)
{
	const char *path = settings->control.socket;
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);

	if (!*path || (path[0] == '/' && strlen(path) < room))
		return 0;
	return config_error(node_of(root, "control", "socket"), em,
			    "control.socket: write a path from the root of less than %zu bytes",
			    room);
}

/* ADDRESS:PORT or [IPv6]:PORT; whether the address is one of ours shows when it is bound. */
static bool is_address_and_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || colon == text || !config_parse_integer(str_of(colon + 1), &port))
		return false;
	if (memchr(text, ':', (size_t)(colon - text)) && (text[0] != '[' || colon[-1] != ']'))
		return false;
	return port <= 65535;
}

static int check_listen(const struct settings *settings, const struct config_node *root,
			struct errmsg *em)
{
	if (!*settings->metrics.listen || is_address_and_port(settings->metrics.listen))
		return 0;
	return config_error(node_of(root, "metrics", "listen"), em,
			    "metrics.listen: write ADDRESS:PORT as in 127.0.0.1:9560 or "
			    "[::1]:9560, or \"\" for off");
}

static int check_environment(const struct settings *settings, const struct config_node *root,
			     struct errmsg *em)
{
	const struct config_strings *names = &settings->sensor.environment;
	const struct config_node *list = node_of(root, "sensor", "environment");

	for (size_t i = 0; i < names->n; i++)
		if (!names->v[i][0] || strchr(names->v[i], '='))
			return config_error(config_node_at(list, i), em,
					    "sensor.environment[%zu]: write the name of a variable "
					    "alone, as in LD_PRELOAD",
					    i);
	return 0;
}

static int check_list(const struct config_node *node, const char *name, struct errmsg *em)
{
	if (!node || config_node_kind(node) == CONFIG_NODE_SEQUENCE)
		return 0;
	return config_error(node, em, "%s takes a list; begin each entry with '- '", name);
}

static int check(const struct settings *settings, const struct config_node *root, struct errmsg *em)
{
	int err = check_sizes(settings, root, em);

	if (!err)
		err = check_directory(settings->journal.directory, "journal.directory",
				      node_of(root, "journal", "directory"), em);
	if (!err)
		err = check_directory(settings->forwarder.state_directory,
				      "forwarder.state_directory",
				      node_of(root, "forwarder", "state_directory"), em);
	if (!err)
		err = check_socket(settings, root, em);
	if (!err)
		err = check_listen(settings, root, em);
	if (!err)
		err = check_environment(settings, root, em);
	if (!err)
		err = check_list(settings->pipeline, "pipeline", em);
	return err ? err : check_list(settings->outputs, "outputs", em);
}

/* ---- the document ---- */

static int read_document(struct settings_document *doc, const char *path, struct errmsg *em)
{
	const struct config_node *root = NULL;
	int err;

	if (doc->copy_fd >= 0) {
		err = config_parse_copy(doc->copy_fd, path, &doc->doc, em);
		if (err)
			return err;
		root = config_root(doc->doc);
	}
	err = config_read(root, settings_items, &doc->settings, em);
	return err ? err : check(&doc->settings, root, em);
}

int settings_load_copy(int fd, const char *path, struct settings_document **doc_r,
		       struct errmsg *em)
{
	struct settings_document *doc = calloc(1, sizeof(*doc));
	int err;

	*doc_r = NULL;
	if (!doc) {
		if (fd >= 0)
			close(fd);
		errmsg_set(em, "out of memory while the configuration is read");
		return -ENOMEM;
	}
	doc->copy_fd = fd;
	err = read_document(doc, path, em);
	if (err)
		settings_free(&doc);
	*doc_r = doc;
	return err;
}

int settings_load(const char *path, struct settings_document **doc_r, struct errmsg *em)
{
	int fd = -1, err = path ? config_copy_file(path, &fd, em) : 0;

	*doc_r = NULL;
	return err ? err : settings_load_copy(fd, path, doc_r, em);
}

int settings_copy(const struct settings_document *doc)
{
	return doc->copy_fd;
}

const struct settings *settings_of(const struct settings_document *doc)
{
	return &doc->settings;
}

void settings_free(struct settings_document **doc)
{
	if (!*doc)
		return;
	config_settings_free(settings_items, &(*doc)->settings);
	config_document_free(&(*doc)->doc);
	config_document_free(&(*doc)->override);
	if ((*doc)->copy_fd >= 0)
		close((*doc)->copy_fd);
	free(*doc);
	*doc = NULL;
}

/* ---- what the command line puts over it ---- */

static int replace_text(char **text, const char *with, struct errmsg *em)
{
	char *copy;

	if (!with)
		return 0;
	copy = strdup(with);
	if (!copy) {
		errmsg_set(em, "out of memory while the options are applied");
		return -ENOMEM;
	}
	free(*text);
	*text = copy;
	return 0;
}

static int replace_format(struct settings_document *doc, const char *format, struct errmsg *em)
{
	char text[128];
	struct buf out = buf_fixed(text, sizeof(text));
	int err;

	if (!format)
		return 0;
	if (doc->settings.outputs) {
		errmsg_set(em, "--output-format is for a run without `outputs:` in the "
			       "configuration; set `format:` of the output there");
		return -EINVAL;
	}
	if (strspn(format, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(format)) {
		errmsg_set(em, "--output-format: not the name of a format");
		return -EINVAL;
	}
	buf_printf(&out, "- {name: stdout, type: stdout, start: now, format: %.64s}\n", format);
	err = config_parse(buf_str(&out), "--output-format", &doc->override, em);
	if (!err)
		doc->settings.outputs = config_root(doc->override);
	return err;
}

int settings_override(struct settings_document *doc, const struct settings_overrides *overrides,
		      struct errmsg *em)
{
	struct settings *settings = &doc->settings;
	int err = replace_text(&settings->journal.directory, overrides->journal_directory, em);

	if (!err)
		err = replace_text(&settings->forwarder.state_directory, overrides->state_directory,
				   em);
	if (!err)
		err = replace_text(&settings->control.socket, overrides->control_socket, em);
	return err ? err : replace_format(doc, overrides->format, em);
}

const char *settings_restart_needed(const struct settings *running, const struct settings *wanted)
{
	/* The name is put together from section and key; it lives until the next call. */
	static _Thread_local struct config_item_name name;

	return config_restart_needed(settings_items, running, wanted, &name) ? name.text : NULL;
}
