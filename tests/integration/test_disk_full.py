"""The journal lies on a file system of 16 MiB that another file fills up. While it is full, weir
keeps running and holds what it can in memory; what is beyond that is counted. When the other file is
gone, weir recovers by itself: what it held comes out, a weir_loss names the rest, and the journal
verifies."""

import os

import harness
from harness import act, check, equal

SIZE = 16 << 20


def fill(path):
    """Takes all the space there is."""
    with open(path, "wb", buffering=0) as file:
        block = b"\0" * 65536
        while block:
            try:
                file.write(block)
            except OSError:
                block = block[:len(block) // 2]


def mount_small(bench):
    directory = bench.path("small")
    directory.mkdir()
    done = harness.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs",
                        str(directory)])
    harness.require(done.status == 0, f"no tmpfs can be mounted: {done.err.decode()}")
    bench.on_exit(lambda: harness.run(["umount", "-l", str(directory)]))
    return directory


def make_events(word, count):
    """A child with 30 KB of arguments each: two events of that size."""
    padding = "x" * 30_000
    for i in range(count):
        harness.run_ok([act("noop"), f"{word}-{i}", padding])


def scenario(bench):
    directory = mount_small(bench)
    weir = bench.weir({"journal": {"directory": str(directory / "journal"), "max_bytes": "8MiB",
                                   "segment_bytes": "1MiB", "memory_bytes": "2MiB",
                                   "sync_interval": "100ms"}})
    fill(directory / "ballast")
    word = harness.marker("full")
    count = 0

    def refused():
        nonlocal count
        make_events(word, 20)
        count += 20
        accounts = harness.accounts_of(weir.status()["events"])
        lost = [a["lost"].get("journal_error", 0) for a in accounts.values()]
        return sum(lost) and weir.alive()

    harness.wait_until(refused, "losses for want of space", 60)
    status = weir.status()
    check(int(status["journal"]["write_errors"]) > 0, "write errors are counted")
    check("ENOSPC" in weir.log() or "No space left" in weir.log(), "the log says why")
    check(weir.log().count("No space left") < 50, "the log does not repeat itself for ever")

    os.unlink(directory / "ballast")
    after = harness.marker("after")
    harness.wait_until(lambda: harness.run_ok([act("noop"), after]) and weir.find(
        "process_exec", lambda e: e.process.get("arguments") == after), "events after recovery")
    losses = harness.wait_until(lambda: weir.find(
        "weir_loss", lambda e: e.body["cause"] == "journal_error"), "weir_loss: journal_error")
    check(all(int(e.body["count"]) > 0 for e in losses), "counts of the losses")
    weir.damaged = True
    weir.stop()
    accounts = weir.accounts()
    said = sum(int(e.body["count"]) for e in weir.find(
        "weir_loss", lambda e: e.body["cause"] == "journal_error"))
    equal(said, sum(a["lost"].get("journal_error", 0) for a in accounts.values()),
          "reported against counted")
    arrived = harness.collections.Counter(e.kind for e in weir.session())
    dropped = int(status["journal"]["dropped_records"])
    for kind in ("process_exec", "process_exit"):
        harness.between(arrived[kind], accounts[kind]["journaled"] - dropped,
                        accounts[kind]["journaled"], f"{kind}: arrived against journaled")
    equal(weir.verb("verify", "--journal", directory / "journal").status, 0, "weir verify")


harness.main(scenario)
