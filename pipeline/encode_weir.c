#include "pipeline/encode_weir.h"

#include "base/json_write.h"
#include "base/utf8.h"
#include "pipeline/process_text.h"

#define SESSION_UNSET UINT32_MAX

static void encode_argv(struct str list, struct buf *out)
{
	struct str element;

	json_key(out, "argv");
	buf_putc(out, '[');
	while (list_take(&list, &element)) {
		json_comma(out);
		json_quoted(out, element);
	}
	buf_putc(out, ']');
}

static void encode_base64(const char *name, struct str bytes, struct buf *out)
{
	json_key(out, name);
	buf_putc(out, '"');
	json_base64(out, bytes);
	buf_putc(out, '"');
}

/* The elements that are not valid UTF-8, by their place in the list. */
static void encode_raw_list(const char *name, struct str list, struct buf *out)
{
	struct str element;

	json_key(out, name);
	buf_putc(out, '{');
	for (uint64_t i = 0; list_take(&list, &element); i++) {
		char place[24];
		struct buf text = buf_fixed(place, sizeof(place) - 1);

		if (utf8_is_valid(element))
			continue;
		buf_u64(&text, i);
		place[text.len] = '\0';
		encode_base64(place, element, out);
	}
	buf_putc(out, '}');
}

/* The bytes behind each string in which U+FFFD stands for some of them. They are redacted. */
static void encode_raw(const struct image *image, struct buf *out)
{
	uint32_t defects = image->text_defects;

	if (!(defects & ~(uint32_t)TEXT_DEFECT_ARGUMENTS_LOSSY))
		return;
	json_key(out, "raw");
	buf_putc(out, '{');
	if (defects & TEXT_DEFECT_BINARY)
		encode_base64("binary", image->binary.text, out);
	if (defects & TEXT_DEFECT_EXE)
		encode_base64("exe", image->exe.text, out);
	if (defects & TEXT_DEFECT_CWD)
		encode_base64("cwd", image->cwd.text, out);
	if (defects & TEXT_DEFECT_ARGV)
		encode_raw_list("argv", image->argv.text, out);
	if (defects & TEXT_DEFECT_ENVIRONMENT)
		encode_raw_list("environment", image->environment.text, out);
	if (defects & TEXT_DEFECT_CGROUP)
		encode_base64("cgroup", image->cgroup.text, out);
	buf_putc(out, '}');
}

static void encode_redacted(const struct redaction_outcome *outcome, struct buf *out)
{
	if (!outcome->replaced && !outcome->failed)
		return;
	json_key(out, "redacted");
	buf_putc(out, '{');
	if (outcome->replaced)
		json_field_u64(out, "replaced", outcome->replaced);
	if (outcome->failed)
		json_field_u64(out, "masked", outcome->failed);
	buf_putc(out, '}');
}

static void encode_exec(const struct process *process, enum reduction reduction, struct buf *out)
{
	const struct image *image = process->image;
	uint32_t listed = TEXT_DEFECT_ARGUMENTS_LOSSY | TEXT_DEFECT_ARGV;

	if (image->text_defects & listed && reduction == REDUCED_NOTHING)
		encode_argv(image->argv.text, out);
	if (process->flags & PROCESS_TRUNC_ARGS)
		json_field_u64(out, "argv_total_bytes", image->args_total);
	if (image->exe.text.n && !str_equal(image->exe.text, image->binary.text))
		json_field_string(out, "exe", image->exe.text);
	if (image->cgroup.text.n)
		json_field_string(out, "cgroup", image->cgroup.text);
	if (image->cgroup_id)
		json_field_u64_string(out, "cgroup_id", image->cgroup_id);
	if (process->nspid && process->nspid != process->key.pid)
		json_field_u64(out, "nspid", process->nspid);
	if (image->session_id != SESSION_UNSET)
		json_field_u64(out, "session_id", image->session_id);
	encode_redacted(&image->redaction, out);
	if (reduction == REDUCED_NOTHING)
		encode_raw(image, out);
}

static void encode_defect(bool present, const char *name, struct buf *out)
{
	if (!present)
		return;
	json_comma(out);
	json_quoted(out, str_of(name));
}

/* What is missing in the event and why. */
static void encode_defects(const struct event *event, enum reduction reduction, struct buf *out)
{
	const struct process *process = event->process;
	bool is_orphan = process->image && !event->parent && process->parent_key.pid;
	uint32_t truncated =
		event->kind == KIND_PROCESS_EXEC && process->image ? process->image->truncated : 0;

	if (process->image && !is_orphan && !truncated && reduction == REDUCED_NOTHING)
		return;
	json_key(out, "defects");
	buf_putc(out, '[');
	encode_defect(!process->image, "process_unknown", out);
	encode_defect(is_orphan, "parent_unknown", out);
	encode_defect(reduction != REDUCED_NOTHING, "reduced", out);
	encode_defect(truncated & TRUNCATED_FILENAME, "binary_truncated", out);
	encode_defect(truncated & TRUNCATED_EXE, "exe_truncated", out);
	encode_defect(truncated & TRUNCATED_CWD, "cwd_truncated", out);
	encode_defect(truncated & TRUNCATED_ENVIRONMENT, "environment_truncated", out);
	buf_putc(out, ']');
}

/* By what consumers know the event again. */
static void encode_identity(const struct event *event, uint64_t seq, struct buf *out)
{
	if (unlikely(event->kind == KIND_WEIR_LOSS && event->loss.notice_id.n)) {
		buf_lit(out, "\"id\":\"");
		buf_puts(out, event->loss.notice_id);
	} else {
		buf_lit(out, "\"seq\":\"");
		buf_u64(out, seq);
	}
	buf_lit(out, "\",\"boot_id\":\"");
}

void encode_weir(const struct encode_settings *settings, const struct event *event, uint64_t seq,
		 enum reduction reduction, struct buf *out)
{
	buf_lit(out, ",\"weir\":{");
	encode_identity(event, seq, out);
	buf_puts(out, settings->boot_id);
	buf_putc(out, '"');
	if (event->process) {
		if (event->kind == KIND_PROCESS_EXEC && event->process->image)
			encode_exec(event->process, reduction, out);
		if (event->kind == KIND_PROCESS_EXIT && event->exit_code & 0x80)
			json_field_bool(out, "core_dumped", true);
		encode_defects(event, reduction, out);
	}
	buf_putc(out, '}');
}
