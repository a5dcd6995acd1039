#include "pipeline/journal_writer.h"

#include "pipeline/journal_directory.h"

#include <errno.h>
#include <unistd.h>

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

bool journal_retention_drop_oldest(struct journal_writer *writer)
{
	struct journal_segments *segments = &writer->segments;
	char name[JOURNAL_NAME_BYTES];
	struct journal_segment oldest;

	if (segments->n <= segments_in_use(writer))
		return false;
	oldest = segments->list[0];
	if (reader_needs(writer, &oldest) && writer->settings.when_full == JOURNAL_BLOCK)
		return false;
	remember_oldest(writer);
	if (journal_writer_store_state(writer) < 0)
		writer->stats.write_errors++;
	journal_segment_name(oldest.first_seq, name);
	if (unlinkat(writer->directory_fd, name, 0) < 0 && errno != ENOENT) {
		writer->stats.write_errors++;
		writer->stats.last_errno = errno;
		return false;
	}
	journal_segments_drop_oldest(segments);
	writer->stats.dropped_records += journal_segment_records(&oldest);
	if (reader_needs(writer, &oldest))
		tell_unread(writer, &oldest);
	return true;
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
