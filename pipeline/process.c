#include "pipeline/process.h"

#include "base/utf8.h"
#include "pipeline/process_text.h"

#include <stdlib.h>

/* Far above what the sensor's own bounds on arguments and environment let through, joined line and
 * replacements included; an exec past it is treated as one for which there is no memory. */
#define IMAGE_TEXT_MAX_BYTES (4u * 1024 * 1024)
/* What most images' text fits into; it is made on the stack, and copied once. */
#define IMAGE_TEXT_USUAL_BYTES 4096u

/* An image in the making: its text is in one buffer that may move, so fields are kept by offset. */
struct builder {
	struct buf text;
	struct {
		struct redacted *field;
		size_t at;
	} parts[9];
	size_t parts_count;
};

/* Enters what a redaction_*() call gave, which is in builder->text or, when the field was masked,
 * may be anywhere. */
static void builder_add(struct builder *builder, struct redacted *field, struct redacted value)
{
	struct buf *text = &builder->text;
	size_t at = text->len;

	if (value.text.n && value.text.p >= text->p && value.text.p < text->p + text->len)
		at = (size_t)(value.text.p - text->p);
	else
		buf_puts(text, value.text);
	*field = value;
	builder->parts[builder->parts_count].field = field;
	builder->parts[builder->parts_count++].at = at;
}

/* The line takes the place of the list: it says the same. */
static void join_in_place(struct builder *builder, struct image *image)
{
	size_t list_at = builder->parts[--builder->parts_count].at;
	char *list = builder->text.p + list_at;
	struct redacted joined = image->argv;

	image->argv.text = STR("");
	/* Made of redacted text alone, so it is redacted. */
	joined.text = arguments_join_in_place((struct str){ list, joined.text.n }, list);
	builder_add(builder, &image->arguments, joined);
}

static void join_beside(struct builder *builder, struct image *image)
{
	size_t list_at = builder->parts[builder->parts_count - 1].at;
	struct redacted joined = image->argv;
	size_t start = builder->text.len;

	/* What is joined lies in the buffer that is written to: room first, so that it stays where
	 * it is. Joining adds at most a space and two quotes to an element. */
	if (!buf_reserve(&builder->text, image->argv.text.n * 3 + 3))
		return;
	arguments_join((struct str){ builder->text.p + list_at, image->argv.text.n },
		       &builder->text);
	/* As above. */
	joined.text = (struct str){ builder->text.p + start, builder->text.len - start };
	builder_add(builder, &image->arguments, joined);
}

static uint32_t defect_unless_utf8(struct redacted value, enum text_defect defect)
{
	return utf8_is_valid(value.text) ? 0 : (uint32_t)defect;
}

/* Follows the list right after it was added. */
static void add_joined(struct builder *builder, struct image *image)
{
	image->text_defects |= defect_unless_utf8(image->argv, TEXT_DEFECT_ARGV);
	if (arguments_are_lossy(image->argv.text, image->binary.text))
		image->text_defects |= TEXT_DEFECT_ARGUMENTS_LOSSY;
	if (image->text_defects || !buf_ok(&builder->text))
		join_beside(builder, image);
	else
		join_in_place(builder, image);
}

/* The program's path as it was asked for; the resolved one when that could not be read. */
static struct str raw_binary(const struct process_draft *draft, struct buf *mem)
{
	if (!draft->filename.n)
		return draft->exe;
	if (*draft->filename.p == '/')
		return draft->filename;
	path_absolute(draft->cwd, draft->filename, mem);
	return buf_str(mem);
}

static void redact_text(struct builder *builder, struct image *image,
			const struct process_draft *draft, struct str binary,
			struct redaction *redaction)
{
	struct redaction_outcome *outcome = &image->redaction;
	struct buf *text = &builder->text;

	builder_add(builder, &image->binary,
		    redaction_text(redaction, binary, binary, text, outcome));
	builder_add(builder, &image->cwd,
		    redaction_text(redaction, binary, draft->cwd, text, outcome));
	builder_add(builder, &image->argv,
		    redaction_arguments(redaction, binary, draft->args, text, outcome));
	add_joined(builder, image);
	builder_add(builder, &image->environment,
		    redaction_environment(redaction, binary, draft->env, text, outcome));
	builder_add(builder, &image->user_name, redaction_exempt(draft->user_name, text));
	builder_add(builder, &image->container_id, redaction_exempt(draft->container_id, text));
	/* Whoever may make a cgroup chooses its name. */
	builder_add(builder, &image->cgroup,
		    redaction_text(redaction, binary, draft->cgroup, text, outcome));
	if (!str_equal(draft->exe, binary))
		builder_add(builder, &image->exe,
			    redaction_text(redaction, binary, draft->exe, text, outcome));
}

static void copy_facts(struct image *image, const struct process_draft *draft)
{
	image->creds = draft->creds;
	image->ns = draft->ns;
	image->cgroup_id = draft->cgroup_id;
	image->exe_ino = draft->exe_ino;
	image->exe_dev = draft->exe_dev;
	image->exe_nlink = draft->exe_nlink;
	image->exe_mode = draft->exe_mode;
	image->auid = draft->auid;
	image->session_id = draft->session_id;
	image->privileges = draft->privileges;
	image->args_total = draft->args_total;
	image->truncated = draft->truncated;
}

static uint32_t find_defects(const struct image *image)
{
	return defect_unless_utf8(image->binary, TEXT_DEFECT_BINARY) |
	       defect_unless_utf8(image->exe, TEXT_DEFECT_EXE) |
	       defect_unless_utf8(image->cwd, TEXT_DEFECT_CWD) |
	       defect_unless_utf8(image->environment, TEXT_DEFECT_ENVIRONMENT) |
	       defect_unless_utf8(image->cgroup, TEXT_DEFECT_CGROUP);
}

/* Moves what was built into the one block in which it stays. */
static struct image *builder_finish(struct builder *builder, const struct image *draft)
{
	struct image *image;
	char *text;

	if (!buf_ok(&builder->text))
		return NULL;
	image = malloc(sizeof(*image) + builder->text.len);
	if (!image)
		return NULL;
	text = (char *)(image + 1);
	if (builder->text.len)
		memcpy(text, builder->text.p, builder->text.len);
	for (size_t i = 0; i < builder->parts_count; i++)
		builder->parts[i].field->text.p = text + builder->parts[i].at;
	*image = *draft;
	image->refs = 1;
	image->alloc_bytes = (uint32_t)(sizeof(*image) + builder->text.len);
	return image;
}

/* In this buffer; NULL when it is too small, or out of memory. */
static struct image *image_build(struct buf text, const struct process_draft *draft,
				 struct str binary, struct redaction *redaction)
{
	struct builder builder = { .text = text };
	struct image made = { 0 }, *image;

	copy_facts(&made, draft);
	redact_text(&builder, &made, draft, binary, redaction);
	image = builder_finish(&builder, &made);
	if (image) {
		if (str_equal(draft->exe, binary))
			image->exe = image->binary;
		image->text_defects |= find_defects(image);
	}
	buf_free(&builder.text);
	return image;
}

/* What the text takes when nothing is replaced, and the argument list is there twice. */
static size_t usual_bytes(const struct process_draft *draft, struct str binary)
{
	return binary.n + draft->exe.n + draft->cwd.n + draft->args.n * 4 + draft->env.n +
	       draft->cgroup.n + 256;
}

struct image *image_create(const struct process_draft *draft, struct redaction *redaction)
{
	struct buf path = buf_growable(IMAGE_TEXT_MAX_BYTES);
	struct str binary = raw_binary(draft, &path);
	size_t bytes = usual_bytes(draft, binary);
	char usual[IMAGE_TEXT_USUAL_BYTES];
	struct image *image = NULL;
	struct buf text = buf_growable(IMAGE_TEXT_MAX_BYTES);

	if (buf_ok(&path) && bytes <= sizeof(usual))
		image = image_build(buf_fixed(usual, sizeof(usual)), draft, binary, redaction);
	/* Room for all of it as it comes, so that the buffer seldom grows. */
	if (!image && buf_ok(&path) && buf_reserve(&text, bytes))
		image = image_build(text, draft, binary, redaction);
	buf_free(&path);
	return image;
}

static bool is_same_text(struct redacted a, struct redacted b)
{
	return str_equal(a.text, b.text);
}

/* From creds to text_defects there is no gap. */
static bool has_same_facts(const struct image *a, const struct image *b)
{
	size_t from = offsetof(struct image, creds);
	size_t to = offsetof(struct image, text_defects) + sizeof(a->text_defects);

	_Static_assert(offsetof(struct image, text_defects) + sizeof(uint32_t) -
				       offsetof(struct image, creds) ==
			       sizeof(a->creds) + sizeof(a->ns) + sizeof(a->redaction) +
				       2 * sizeof(uint64_t) + 9 * sizeof(uint32_t),
		       "compared as bytes");
	return memcmp((const char *)a + from, (const char *)b + from, to - from) == 0;
}

bool image_is_equal(const struct image *a, const struct image *b)
{
	return has_same_facts(a, b) && is_same_text(a->binary, b->binary) &&
	       is_same_text(a->exe, b->exe) && is_same_text(a->cwd, b->cwd) &&
	       is_same_text(a->argv, b->argv) && is_same_text(a->arguments, b->arguments) &&
	       is_same_text(a->environment, b->environment) &&
	       is_same_text(a->user_name, b->user_name) &&
	       is_same_text(a->container_id, b->container_id) && is_same_text(a->cgroup, b->cgroup);
}

void image_ref(struct image *image)
{
	image->refs++;
}

uint64_t image_bytes(const struct image *image)
{
	return (uint64_t)image->alloc_bytes + image->json.n;
}

void image_adopt(struct image *image, struct memory_account *account)
{
	if (image->account)
		return;
	image->account = account;
	account->bytes += image_bytes(image);
	account->images++;
}

void image_unref(struct image **image)
{
	struct image *gone = *image;

	*image = NULL;
	if (!gone || --gone->refs)
		return;
	fragment_drop(&gone->json, gone->account);
	if (gone->account) {
		gone->account->bytes -= gone->alloc_bytes;
		gone->account->images--;
	}
	free(gone);
}

void fragment_keep(struct fragment *fragment, const char *bytes, size_t n,
		   struct memory_account *account)
{
	bool is_second = fragment->wanted;

	fragment_drop(fragment, account);
	fragment->wanted = true;
	if (!is_second)
		return;
	fragment->p = malloc(n);
	if (!fragment->p)
		return;
	memcpy(fragment->p, bytes, n);
	fragment->n = (uint32_t)n;
	if (account)
		account->bytes += n;
}

void fragment_drop(struct fragment *fragment, struct memory_account *account)
{
	if (account)
		account->bytes -= fragment->n;
	free(fragment->p);
	*fragment = (struct fragment){ 0 };
}

void process_forget_encoding(struct process *process)
{
	fragment_drop(&process->json, process->account);
	if (process->image && process->image->refs == 1)
		fragment_drop(&process->image->json, process->image->account);
}
