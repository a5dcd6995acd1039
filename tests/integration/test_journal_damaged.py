"""Between two runs the journal is damaged as disks and people damage it: a byte in the middle flips,
the tail is torn off, a whole segment is deleted. Weir starts again each time. A new output that reads
from the oldest event on gets every record that is whole, never a wrong one, and a weir_loss that
names by sequence number what is gone."""

import harness
from harness import act, check, equal


def first_run(bench, name):
    """A journal of several segments; returns the weir and its events."""
    weir = bench.weir({"journal": {"segment_bytes": "1MiB", "max_bytes": "64MiB"}}, name=name)
    word = harness.marker()
    for i in range(300):
        harness.run_ok([act("noop"), f"{word}-{i}", "x" * 4000])
    weir.settle()
    weir.stop()
    return weir, {e.seq: e.line for e in weir.session()}


def segments(weir):
    return sorted((p for p in weir.journal.iterdir() if p.stat().st_size > 100_000),
                  key=lambda path: path.name)


def second_run(weir, written):
    """With a new output that reads it all."""
    path = weir.out / "second.json"
    weir.write_config({**weir.config, "outputs": weir.config["outputs"] + [
        {"name": "second", "type": "file", "path": str(path)}]})
    weir.start()
    have = harness.EventFile(path)
    mark = weir.session()[-1].id
    harness.wait_until(lambda: any(e.id == mark for e in have.poll()), "the second output")
    last = max(written)
    losses = [e for e in have.events if e.kind == "weir_loss"
              and e.body["cause"] in ("journal_damaged", "journal_full")]
    events = [e for e in have.events if not e.is_notice]
    for event in events:
        check(written.get(event.seq, event.line) == event.line or event.seq > last,
              f"record {event.seq} is not what was written")
    missing = set(written) - {e.seq for e in events}
    told = {n for e in losses for n in range(int(e.body["first_seq"]), int(e.body["last_seq"]) + 1)}
    equal(missing - told, set(), "missing, and not told")
    weir.damaged = True
    weir.stop()
    return missing, told


def flipped(bench):
    weir, written = first_run(bench, "flipped")
    path = segments(weir)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    missing, _ = second_run(weir, written)
    check(0 < len(missing) < len(written) // 2, f"a flipped bit costs little: {len(missing)}")


def torn(bench):
    weir, written = first_run(bench, "torn")
    newest = max(weir.journal.glob("*.weir"), key=lambda path: path.name)
    with open(newest, "r+b") as file:
        file.truncate(max(0, newest.stat().st_size - 3000))
    missing, _ = second_run(weir, written)
    check(missing, "a torn tail costs its last records")
    equal(missing, set(range(min(missing), max(written) + 1)), "and only those at the end")


def deleted(bench):
    weir, written = first_run(bench, "deleted")
    found = segments(weir)
    check(len(found) >= 2, f"several segments: {found}")
    found[len(found) // 2 if len(found) > 2 else 0].unlink()
    missing, told = second_run(weir, written)
    check(missing and missing <= told, "a missing segment is told whole")


harness.main(flipped, torn, deleted)
