"""Some processes run when weir is stopped for a while. Its small ring fills; then those processes end,
and another starts: none of that has room. When weir goes on, it finds out: those that have ended
leave the table, and the one that was not heard of is known, marked, and has its own name when it
ends."""

import os
import signal

import harness
from harness import act, check, equal

HELD = 20
FLOOD = 300


def scenario(bench):
    weir = bench.weir({"sensor": {"ring_bytes": 65536}, "processes": {"linger": "1s"}})
    held = [bench_held(bench, harness.marker("held")) for _ in range(HELD)]
    weir.settle()
    before = weir.status()["processes"]
    os.kill(weir.process.pid, signal.SIGSTOP)
    bench.on_exit(lambda: weir.process.poll() is None and weir.process.send_signal(signal.SIGCONT))
    for _ in range(FLOOD):
        harness.run_ok([act("noop"), "y" * 1000])
    for one in held:
        equal(one.end(), 0, "exit status")
    word = harness.marker("unheard")
    unheard = bench_held(bench, word)
    weir.process.send_signal(signal.SIGCONT)

    harness.wait_until(lambda: int(weir.status()["processes"]["gone"]) >= HELD,
                       "weir to notice that they have ended")
    event = weir.exec_of(unheard.pid, word)
    flags = event.process["flags"].split()
    check("procFS" in flags and "miss" in flags and "execve" not in flags, f"marked: {flags}")
    check(int(weir.status()["processes"]["found"]) >= 1, "found")
    harness.wait_until(lambda: int(weir.status()["processes"]["entries"])
                       < int(before["entries"]) - HELD // 2, "them to leave the table")
    unheard.end()
    ended = weir.exit_of(event)
    equal(ended.process["arguments"], word, "it is known when it ends")
    ends = [e for e in weir.find("process_exit") if e.pid in {one.pid for one in held}]
    check(len(ends) < HELD, "the ends themselves were lost, most of them at least")
    after = harness.marker("after")
    weir.exec_of(harness.run_ok([act("noop"), after]).pid, after)
    weir.stop()


def bench_held(bench, word):
    one = harness.Held([act("hold"), word])
    bench.on_exit(lambda: one.child.poll() is None and one.end())
    return one


harness.main(scenario)
