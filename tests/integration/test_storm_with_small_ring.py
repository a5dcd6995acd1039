"""The ring buffer is made so small that a storm of processes with long argument lists must overrun
it, and the collector is stopped meanwhile to be sure. What did not fit is counted, by kind; a
weir_loss event says how many of what were lost, when and why; and the books balance exactly. A
process whose start was lost is not taken for another."""

import os
import signal

import harness
from harness import act, check, equal, fields

COUNT = 400


def scenario(bench):
    weir = bench.weir({"sensor": {"ring_bytes": 262144}})
    word = harness.marker("storm")
    padding = ["y" * 1000] * 8
    os.kill(weir.process.pid, signal.SIGSTOP)
    bench.on_exit(lambda: weir.process.poll() is None and weir.process.send_signal(signal.SIGCONT))
    statuses = [harness.run([act("noop"), f"{word}-{i}", *padding]).status for i in range(COUNT)]
    equal(set(statuses), {0}, "processes are not held up by a full ring")
    weir.process.send_signal(signal.SIGCONT)
    weir.settle()

    losses = harness.wait_until(lambda: weir.find("weir_loss"), "weir_loss")
    for loss in losses:
        fields(loss.body, {"cause": "ring_full", "count": lambda n: int(n) > 0}, "weir_loss")
        check(harness.wall_seconds(loss.body["first_time"])
              <= harness.wall_seconds(loss.body["last_time"]), "the span of the loss")
    accounts = harness.accounts_of(weir.status()["events"])
    harness.check_balance(accounts, "status")
    seen = weir.find("process_exec", lambda e: e.process.get("arguments", "").startswith(word))
    check(0 < len(seen) < COUNT, f"some were lost, not all: {len(seen)} of {COUNT}")
    check(accounts["process_exec"]["lost"]["ring_full"] >= COUNT - len(seen), "execs lost")
    for kind in ("process_exec", "process_exit"):
        said = sum(int(loss.body["count"]) for loss in weir.find("weir_loss")
                   if loss.body.get("kind") == kind)
        equal(said, accounts[kind]["lost"].get("ring_full", 0), f"{kind}: reported against counted")

    # An exit whose exec was lost must not carry another's arguments.
    for event in weir.find("process_exit", lambda e: e.parent.get("pid") == os.getpid()):
        if "unknown" in event.process.get("flags", "").split():
            check("binary" not in event.process, f"an unknown process has no binary: {event}")
    after = harness.marker("after")
    weir.exec_of(harness.run_ok([act("noop"), after]).pid, after)
    weir.stop()


harness.main(scenario)
