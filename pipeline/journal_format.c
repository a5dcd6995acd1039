#include "pipeline/journal_format.h"

#include "base/crc32c.h"

#include <string.h>

static uint32_t header_crc(const struct journal_segment_header *header)
{
	const size_t from = offsetof(struct journal_segment_header, version);

	return crc32c(0, (const uint8_t *)header + from, sizeof(*header) - from);
}

void journal_header_finish(const struct journal_segment_header *header,
			   uint8_t out[JOURNAL_HEADER_BYTES])
{
	struct journal_segment_header copy = *header;

	copy.crc = header_crc(&copy);
	for (size_t i = 0; i < JOURNAL_HEADER_COPIES; i++)
		memcpy(out + i * sizeof(copy), &copy, sizeof(copy));
}

static bool header_is_sound(const struct journal_segment_header *header)
{
	return header->magic == JOURNAL_SEGMENT_MAGIC && header->version == JOURNAL_VERSION &&
	       header->crc == header_crc(header) && header->number > 0 && header->first_seq > 0 &&
	       header->first_seq < JOURNAL_SEQ_LIMIT;
}

bool journal_header_parse(const void *bytes, size_t n, struct journal_segment_header *header_r)
{
	for (size_t at = 0; at + sizeof(*header_r) <= n && at < JOURNAL_HEADER_BYTES;
	     at += sizeof(*header_r)) {
		memcpy(header_r, (const uint8_t *)bytes + at, sizeof(*header_r));
		if (header_is_sound(header_r))
			return true;
	}
	return false;
}

static uint32_t batch_header_crc(const struct journal_batch_header *header)
{
	const size_t from = offsetof(struct journal_batch_header, length);

	return crc32c(0, (const uint8_t *)header + from, sizeof(*header) - from);
}

static uint32_t record_crc(const uint8_t *record, uint32_t length)
{
	const size_t from = offsetof(struct journal_record_header, length);

	return crc32c(0, record + from, sizeof(struct journal_record_header) - from + length);
}

static uint32_t trailer_crc(uint32_t seed, const struct journal_batch_trailer *trailer)
{
	const size_t from = offsetof(struct journal_batch_trailer, length);

	return crc32c(seed, (const uint8_t *)trailer + from, sizeof(*trailer) - from);
}

static uint32_t add_crc(uint32_t seed, uint32_t crc)
{
	return crc32c(seed, &crc, sizeof(crc));
}

void journal_batch_finish(uint8_t *batch)
{
	struct journal_batch_header header;
	struct journal_record_header record;
	uint8_t *at = batch + sizeof(header);

	memcpy(&header, batch, sizeof(header));
	header.flags |= BATCH_BOUND;
	header.records_crc = 0;
	for (uint32_t i = 0; i < header.count; i++) {
		memcpy(&record, at, sizeof(record));
		record.crc = record_crc(at, record.length);
		memcpy(at, &record.crc, sizeof(record.crc));
		header.records_crc = add_crc(header.records_crc, record.crc);
		at += sizeof(record) + record.length;
	}
	header.crc = batch_header_crc(&header);
	memcpy(batch, &header, sizeof(header));
}

void journal_batch_finish_trailer(uint8_t *batch, const uint8_t tag[JOURNAL_TAG_BYTES])
{
	struct journal_batch_trailer trailer = { .magic = JOURNAL_END_MAGIC };
	struct journal_batch_header header;

	memcpy(&header, batch, sizeof(header));
	trailer.length = header.length;
	if (tag)
		memcpy(trailer.tag, tag, sizeof(trailer.tag));
	trailer.crc = trailer_crc(header.crc, &trailer);
	memcpy(batch + header.length - sizeof(trailer), &trailer, sizeof(trailer));
}

bool journal_batch_header_is_sound(const struct journal_batch_header *header, uint64_t number)
{
	return header->magic == JOURNAL_BATCH_MAGIC && header->length >= JOURNAL_BATCH_OVERHEAD &&
	       header->length <= JOURNAL_BATCH_MAX && header->number == number &&
	       header->first_seq > 0 && header->first_seq < JOURNAL_SEQ_LIMIT &&
	       header->crc == batch_header_crc(header);
}

bool journal_batch_trailer_is_sound(const struct journal_batch_trailer *trailer,
				    const struct journal_batch_header *header)
{
	return trailer->magic == JOURNAL_END_MAGIC && trailer->length == header->length &&
	       trailer->crc == trailer_crc(header->crc, trailer);
}

bool journal_batch_is_sound(const uint8_t *batch)
{
	struct journal_batch_trailer trailer;
	struct journal_batch_header header;
	struct journal_record_header record;
	size_t at = sizeof(header), end;
	uint32_t records_crc = 0;

	memcpy(&header, batch, sizeof(header));
	end = header.length - sizeof(trailer);
	memcpy(&trailer, batch + end, sizeof(trailer));
	if (!journal_batch_trailer_is_sound(&trailer, &header))
		return false;
	for (uint32_t i = 0; i < header.count; i++) {
		if (end - at < sizeof(record))
			return false;
		memcpy(&record, batch + at, sizeof(record));
		if (record.length > end - at - sizeof(record) ||
		    record.crc != record_crc(batch + at, record.length))
			return false;
		records_crc = add_crc(records_crc, record.crc);
		at += sizeof(record) + record.length;
	}
	return at == end && (!(header.flags & BATCH_BOUND) || header.records_crc == records_crc);
}

const uint8_t *journal_batch_tag(const uint8_t *batch)
{
	struct journal_batch_header header;

	memcpy(&header, batch, sizeof(header));
	return batch + header.length - JOURNAL_TAG_BYTES;
}

static uint32_t edge_crc(const struct journal_edge *edge)
{
	const size_t from = offsetof(struct journal_edge, zero);

	return crc32c(0, (const uint8_t *)edge + from, sizeof(*edge) - from);
}

void journal_edge_write(uint8_t *out, uint64_t number, uint64_t offset)
{
	struct journal_edge edge = {
		.magic = JOURNAL_EDGE_MAGIC,
		.number = number,
		.offset = offset,
	};

	edge.crc = edge_crc(&edge);
	memcpy(out, &edge, sizeof(edge));
}

bool journal_edge_is_sound(const struct journal_edge *edge, uint64_t number, uint64_t offset)
{
	return edge->magic == JOURNAL_EDGE_MAGIC && edge->number == number &&
	       edge->offset == offset && edge->crc == edge_crc(edge);
}
