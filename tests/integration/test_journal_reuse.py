"""The journal is at its limit and goes round several times: each new segment is made of the oldest
one's file, while an output delivers behind it and `weir events -f` follows. Both get every event once
and in order, the directory stays within its limit, and `weir verify --key` is content while weir
writes and afterwards. Then weir is killed with older bytes behind its newest events, and the next
start misses nothing of what had been written."""

import subprocess

import harness
from harness import act, check, equal

PADDING = "p" * 8000
LIMIT = 4 << 20
EDGE = b"\xffNBEDG\x00\n"


def export_key(weir):
    weir.journal.mkdir()
    done = weir.verb("verify", "--export-key", "--journal", weir.journal)
    equal(done.status, 0, f"weir verify --export-key: {done.err.decode()}")
    path = weir.out / "key"
    path.write_bytes(done.out)
    return path


def expect_sound(weir, key):
    done = weir.verb("verify", "--journal", weir.journal, "--key", key)
    equal(done.status, 0, f"weir verify: {done.out.decode()}{done.err.decode()}")


class Files:
    """Which segments were seen to be in a file of an older one: with an edge, and more behind it."""

    def __init__(self, journal):
        self.journal, self.reused = journal, set()

    def look(self):
        sizes = {}
        for path in self.journal.glob("*.weir"):
            try:
                sizes[path] = path.stat().st_size
            except FileNotFoundError:
                continue
        # A file that was renamed while we looked counts twice, so there is one to spare.
        check(sum(sizes.values()) <= LIMIT + (1 << 20), f"in the journal: {sizes}")
        newest = max(sizes)
        edge = newest.read_bytes().rfind(EDGE)
        if 0 <= edge < sizes[newest] - len(PADDING):
            self.reused.add(newest.name)
        return len(self.reused)


def go_round(weir, files, times):
    goal = len(files.reused) + times

    def reached():
        weir.alive()
        for _ in range(20):
            harness.run_ok([act("noop"), "round", PADDING])
        return files.look() >= goal
    harness.wait_until(reached, "segments to be made of older ones", 90)


def follow(bench, weir):
    path = bench.path("followed")
    child = subprocess.Popen([str(harness.BINARY), "events", "-f", "--format", "json", "--journal",
                              str(weir.journal)], stdout=open(path, "wb"))
    bench.on_exit(child.kill)

    def seen():
        harness.run_ok([act("noop"), "before"])
        return path.stat().st_size
    harness.wait_until(seen, "weir events -f to follow")
    return path


def expect_followed(path, events):
    """What it shows is what the output got, from its first line on."""
    expected = [e.line for e in events]

    def whole():
        return path.read_bytes().split(b"\n")[:-1]
    harness.wait_until(lambda: expected[-1] in whole(), "weir events -f to catch up")
    lines = whole()
    first = expected.index(lines[0])
    equal(lines[:len(expected) - first], expected[first:], "what weir events -f shows")


def scenario(bench):
    weir = bench.weir({"journal": {"max_bytes": "4MiB", "segment_bytes": "1MiB"}}, start=False)
    key = export_key(weir)
    weir.start()
    followed = follow(bench, weir)
    files = Files(weir.journal)
    go_round(weir, files, 8)
    expect_sound(weir, key)
    weir.settle()
    expect_followed(followed, weir.session())
    check(not (weir.journal / "spare").exists(), "no file is left between two segments")
    equal(int(weir.output_status()["missed"]), 0, "missed by the output")

    weir.kill()
    expect_sound(weir, key)
    weir.start()
    go_round(weir, files, 2)
    weir.settle()
    weir.stop()
    expect_sound(weir, key)
    damaged = [e for e in weir.events() if e.kind == "weir_loss"
               and e.body["cause"] in ("journal_damaged", "journal_full")]
    equal(damaged, [], "losses of the journal")


harness.main(scenario)
