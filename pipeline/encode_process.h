/* pipeline/encode_process.h: the members of Tetragon's Process object, in three parts by what
 * decides them, so that each part can be kept as a fragment. Braces are the caller's; each part
 * puts a comma before its members unless they are the first after a brace. */
#pragma once

#include "pipeline/encode_json.h"

/* Parts of the object that the configuration can leave out, as bits. */
enum process_detail {
	PROCESS_DETAIL_CREDENTIALS = 1u << 0, /* cap, process_credentials */
	PROCESS_DETAIL_NAMESPACES = 1u << 1,  /* ns */
	PROCESS_DETAIL_BINARY = 1u << 2,      /* binary_properties: of a process_exec only */
};

/* exec_id, pid, flags, start_time, parent_exec_id, in_init_tree; of a process that is not known,
 * pid, flags and start_time. */
void encode_own_members(const struct encode_settings *settings, const struct process *process,
			struct buf *out);
/* What all processes of the image share. */
void encode_image_members(const struct image *image, struct buf *out);
/* Of these, the ones that a process can't make long: for an event that would be too large. */
void encode_image_brief(const struct image *image, struct buf *out);
void encode_details(const struct encode_settings *settings, const struct image *image,
		    uint32_t details, struct buf *out);
