/* User names from a passwd file that changes, and container ids from the names of cgroups. */
#include "tests/unit/stage_fixture.h"

#include "base/log.h"
#include "pipeline/container_id.h"
#include "pipeline/stage_enrich.h"
#include "pipeline/user_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX31 "0123456789abcdef0123456789abcde"

static char passwd_path[] = "/tmp/weir-test-passwd-XXXXXX";
static struct clock test_clock;

/* In the file's place another one, as useradd does it: a new inode each time. */
static void write_passwd(const char *text)
{
	char fresh[sizeof(passwd_path) + 4];
	FILE *file;

	snprintf(fresh, sizeof(fresh), "%s.new", passwd_path);
	file = fopen(fresh, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(fresh, passwd_path), 0);
}

static int set_up(void **state)
{
	int fd = mkstemp(passwd_path);

	clock_init_fake(&test_clock, 1000, 2000);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	return unlink(passwd_path);
}

static void expect_name(const struct user_names *names, uint32_t uid, const char *wanted)
{
	struct str got = user_names_find(names, uid);

	if (!str_equal(got, str_of(wanted)))
		fail_msg("uid %u: got \"%.*s\", wanted \"%s\"", uid, STR_FMT(got), wanted);
}

static void names_from_passwd(void **state)
{
	struct user_names *names = user_names_create(passwd_path);
	struct errmsg em;

	write_passwd("zoe:x:1001:1001::/home/zoe:/bin/sh\n"
		     "root:x:0:0:root:/root:/bin/bash\n"
		     "toor:x:0:0:second name of the same:/root:/bin/sh\n"
		     "# comment:x:5:5\n"
		     "\n"
		     "+nis:x:6:6::/:/x\n"
		     "nouid:x::1:/:/x\n"
		     "bad:x:12a:1::/:/x\n"
		     "huge:x:4294967296:1::/:/x\n"
		     "most:x:4294967294:1::/:/x\n"
		     ":x:9:9::/:/x\n"
		     "short:x\n"
		     "last:x:77:1::/:/x");
	assert_int_equal(user_names_refresh(names, &em), 0);
	expect_name(names, 0, "root");
	expect_name(names, 1001, "zoe");
	expect_name(names, 4294967294u, "most");
	expect_name(names, 77, "last");
	expect_name(names, 6, "");
	expect_name(names, 9, "");
	expect_name(names, 12, "");
	expect_name(names, 1, "");
	user_names_free(&names);
}

static void names_follow_the_file(void **state)
{
	struct user_names *names = user_names_create(passwd_path);
	struct errmsg em = { "" };

	write_passwd("ann:x:5:5::/:/x\n");
	assert_int_equal(user_names_refresh(names, &em), 0);
	write_passwd("bob:x:5:5::/:/x\n");
	expect_name(names, 5, "ann");
	assert_int_equal(user_names_refresh(names, &em), 0);
	expect_name(names, 5, "bob");
	write_passwd("");
	assert_int_equal(user_names_refresh(names, &em), 0);
	expect_name(names, 5, "");
	user_names_free(&names);
}

static void names_outlive_the_file(void **state)
{
	struct user_names *names = user_names_create(passwd_path);
	struct errmsg em = { "" };

	write_passwd("ann:x:5:5::/:/x\n");
	assert_int_equal(user_names_refresh(names, &em), 0);
	assert_int_equal(unlink(passwd_path), 0);
	assert_int_equal(user_names_refresh(names, &em), -ENOENT);
	assert_non_null(strstr(em.text, passwd_path));
	expect_name(names, 5, "ann");
	write_passwd("");
	user_names_free(&names);
	names = user_names_create("/dev/null");
	assert_int_equal(user_names_refresh(names, &em), -EINVAL);
	user_names_free(&names);
}

static void container_ids(void **state)
{
	static const struct {
		const char *cgroup, *id;
	} cases[] = {
		{ "docker-" HEX64 ".scope", HEX31 },
		{ "cri-containerd-" HEX64 ".scope", HEX31 },
		{ "crio-" HEX64 ".scope", HEX31 },
		{ "libpod-" HEX64 ".scope", HEX31 },
		{ HEX64, HEX31 },
		{ "/docker/" HEX64, HEX31 },
		{ "/system.slice/docker-" HEX64 ".scope", HEX31 },
		{ "/kubepods/besteffort/pod26ab26cd-6409-443f-a13c-fd6c231207c8/" HEX64, HEX31 },
		{ "kubepods-burstable-pod29349498.slice:cri-containerd:" HEX64, HEX31 },
		{ "/machine.slice/libpod-" HEX64 ".scope/container", HEX31 },
		{ "/libpod_parent/libpod-" HEX64, HEX31 },
		{ "", "" },
		{ "/", "" },
		{ "container", "" },
		{ "init.scope", "" },
		{ "user@1000.service", "" },
		{ "/libpod_parent/conmon", "" },
		{ "docker-" HEX64 ".service", "" },
		{ "docker-" HEX64 "0.scope", "" },
		{ "docker-" HEX31 ".scope", "" },
		{ "x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "" },
		{ "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "" },
		{ "/system.slice/docker-" HEX64 ".scope/system.slice/kubelet.service", "" },
		{ "kubepods-besteffort-podeb052b63_ea96_4728_ab4a_64ab3babccd7.slice", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct str id = container_id_find(str_of(cases[i].cgroup));

		if (!str_equal(id, str_of(cases[i].id)))
			fail_msg("%s: got \"%.*s\"", cases[i].cgroup, STR_FMT(id));
	}
	assert_int_equal(container_id_find((struct str){ NULL, 0 }).n, 0);
}

static uint32_t own_namespace(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint32_t)st.st_ino;
}

static struct process_draft host_draft(void)
{
	const char *user =
		access("/proc/1/ns/user", R_OK) ? "/proc/self/ns/user" : "/proc/1/ns/user";
	const char *mnt = access("/proc/1/ns/mnt", R_OK) ? "/proc/self/ns/mnt" : "/proc/1/ns/mnt";

	return (struct process_draft){ .ns = { .user = own_namespace(user),
					       .mnt = own_namespace(mnt) },
				       .creds = { .uid = 8, .euid = 5 },
				       .cgroup = STR("docker-" HEX64 ".scope") };
}

static struct stage *enrich_stage(const char *more)
{
	char yaml[256];

	snprintf(yaml, sizeof(yaml), "{passwd_file: %s%s}", passwd_path, more);
	return stage_from(&stage_enrich_type, yaml, &test_clock);
}

static void fills_the_draft(void **state)
{
	struct process_draft draft = host_draft();
	struct stage *stage;

	write_passwd("ann:x:5:5::/:/x\n");
	stage = enrich_stage("");
	stage->type->on_process(stage, &draft);
	assert_true(str_equal(draft.user_name, STR("ann")));
	assert_true(str_equal(draft.container_id, STR(HEX31)));
	write_passwd("bob:x:5:5::/:/x\n");
	stage->type->tick(stage, false, NULL, NULL);
	stage->type->on_process(stage, &draft);
	assert_true(str_equal(draft.user_name, STR("bob")));
	stage->type->destroy(&stage);
	assert_null(stage);
}

static void no_name_outside_of_the_host(void **state)
{
	struct process_draft other_user = host_draft(), other_mount = host_draft();
	struct process_draft not_known = host_draft();
	struct stage *stage;

	write_passwd("ann:x:5:5::/:/x\n");
	stage = enrich_stage("");
	other_user.ns.user++;
	other_mount.ns.mnt++;
	not_known.ns = (struct namespaces){ 0 };
	stage->type->on_process(stage, &other_user);
	stage->type->on_process(stage, &other_mount);
	stage->type->on_process(stage, &not_known);
	assert_int_equal(other_user.user_name.n, 0);
	assert_int_equal(other_mount.user_name.n, 0);
	assert_int_equal(not_known.user_name.n, 0);
	assert_int_equal(other_user.container_id.n, CONTAINER_ID_CHARS);
	stage->type->destroy(&stage);
}

static void each_can_be_switched_off(void **state)
{
	struct process_draft draft = host_draft();
	struct stage *stage;

	write_passwd("ann:x:5:5::/:/x\n");
	stage = enrich_stage(", user_names: false, container_ids: false");
	stage->type->on_process(stage, &draft);
	stage->type->tick(stage, false, NULL, NULL);
	assert_int_equal(draft.user_name.n, 0);
	assert_int_equal(draft.container_id.n, 0);
	stage->type->destroy(&stage);
}

static unsigned int warnings;

static void count_warning(void *ctx, enum log_level level, const char *line)
{
	warnings += level == LOG_LEVEL_WARN && strstr(line, "/nowhere/passwd");
}

static void missing_file_is_told_once_a_minute(void **state)
{
	struct stage *stage;

	warnings = 0;
	log_capture(count_warning, NULL);
	stage = stage_from(&stage_enrich_type, "passwd_file: /nowhere/passwd", &test_clock);
	for (int i = 0; i < 5; i++)
		stage->type->tick(stage, false, NULL, NULL);
	assert_int_equal(warnings, 1);
	test_clock.fake_boot_ns += 61 * NSEC_PER_SEC;
	stage->type->tick(stage, false, NULL, NULL);
	log_capture(NULL, NULL);
	assert_int_equal(warnings, 2);
	stage->type->destroy(&stage);
}

static void refusals(void **state)
{
	expect_refused(&stage_enrich_type, "user_name: true", "user_names", NULL);
	expect_refused(&stage_enrich_type, "user_names: maybe", "test.yaml:1:", "user_names", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_from_passwd),
		cmocka_unit_test(names_follow_the_file),
		cmocka_unit_test(names_outlive_the_file),
		cmocka_unit_test(container_ids),
		cmocka_unit_test(fills_the_draft),
		cmocka_unit_test(no_name_outside_of_the_host),
		cmocka_unit_test(each_can_be_switched_off),
		cmocka_unit_test(missing_file_is_told_once_a_minute),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
