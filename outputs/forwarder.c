#include "outputs/forwarder.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/node.h"
#include "cli/exit_code.h"
#include "outputs/delivery.h"
#include "outputs/metrics_server.h"
#include "outputs/privileges.h"
#include "outputs/reach.h"
#include "outputs/sandbox.h"
#include "outputs/system_files.h"
#include "outputs/state_directory.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#define POLL_NS	       (200 * NSEC_PER_MSEC) /* wake-ups may be lost */
#define HOUSEKEEPING_S 1
#define LARGE_BLOCK    (128 * 1024)

struct forwarder;

struct forwarder_output {
	struct forwarder *forwarder;
	struct delivery *delivery;
	struct event *run; /* timer: when to run it next */
};

struct forwarder {
	const struct forwarder_settings *set;
	struct outputs_list list;
	struct forwarder_output outputs[METRICS_MAX_OUTPUTS];
	size_t output_count;
	struct event_base *base;
	struct event *control, *terminate, *drain_timeout, *housekeeping;
	struct metrics_server *metrics;
	struct clock clock;
	struct encode_settings encode;
	struct system_files system_files;
	char node_name[256], boot_id[37];
	int lock_fd, statm_fd;
	bool draining;
};

/* As the collector names the node, for notices that this process writes. */
static void fill_encode(struct forwarder *fw)
{
	const struct settings *settings = fw->set->settings;

	node_name_read(settings->node_name, fw->node_name, sizeof(fw->node_name));
	if (node_boot_id_read(fw->boot_id) < 0)
		log_warn("the boot id can't be read: notices of losses will have none");
	fw->encode = (struct encode_settings){
		.node_name = str_of(fw->node_name),
		.cluster_name = str_of(settings->cluster_name ? settings->cluster_name : ""),
		.boot_id = str_of(fw->boot_id),
	};
}

/* What needs rights is done here, the last of it being to give them away. */
static int prepare(struct forwarder *fw, struct errmsg *em)
{
	tzset(); /* reads its file while it can */
	fill_encode(fw);
	fw->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	system_files_note(&fw->system_files);
	return privileges_drop(fw->set->settings, &fw->list, &fw->lock_fd, em);
}

static void run_after(struct forwarder_output *output, uint64_t next_ns)
{
	uint64_t now = clock_boot_ns(&output->forwarder->clock);
	uint64_t wait = next_ns > now ? next_ns - now : 0;
	struct timeval tv;

	if (wait > POLL_NS)
		wait = POLL_NS;
	/* Rounded up: a timer that fires early would only be set again. */
	wait = (wait + 999) / 1000;
	tv = (struct timeval){ wait / 1000000, wait % 1000000 };
	if (evtimer_add(output->run, &tv) != 0) {
		log_error("forwarder: no memory for a timer");
		event_base_loopbreak(output->forwarder->base);
	}
}

static void on_run(evutil_socket_t fd, short what, void *arg)
{
	struct forwarder_output *output = arg;

	run_after(output, delivery_run(output->delivery));
}

/* The destination has said something: not from within its callback. */
static void wake_output(void *arg)
{
	struct forwarder_output *output = arg;

	event_active(output->run, EV_TIMEOUT, 1);
}

static void wake_all(struct forwarder *fw)
{
	size_t i;

	for (i = 0; i < fw->output_count; i++)
		wake_output(&fw->outputs[i]);
}

static void stop_loop(evutil_socket_t fd, short what, void *arg)
{
	struct forwarder *fw = arg;

	size_t i;

	for (i = 0; i < fw->output_count; i++)
		if (!delivery_is_drained(fw->outputs[i].delivery))
			log_warn("output %s: drain timeout: what is left is delivered at the next "
				 "start",
				 fw->list.v[i]->name);
	event_base_loopbreak(fw->base);
}

static void start_drain(struct forwarder *fw)
{
	uint64_t timeout = fw->set->settings->forwarder.drain_timeout_ns;
	uint64_t last_seq = metric_get(&fw->set->board->collector.drain_seq);
	struct timeval tv = { timeout / NSEC_PER_SEC, timeout % NSEC_PER_SEC / 1000 };
	size_t i;

	if (fw->draining)
		return;
	fw->draining = true;
	event_del(fw->control); /* its end of file would be readable for ever */
	for (i = 0; i < fw->output_count; i++)
		delivery_drain(fw->outputs[i].delivery, last_seq);
	wake_all(fw);
	if (evtimer_add(fw->drain_timeout, &tv) != 0)
		event_base_loopbreak(fw->base);
}

static void take_message(struct forwarder *fw, char message)
{
	size_t i;

	switch ((unsigned char)message) {
	case FORWARDER_WAKE:
		wake_all(fw);
		break;
	case FORWARDER_REOPEN:
		for (i = 0; i < fw->output_count; i++)
			delivery_reopen(fw->outputs[i].delivery);
		break;
	case FORWARDER_DRAIN:
		start_drain(fw);
		break;
	}
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
	struct forwarder *fw = arg;
	char messages[64];
	ssize_t i, n = recv(fd, messages, sizeof(messages), MSG_DONTWAIT);
	bool woken = false;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		start_drain(fw);
		return;
	}
	for (i = 0; i < n; i++) {
		if (messages[i] == FORWARDER_WAKE && woken)
			continue;
		woken |= messages[i] == FORWARDER_WAKE;
		take_message(fw, messages[i]);
	}
}

static void on_terminate(evutil_socket_t fd, short what, void *arg)
{
	start_drain(arg);
}

static bool is_drained(const struct forwarder *fw)
{
	size_t i;

	for (i = 0; i < fw->output_count; i++)
		if (!delivery_is_drained(fw->outputs[i].delivery))
			return false;
	return fw->draining;
}

static void read_resident(struct forwarder *fw)
{
	char text[128];
	ssize_t n = fw->statm_fd < 0 ? -1 : pread(fw->statm_fd, text, sizeof(text) - 1, 0);
	char *second;

	if (n <= 0)
		return;
	text[n] = '\0';
	second = strchr(text, ' ');
	if (second)
		metric_set(&fw->set->board->forwarder.resident_bytes,
			   strtoull(second, NULL, 10) * sysconf(_SC_PAGESIZE));
}

/* The sandbox keeps the new file from this process, and names are not found any more: the next one
 * may read it. */
static void look_after_system_files(struct forwarder *fw)
{
	const char *path = fw->draining ? NULL : system_files_find_new(&fw->system_files);

	if (!path)
		return;
	log_info("forwarder: %s is another file now, which only a new process may read: ends",
		 path);
	start_drain(fw);
}

static void on_housekeeping(evutil_socket_t fd, short what, void *arg)
{
	struct forwarder *fw = arg;

	read_resident(fw);
	look_after_system_files(fw);
	if (fw->metrics)
		metrics_server_watch(fw->metrics);
}

static struct metrics_output *find_slot(struct metrics_forwarder *board, const char *name,
					size_t *slot_r)
{
	size_t i, n = atomic_load(&board->outputs);

	for (i = 0; i < n && i < METRICS_MAX_OUTPUTS; i++) {
		if (strncmp(board->output[i].name, name, METRICS_NAME_BYTES) == 0) {
			*slot_r = i;
			return &board->output[i];
		}
	}
	return NULL;
}

/* Counters outlive a restart of the forwarder: an output finds its own by name. One that is not
 * configured any more makes room when it must. */
static struct metrics_output *take_slot(struct forwarder *fw, const struct output_settings *output)
{
	struct metrics_forwarder *board = &fw->set->board->forwarder;
	size_t i, n = atomic_load(&board->outputs);
	struct metrics_output *slot = find_slot(board, output->name, &i);

	if (slot)
		return slot;
	for (i = 0; n >= METRICS_MAX_OUTPUTS && i < METRICS_MAX_OUTPUTS; i++)
		if (metric_get(&board->output[i].state) == OUTPUT_STATE_CLOSED)
			break;
	if (n < METRICS_MAX_OUTPUTS)
		i = n;
	if (i == METRICS_MAX_OUTPUTS)
		return NULL;
	slot = &board->output[i];
	memset(slot, 0, sizeof(*slot));
	snprintf(slot->name, sizeof(slot->name), "%s", output->name);
	snprintf(slot->type, sizeof(slot->type), "%s", output->type);
	if (i == n)
		atomic_store(&board->outputs, n + 1);
	return slot;
}

static void close_old_slots(struct forwarder *fw)
{
	struct metrics_forwarder *board = &fw->set->board->forwarder;
	size_t i, n = atomic_load(&board->outputs);

	for (i = 0; i < n && i < METRICS_MAX_OUTPUTS; i++)
		metric_set(&board->output[i].state, OUTPUT_STATE_CLOSED);
}

static int create_output(struct forwarder *fw, const struct output_settings *settings,
			 struct errmsg *em)
{
	struct forwarder_output *output = &fw->outputs[fw->output_count];
	struct delivery_settings delivery = {
		.output = settings,
		.journal_directory = fw->set->settings->journal.directory,
		.state_directory = fw->set->settings->forwarder.state_directory,
		.session_first_seq = fw->set->session_first_seq,
		.clock = &fw->clock,
		.base = fw->base,
		.encode = &fw->encode,
		.metrics = take_slot(fw, settings),
		.wake = wake_output,
		.wake_ctx = output,
	};
	int err;

	if (!delivery.metrics) {
		errmsg_set(em, "output %s: there is no room for its counters", settings->name);
		return -ENOSPC;
	}
	output->forwarder = fw;
	output->run = evtimer_new(fw->base, on_run, output);
	if (!output->run)
		return -ENOMEM;
	err = delivery_create(&delivery, &output->delivery, em);
	if (err) {
		event_free(output->run);
		return err;
	}
	fw->output_count++;
	wake_output(output);
	return 0;
}

static int create_outputs(struct forwarder *fw, struct errmsg *em)
{
	size_t i;
	int err = 0;

	close_old_slots(fw);
	for (i = 0; !err && i < fw->list.n; i++)
		err = create_output(fw, fw->list.v[i], em);
	return err;
}

static int create_loop(struct forwarder *fw, struct errmsg *em)
{
	struct timeval second = { HOUSEKEEPING_S, 0 };

	errmsg_set(em, "no memory for the loop");
	fw->base = event_base_new();
	if (!fw->base)
		return -ENOMEM;
	fw->control =
		event_new(fw->base, fw->set->control_fd, EV_READ | EV_PERSIST, on_control, fw);
	fw->terminate = evsignal_new(fw->base, SIGTERM, on_terminate, fw);
	fw->drain_timeout = evtimer_new(fw->base, stop_loop, fw);
	fw->housekeeping = event_new(fw->base, -1, EV_PERSIST, on_housekeeping, fw);
	if (!fw->control || !fw->terminate || !fw->drain_timeout || !fw->housekeeping ||
	    event_add(fw->control, NULL) != 0 || event_add(fw->terminate, NULL) != 0 ||
	    event_add(fw->housekeeping, &second) != 0)
		return -ENOMEM;
	return 0;
}

/* A port that is taken is no reason not to deliver. */
static void open_metrics(struct forwarder *fw)
{
	const char *listen = fw->set->settings->metrics.listen;
	struct errmsg em = { "" };

	if (!listen || !*listen)
		return;
	if (metrics_server_open(listen, fw->base, fw->set->board, &fw->clock, &fw->metrics, &em) !=
	    0)
		log_error("%s; goes on without the metrics page", em.text);
}

/* Batches and blocks of the journal are large and come and go: each gets pages of its own, which go
 * back to the kernel with it. Left to itself the allocator learns from the first one that is freed
 * to keep the next ones in its heap. One heap does for the threads, which hardly allocate. */
static void bound_heap(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	mallopt(M_TRIM_THRESHOLD, LARGE_BLOCK);
	mallopt(M_ARENA_MAX, 1);
}

static void loop(struct forwarder *fw)
{
	malloc_trim(0); /* what the configuration and the seccomp filter took */
	read_resident(fw);
	metric_set(&fw->set->board->forwarder.ready, 1);
	while (!is_drained(fw) && event_base_loop(fw->base, EVLOOP_ONCE) == 0 &&
	       !event_base_got_break(fw->base))
		;
	metric_set(&fw->set->board->forwarder.ready, 0);
}

static void free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

static void close_all(struct forwarder *fw)
{
	size_t i;

	for (i = 0; i < fw->output_count; i++) {
		delivery_free(&fw->outputs[i].delivery);
		free_event(&fw->outputs[i].run);
	}
	metrics_server_close(&fw->metrics);
	free_event(&fw->control);
	free_event(&fw->terminate);
	free_event(&fw->drain_timeout);
	free_event(&fw->housekeeping);
	if (fw->base)
		event_base_free(fw->base);
	outputs_list_free(&fw->list);
	if (fw->statm_fd >= 0)
		close(fw->statm_fd);
	if (fw->lock_fd >= 0)
		close(fw->lock_fd);
}

int forwarder_find_group(const char *user, gid_t *gid_r, struct errmsg *em)
{
	struct sandbox_user found;
	int err = sandbox_find_user(user, &found, em);

	if (!err)
		*gid_r = found.gid;
	return err;
}

int forwarder_check_directories(const struct settings *settings, struct errmsg *em)
{
	const struct reach state = { "forwarder.state_directory",
				     settings->forwarder.state_directory, R_OK | W_OK | X_OK };
	const struct reach journal = { "journal.directory", settings->journal.directory,
				       R_OK | X_OK };
	struct sandbox_user found, *user = geteuid() == 0 ? &found : NULL;
	int err = user ? sandbox_find_user(settings->forwarder.user, user, em) : 0;

	if (!err)
		err = state_directory_make(state.path, user, em);
	if (!err)
		err = reach_check(&state, user, em);
	return err ? err : reach_check(&journal, user, em);
}

int forwarder_run(const struct forwarder_settings *settings)
{
	struct forwarder fw = { .set = settings, .lock_fd = -1, .statm_fd = -1 };
	struct errmsg em = { "" };
	int code = EXIT_FAILED, err;

	bound_heap();
	signal(SIGPIPE, SIG_IGN);
	clock_init(&fw.clock);
	err = outputs_list_read(settings->settings->outputs, &fw.list, &em);
	if (err == -EINVAL)
		code = EXIT_CONFIG;
	if (!err)
		err = prepare(&fw, &em);
	if (!err)
		err = create_loop(&fw, &em);
	if (!err)
		err = create_outputs(&fw, &em);
	if (err) {
		log_error("%s", *em.text ? em.text : strerror(-err));
	} else {
		open_metrics(&fw);
		loop(&fw);
		code = EXIT_OK;
	}
	close_all(&fw);
	return code;
}
