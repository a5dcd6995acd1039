"""The collector is killed with SIGKILL while events flow, and started again. The forwarder of the
first one delivers what was journaled and ends by itself. The journal goes on: numbers grow, none is
given twice, what came before is still there, and what happened in between is not invented."""

import os

import harness
from harness import act, check, equal


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def scenario(bench):
    weir = bench.weir()
    first = harness.marker("first")
    for i in range(50):
        harness.run_ok([act("noop"), f"{first}-{i}"])
    weir.settle()
    forwarder = weir.forwarder_pid()
    weir.kill()
    harness.wait_until(lambda: is_gone(forwarder), "the forwarder to end by itself")
    before = list(weir.events())
    seen = [e for e in before if e.process.get("arguments", "").startswith(first)
            and e.kind == "process_exec"]
    equal(len(seen), 50, "execs before the kill")

    unseen = harness.marker("unseen")
    harness.run_ok([act("noop"), unseen])
    weir.start()
    second = harness.marker("second")
    weir.exec_of(harness.run_ok([act("noop"), second]).pid, second)
    weir.stop()

    ids = {}
    for event in weir.events():
        check(ids.setdefault(event.id, event.line) == event.line,
              f"two different events have the id {event.id}")
    check(min(e.seq for e in weir.session() if e.id not in {b.id for b in before})
          > max(e.seq for e in before), "numbers go on where they were")
    equal([e for e in weir.events() if unseen in e.process.get("arguments", "")], [],
          "what happened while weir was down")
    equal(weir.verb("verify", "--journal", weir.journal).status, 0, "weir verify")


harness.main(scenario)
