#include "pipeline/stage_enrich.h"

#include "base/log.h"
#include "config/config.h"
#include "pipeline/container_id.h"
#include "pipeline/user_names.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct enrich_settings {
	bool user_names, container_ids;
	char *passwd_file;
};

static const struct config_item enrich_items[] = {
	{ .name = "user_names",
	  .type = CONFIG_BOOL,
	  .offset = offsetof(struct enrich_settings, user_names),
	  .value = "true",
	  .help = "Add the name of the effective user id, for processes in the host's user and "
		  "mount namespaces (elsewhere the same number is another user).",
	  .live = true },
	{ .name = "passwd_file",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct enrich_settings, passwd_file),
	  .value = "/etc/passwd",
	  .help = "Where the names are read from; read again when it changes. In a container: the "
		  "host's, as it is mounted.",
	  .live = true },
	{ .name = "container_ids",
	  .type = CONFIG_BOOL,
	  .offset = offsetof(struct enrich_settings, container_ids),
	  .value = "true",
	  .help = "Add the id of the container, told by the name of the cgroup.",
	  .live = true },
	CONFIG_END,
};

struct stage_enrich {
	struct stage stage;
	const struct clock *clock;
	bool container_ids;
	struct user_names *names;	      /* NULL: names are not wanted */
	uint32_t host_user_ns, host_mount_ns; /* inode numbers; 0: not known */
	struct log_limit refresh_failed;
};

static uint32_t namespace_inode(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint32_t)st.st_ino : 0;
}

static void refresh_names(struct stage_enrich *enrich)
{
	struct errmsg em = { "" };
	uint64_t suppressed;

	if (user_names_refresh(enrich->names, &em) == 0)
		return;
	if (log_limit_pass(&enrich->refresh_failed, clock_boot_ns(enrich->clock), &suppressed))
		log_warn("enrich: user names are not read: %s", em.text);
}

static int set_up_names(struct stage_enrich *enrich, const struct enrich_settings *settings)
{
	enrich->names = user_names_create(settings->passwd_file);
	if (!enrich->names)
		return -ENOMEM;
	/* Pid 1 is the host's; where it may not be looked at, weir itself stands in for it. */
	enrich->host_user_ns = namespace_inode("/proc/1/ns/user");
	enrich->host_mount_ns = namespace_inode("/proc/1/ns/mnt");
	if (!enrich->host_user_ns)
		enrich->host_user_ns = namespace_inode("/proc/self/ns/user");
	if (!enrich->host_mount_ns)
		enrich->host_mount_ns = namespace_inode("/proc/self/ns/mnt");
	refresh_names(enrich);
	return 0;
}

static void enrich_destroy(struct stage **stage)
{
	struct stage_enrich *enrich = container_of(*stage, struct stage_enrich, stage);

	user_names_free(&enrich->names);
	free(enrich);
	*stage = NULL;
}

static int enrich_create(const struct config_node *cfg, const struct clock *clock,
			 struct stage **stage_r, struct errmsg *em)
{
	struct enrich_settings settings = { 0 };
	struct stage_enrich *enrich;
	int rc = config_read(cfg, enrich_items, &settings, em);

	if (rc)
		return rc;
	enrich = calloc(1, sizeof(*enrich));
	if (enrich) {
		enrich->stage.type = &stage_enrich_type;
		enrich->clock = clock;
		enrich->container_ids = settings.container_ids;
		rc = settings.user_names ? set_up_names(enrich, &settings) : 0;
		*stage_r = &enrich->stage;
	}
	if (!enrich || rc) {
		errmsg_set(em, "out of memory");
		rc = -ENOMEM;
		if (enrich)
			enrich_destroy(stage_r);
	}
	config_settings_free(enrich_items, &settings);
	return rc;
}

static bool is_in_host(const struct stage_enrich *enrich, const struct process_draft *draft)
{
	return draft->ns.user == enrich->host_user_ns && draft->ns.mnt == enrich->host_mount_ns &&
	       draft->ns.user && draft->ns.mnt;
}

static void enrich_on_process(struct stage *stage, struct process_draft *draft)
{
	struct stage_enrich *enrich = container_of(stage, struct stage_enrich, stage);

	if (enrich->container_ids && draft->cgroup.n)
		draft->container_id = container_id_find(draft->cgroup);
	if (enrich->names && is_in_host(enrich, draft))
		draft->user_name = user_names_find(enrich->names, draft->creds.euid);
}

static void enrich_tick(struct stage *stage, bool last, stage_emit_fn emit, void *ctx)
{
	struct stage_enrich *enrich = container_of(stage, struct stage_enrich, stage);

	if (enrich->names && !last)
		refresh_names(enrich);
}

const struct stage_type stage_enrich_type = {
	.name = "enrich",
	.config = enrich_items,
	.create = enrich_create,
	.on_process = enrich_on_process,
	.tick = enrich_tick,
	.destroy = enrich_destroy,
};
