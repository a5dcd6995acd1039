"""Weir starts while processes come and go as fast as they can, and while others fork and stay.
Nothing is doubled: each exec_id occurs in one process_exec. From the first process of the storm that
is seen, all that follow are, without a gap; no exit is without its process, but for those that ended
before they could be listed; and every process that stayed is known, listed or seen."""

import collections
import subprocess

import harness
from harness import act, check, equal

COUNT = 1500


def check_unknown(weir, execs):
    """A process that ran before weir may end before it was listed: its exit is told, as that of a
    process that is not known. One that was forked when the hooks were there is known."""
    seen_whole = next(e for e in execs if e.process["flags"].split()[-1] == "clone")
    unknown = [e for e in weir.find("process_exit") if "exec_id" not in e.process]
    for event in unknown:
        equal(event.process["flags"], "unknown", "what is said of it")
        check(harness.wall_seconds(event.process["start_time"])
              < harness.wall_seconds(seen_whole.process["start_time"]),
              f"{event} began before {seen_whole}")


def stop_storm(storm):
    storm.kill()
    storm.communicate()


def scenario(bench):
    weir = bench.weir(start=False)
    word = harness.marker("storm")
    held = []
    storm = subprocess.Popen([act("fork_storm"), str(COUNT), act("noop"), word],
                             stdout=subprocess.PIPE)
    bench.on_exit(lambda: stop_storm(storm))
    for _ in range(100):
        storm.stdout.readline()  # it is under way
    weir.launch()
    while not weir.find("weir_start"):
        weir.alive()
        one = harness.Held([act("hold"), f"{word}-stays"])
        bench.on_exit(one.end)
        held.append(one)
    lines = storm.stdout.read().decode().splitlines()
    storm.wait(harness.WAIT_S)
    weir.settle()
    weir.settle()

    execs = weir.find("process_exec")
    doubled = [n for n in collections.Counter(e.process["exec_id"] for e in execs).items()
               if n[1] > 1]
    equal(doubled, [], "exec_ids that occur twice")
    exits = [e for e in weir.find("process_exit") if "exec_id" in e.process]
    doubled = [n for n in collections.Counter(e.process["exec_id"] for e in exits).items()
               if n[1] > 1]
    equal(doubled, [], "exits that occur twice")

    numbers = [int(e.process["arguments"].rpartition("-")[2]) for e in execs
               if e.process.get("arguments", "").startswith(f"{word}-")
               and not e.process["arguments"].endswith("stays")]
    check(numbers and lines, "the storm was seen")
    equal(numbers, list(range(numbers[0], COUNT)), "numbers, from the first that was seen")
    known = {e.process["exec_id"] for e in execs}
    storms = [e for e in exits if e.process.get("arguments", "").startswith(f"{word}-")]
    check(all(e.process["exec_id"] in known for e in storms), "each exit has its exec")
    check_unknown(weir, execs)
    for one in held:
        mine = [e for e in execs if e.pid == one.pid and e.process.get("binary") == act("hold")]
        equal(len(mine), 1, f"process_exec of {one.pid}, which stayed: {mine}")
    weir.stop()


harness.main(scenario)
