#include "pipeline/encode_json.h"

#include "base/json_write.h"
#include "pipeline/encode_notice.h"
#include "pipeline/encode_process.h"
#include "pipeline/encode_tcp.h"
#include "pipeline/encode_weir.h"
#include "pipeline/kernel_names.h"

/* Details that every Process object carries, and so its fragment. */
static uint32_t details_of_all(const struct encode_settings *settings)
{
	return (settings->credentials == DETAIL_ALL ? PROCESS_DETAIL_CREDENTIALS : 0u) |
	       (settings->namespaces == DETAIL_ALL ? PROCESS_DETAIL_NAMESPACES : 0u);
}

/* Details of the process of a process_exec, beyond those of all. */
static uint32_t details_of_exec(const struct encode_settings *settings)
{
	return (settings->credentials == DETAIL_EXEC ? PROCESS_DETAIL_CREDENTIALS : 0u) |
	       (settings->namespaces == DETAIL_EXEC ? PROCESS_DETAIL_NAMESPACES : 0u) |
	       (settings->credentials != DETAIL_OFF ? PROCESS_DETAIL_BINARY : 0u);
}

static void put_own_members(const struct encode_settings *settings, struct process *process,
			    struct buf *out)
{
	size_t start = out->len;

	if (settings->splice && process->json.p) {
		buf_put(out, process->json.p, process->json.n);
		return;
	}
	encode_own_members(settings, process, out);
	if (settings->splice && buf_ok(out))
		fragment_keep(&process->json, out->p + start, out->len - start, process->account);
}

static void put_image_members(const struct encode_settings *settings, struct image *image,
			      struct buf *out)
{
	uint32_t details = details_of_all(settings);
	size_t start = out->len;

	if (settings->splice && image->json.p && image->json_details == details) {
		buf_put(out, image->json.p, image->json.n);
		return;
	}
	encode_image_members(image, out);
	encode_details(settings, image, details, out);
	if (!settings->splice || !buf_ok(out))
		return;
	fragment_keep(&image->json, out->p + start, out->len - start, image->account);
	image->json_details = details;
}

static void put_process(const struct encode_settings *settings, const struct process *constant,
			uint32_t tid, uint32_t details, struct buf *out)
{
	/* Its fragments are caches: what the process says of itself doesn't change. */
	struct process *process = (struct process *)constant;
	uint32_t refcnt = process->live_children + !process->exited;

	buf_putc(out, '{');
	put_own_members(settings, process, out);
	if (process->image) {
		put_image_members(settings, process->image, out);
		if (refcnt) {
			buf_lit(out, ",\"refcnt\":");
			buf_u64(out, refcnt);
		}
		if (tid) {
			buf_lit(out, ",\"tid\":");
			buf_u64(out, tid);
		}
		if (details)
			encode_details(settings, process->image, details, out);
	}
	buf_putc(out, '}');
}

/* Who it is, without what a process can make long. */
static void put_brief_process(const struct encode_settings *settings, const struct process *process,
			      enum reduction reduction, struct buf *out)
{
	buf_putc(out, '{');
	put_own_members(settings, (struct process *)process, out);
	if (process->image && reduction == REDUCED_TEXT)
		encode_image_brief(process->image, out);
	buf_putc(out, '}');
}

static void put_ancestors(const struct encode_settings *settings, const struct event *event,
			  struct buf *out)
{
	const struct process *ancestor = event->parent ? event->parent->parent : NULL;

	if (!event->ancestors || !ancestor)
		return;
	buf_lit(out, ",\"ancestors\":[");
	for (unsigned int i = 0; i < event->ancestors && ancestor; i++) {
		if (i)
			buf_putc(out, ',');
		put_process(settings, ancestor, ancestor->key.pid, 0, out);
		ancestor = ancestor->parent;
	}
	buf_putc(out, ']');
}

static void put_kin(const struct encode_settings *settings, const struct event *event,
		    enum reduction reduction, struct buf *out)
{
	if (!event->parent)
		return;
	buf_lit(out, ",\"parent\":");
	if (reduction != REDUCED_NOTHING) {
		put_brief_process(settings, event->parent, REDUCED_KIN, out);
		return;
	}
	put_process(settings, event->parent, event->parent->key.pid, 0, out);
	put_ancestors(settings, event, out);
}

/* Who did it, and who that descends from. Tetragon's exec and exit are the leader's. */
static void put_processes(const struct encode_settings *settings, const struct event *event,
			  enum reduction reduction, struct buf *out)
{
	bool is_exec = event->kind == KIND_PROCESS_EXEC;
	bool is_leader = is_exec || event->kind == KIND_PROCESS_EXIT;

	buf_lit(out, "\"process\":");
	if (reduction == REDUCED_TEXT)
		put_brief_process(settings, event->process, reduction, out);
	else
		put_process(settings, event->process,
			    is_leader ? event->process->key.pid : event->tid,
			    is_exec ? details_of_exec(settings) : 0, out);
	put_kin(settings, event, reduction, out);
}

static void put_exit(const struct event *event, struct buf *out)
{
	struct str signal = signal_name(event->exit_code & 0x7f);

	if (signal.n) {
		buf_lit(out, ",\"signal\":\"");
		buf_puts(out, signal);
		buf_putc(out, '"');
	}
	if (event->exit_code >> 8) {
		buf_lit(out, ",\"status\":");
		buf_u64(out, event->exit_code >> 8);
	}
	json_field_time(out, "time", event->time_wall_ns);
}

static void put_body(const struct encode_settings *settings, const struct event *event,
		     enum reduction reduction, struct buf *out)
{
	switch (event->kind) {
	case KIND_PROCESS_EXEC:
		put_processes(settings, event, reduction, out);
		return;
	case KIND_PROCESS_EXIT:
		put_processes(settings, event, reduction, out);
		put_exit(event, out);
		return;
	case KIND_PROCESS_CONNECT:
	case KIND_PROCESS_ACCEPT:
	case KIND_PROCESS_LISTEN:
	case KIND_PROCESS_CLOSE:
		put_processes(settings, event, reduction, out);
		encode_tcp(&event->tcp, event->kind, out);
		return;
	case KIND_WEIR_LOSS:
		encode_loss(&event->loss, out);
		return;
	case KIND_WEIR_START:
	case KIND_WEIR_STOP:
	case KIND_WEIR_CONFIG:
		encode_notice(&event->notice, out);
		return;
	case KIND_NONE:
	case EVENT_KINDS:
		return;
	}
}

static void put_event(const struct encode_settings *settings, const struct event *event,
		      uint64_t seq, enum reduction reduction, struct buf *out)
{
	buf_lit(out, "{\"");
	buf_puts(out, str_of(event_kind_name(event->kind)));
	buf_lit(out, "\":{");
	put_body(settings, event, reduction, out);
	buf_putc(out, '}');
	if (settings->node_name.n)
		json_field_string(out, "node_name", settings->node_name);
	json_field_time(out, "time", event->time_wall_ns);
	if (settings->cluster_name.n)
		json_field_string(out, "cluster_name", settings->cluster_name);
	encode_weir(settings, event, seq, reduction, out);
	buf_putc(out, '}');
}

void encode_json(const struct encode_settings *settings, const struct event *event, uint64_t seq,
		 struct buf *out)
{
	size_t start = out->len;

	if (!buf_ok(out))
		return;
	put_event(settings, event, seq, REDUCED_NOTHING, out);
	for (int reduction = REDUCED_KIN; reduction < REDUCTIONS; reduction++) {
		if (likely(buf_ok(out)) || !event->process)
			return;
		out->len = start;
		out->overflow = false;
		put_event(settings, event, seq, (enum reduction)reduction, out);
	}
}
