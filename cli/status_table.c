#include "cli/status_table.h"

#include <inttypes.h>
#include <jansson.h>

static uint64_t number(const json_t *object, const char *name)
{
	json_int_t v = json_integer_value(json_object_get(object, name));

	return v > 0 ? (uint64_t)v : 0;
}

static const char *text(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name)) ?: "";
}

static void write_bytes(uint64_t bytes, struct buf *out)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double shown = (double)bytes;
	size_t unit = 0;

	while (shown >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		shown /= 1024;
		unit++;
	}
	buf_printf(out, unit ? "%.1f %s" : "%.0f %s", shown, units[unit]);
}

static void write_duration(uint64_t seconds, struct buf *out)
{
	uint64_t days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;

	if (days)
		buf_printf(out, "%" PRIu64 "d %" PRIu64 "h", days, hours);
	else if (hours)
		buf_printf(out, "%" PRIu64 "h %" PRIu64 "m", hours, minutes);
	else if (minutes)
		buf_printf(out, "%" PRIu64 "m %" PRIu64 "s", minutes, seconds % 60);
	else
		buf_printf(out, "%" PRIu64 "s", seconds);
}

static void write_head(const json_t *status, struct buf *out)
{
	const char *configuration = text(status, "configuration");
	const json_t *memory = json_object_get(status, "memory");

	buf_printf(out, "weir %s on %s, up ", text(status, "version"), text(status, "node_name"));
	write_duration(number(status, "uptime_s"), out);
	buf_printf(out, ", %s\n", *configuration ? configuration : "built-in configuration");
	buf_printf(out, "events       %" PRIu64 "/s\n", number(status, "events_per_s"));
	buf_lit(out, "memory       collector ");
	write_bytes(number(memory, "collector_bytes"), out);
	buf_lit(out, ", forwarder ");
	write_bytes(number(memory, "forwarder_bytes"), out);
	buf_printf(out, " (started %" PRIu64 " times%s)\n", number(status, "forwarder_starts"),
		   json_is_false(json_object_get(status, "forwarder_ready")) ? ", not ready" : "");
}

static void write_rooms(const json_t *status, struct buf *out)
{
	const json_t *journal = json_object_get(status, "journal");
	const json_t *processes = json_object_get(status, "processes");
	const json_t *ring = json_object_get(status, "ring");

	buf_printf(out, "journal      %" PRIu64 " to %" PRIu64 ", ", number(journal, "first_seq"),
		   number(journal, "last_seq"));
	write_bytes(number(journal, "size_bytes"), out);
	buf_printf(out, " in %" PRIu64 " segments, %" PRIu64 " write errors\n",
		   number(journal, "segments"), number(journal, "write_errors"));
	buf_printf(out, "processes    %" PRIu64 " in ", number(processes, "entries"));
	write_bytes(number(processes, "bytes"), out);
	buf_printf(out, ", %" PRIu64 " evicted, %" PRIu64 " lookups missed\n",
		   number(processes, "evictions"), number(processes, "lookups_missed"));
	buf_lit(out, "ring         ");
	write_bytes(number(ring, "used_max_bytes"), out);
	buf_lit(out, " of ");
	write_bytes(number(ring, "size_bytes"), out);
	buf_lit(out, " used at most\n");
}

static uint64_t sum(const json_t *object)
{
	uint64_t total = 0;
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value) total += number(object, name);
	return total;
}

/* "ring_full 12, rate_limit 3" */
static void write_causes(const json_t *lost, struct buf *out)
{
	const char *cause, *comma = "  ";
	json_t *value;

	json_object_foreach((json_t *)lost, cause, value)
	{
		if (!number(lost, cause))
			continue;
		buf_printf(out, "%s%s %" PRIu64, comma, cause, number(lost, cause));
		comma = ", ";
	}
}

static void write_events(const json_t *events, struct buf *out)
{
	const char *kind;
	json_t *counts;

	buf_printf(out, "\n%-18s %12s %12s %12s %12s %10s\n", "EVENT", "CAPTURED", "JOURNALED",
		   "FILTERED", "LIMITED", "LOST");
	json_object_foreach((json_t *)events, kind, counts)
	{
		const json_t *lost = json_object_get(counts, "lost");

		buf_printf(out,
			   "%-18s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64
			   " %10" PRIu64,
			   kind, number(counts, "captured"), number(counts, "journaled"),
			   number(counts, "filtered"), number(counts, "limited"), sum(lost));
		write_causes(lost, out);
		buf_putc(out, '\n');
	}
}

/* Right-aligned, as the columns are. */
static void write_cell(void (*write)(uint64_t v, struct buf *out), uint64_t v, int width,
		       struct buf *out)
{
	char text[32];
	struct buf shown = buf_fixed(text, sizeof(text));

	write(v, &shown);
	buf_printf(out, " %*.*s", width, STR_FMT(buf_str(&shown)));
}

static void write_trouble(const json_t *output, struct buf *out)
{
	if (!*text(output, "last_error"))
		return;
	buf_printf(out, "  last error, %s: %s\n", text(output, "last_error_time"),
		   text(output, "last_error"));
	if (!*text(output, "to_do"))
		return;
	buf_lit(out, "  next attempt in ");
	write_duration(number(output, "next_attempt_s"), out);
	buf_printf(out, "; %s\n", text(output, "to_do"));
}

static void write_output(const json_t *output, struct buf *out)
{
	buf_printf(out, "%-16s %-9s %-9s %12" PRIu64 " %10" PRIu64, text(output, "name"),
		   text(output, "type"), text(output, "state"), number(output, "delivered"),
		   number(output, "pending"));
	write_cell(write_bytes, number(output, "lag_bytes"), 10, out);
	write_cell(write_duration, number(output, "lag_s"), 8, out);
	buf_printf(out,
		   " %9" PRIu64 " %3" PRIu64 "/%-3" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64
		   "\n",
		   number(output, "in_flight"), number(output, "window_used"),
		   number(output, "window"), number(output, "rejected"), number(output, "missed"),
		   number(output, "retries"));
	write_trouble(output, out);
}

static void write_outputs(const json_t *outputs, struct buf *out)
{
	json_t *output;
	size_t i;

	buf_printf(out, "\n%-16s %-9s %-9s %12s %10s %10s %8s %9s %7s %9s %8s %8s\n", "OUTPUT",
		   "TYPE", "STATE", "DELIVERED", "PENDING", "BYTES", "LAG", "IN FLIGHT", "WINDOW",
		   "REJECTED", "MISSED", "RETRIES");
	json_array_foreach(outputs, i, output) write_output(output, out);
}

bool status_write_table(struct str json, struct buf *out)
{
	json_t *status = json_loadb(json.p, json.n, 0, NULL);
	bool is_object = json_is_object(status);

	if (is_object) {
		write_head(status, out);
		write_rooms(status, out);
		write_events(json_object_get(status, "events"), out);
		write_outputs(json_object_get(status, "outputs"), out);
	}
	json_decref(status);
	return is_object;
}
