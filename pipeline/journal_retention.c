#include "pipeline/journal_writer.h"

#include "pipeline/journal_directory.h"

#include <errno.h>
#include <unistd.h>

/* A segment that an output has not read goes early by at most this part of a segment. */
#define UNREAD_PART 8u

/* How many at the end of the table can't go: the one being written. */
static size_t segments_in_use(const struct journal_writer *writer)
{
	return writer->fd >= 0 ? 1 : 0;
}

static bool reader_needs(const struct journal_writer *writer, const struct journal_segment *segment)
{
	uint64_t low = atomic_load_explicit(&writer->low_cursor, memory_order_relaxed);

	return low != LOW_CURSOR_NO_READER && segment->last_seq > low &&
	       journal_segment_records(segment) > 0;
}

/* Says what readers will miss. */
static void tell_unread(struct journal_writer *writer, const struct journal_segment *segment)
{
	uint64_t low = atomic_load_explicit(&writer->low_cursor, memory_order_relaxed);
	struct journal_loss loss = { .cause = LOSS_JOURNAL_FULL, .last_seq = segment->last_seq };

	loss.first_seq = low + 1 > segment->first_seq ? low + 1 : segment->first_seq;
	loss.count = loss.last_seq - loss.first_seq + 1;
	loss.first_wall_ns = segment->created_wall_ns;
	loss.last_wall_ns = clock_wall_ns(writer->clock);
	journal_writer_tell_loss(writer, &loss);
}

/* The state goes first: a crash between leaves a file that is dropped again, not a hole that looks
 * like a removal. In place, so it works on a full disk, too. */
static void remember_oldest(struct journal_writer *writer)
{
	const struct journal_segments *segments = &writer->segments;
	struct journal_state *state = &writer->state;

	for (size_t i = 1; i < segments->n; i++) {
		if (segments->list[i].number == 0)
			continue;
		state->oldest_number = segments->list[i].number;
		state->oldest_seq = segments->list[i].first_seq;
		return;
	}
	state->oldest_number = writer->header.number;
	state->oldest_seq = segments->list[0].last_seq + 1;
}

static bool oldest_can_go(const struct journal_writer *writer)
{
	const struct journal_segments *segments = &writer->segments;

	return segments->n > segments_in_use(writer) &&
	       (writer->settings.when_full != JOURNAL_BLOCK ||
		!reader_needs(writer, &segments->list[0]));
}

static void declare_oldest_gone(struct journal_writer *writer)
{
	remember_oldest(writer);
	if (journal_writer_store_state(writer) < 0)
		writer->stats.write_errors++;
}

static bool unlink_oldest(struct journal_writer *writer)
{
	char name[JOURNAL_NAME_BYTES];

	journal_segment_name(writer->segments.list[0].first_seq, name);
	if (unlinkat(writer->directory_fd, name, 0) == 0 || errno == ENOENT)
		return true;
	writer->stats.write_errors++;
	writer->stats.last_errno = errno;
	return false;
}

static void forget_oldest(struct journal_writer *writer)
{
	const struct journal_segment oldest = writer->segments.list[0];

	journal_segments_drop_oldest(&writer->segments);
	writer->stats.dropped_records += journal_segment_records(&oldest);
	if (reader_needs(writer, &oldest))
		tell_unread(writer, &oldest);
}

bool journal_retention_drop_oldest(struct journal_writer *writer)
{
	if (!oldest_can_go(writer))
		return false;
	declare_oldest_gone(writer);
	if (!unlink_oldest(writer))
		return false;
	forget_oldest(writer);
	return true;
}

/* Would it have to go before another segment is full? What an output has not read stays for as long
 * as it can, or almost; and a small file is not worth going early. */
static bool oldest_is_due(const struct journal_writer *writer)
{
	const struct journal_segments *segments = &writer->segments;
	uint64_t left = 0, needed = writer->settings.segment_bytes;

	if (segments->bytes < writer->settings.max_bytes)
		left = writer->settings.max_bytes - segments->bytes;
	if (reader_needs(writer, &segments->list[0]))
		needed /= UNREAD_PART;
	return left < needed && segments->list[0].bytes >= writer->settings.segment_bytes / 2;
}

int journal_retention_set_aside(struct journal_writer *writer, uint64_t *bytes_r)
{
	const struct journal_segment *oldest = writer->segments.list;
	int fd;

	/* Without a sound header nobody knows what its batches say of themselves. */
	if (!oldest_can_go(writer) || !oldest_is_due(writer) || oldest->number == 0)
		return -1;
	declare_oldest_gone(writer);
	fd = journal_segment_set_aside(writer->io, writer->directory_fd, oldest->first_seq,
				       writer->settings.segment_bytes, bytes_r);
	if (fd < 0 && !unlink_oldest(writer))
		return -1;
	forget_oldest(writer);
	return fd < 0 ? -1 : fd;
}

enum retention_result journal_retention_make_room(struct journal_writer *writer, uint64_t bytes)
{
	while (writer->segments.bytes + bytes > writer->settings.max_bytes) {
		if (journal_retention_drop_oldest(writer))
			continue;
		/* With nothing left but the current segment there is no more to gain. */
		return writer->settings.when_full == JOURNAL_BLOCK ? RETENTION_BLOCKED
								   : RETENTION_ROOM;
	}
	return RETENTION_ROOM;
}

bool journal_retention_by_age(struct journal_writer *writer)
{
	const struct journal_segments *segments = &writer->segments;
	uint64_t now = clock_wall_ns(writer->clock), age = writer->settings.max_age_ns;
	bool dropped = false;

	if (age == 0)
		return false;
	while (segments->n > segments_in_use(writer) &&
	       segments->list[0].newest_wall_ns + age < now) {
		if (!journal_retention_drop_oldest(writer))
			break;
		dropped = true;
	}
	return dropped;
}
