"""The process table may hold 1,024 entries and 1,500 processes live. What had to go is counted as
evicted. When they end, each exit names its own process or says that it does not know it: none has
another's arguments."""

import subprocess

import harness
from harness import act, check, equal

COUNT = 1500


def scenario(bench):
    weir = bench.weir({"processes": {"max_entries": 1024}})
    word = harness.marker("many")
    children = {}
    for i in range(COUNT):
        child = subprocess.Popen([act("hold"), f"{word}-{i}"], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL)
        bench.on_exit(child.kill)
        children[child.pid] = (child, f"{word}-{i}")
    weir.settle()
    execs = weir.find("process_exec", lambda e: e.process.get("arguments", "").startswith(word))
    equal(len(execs), COUNT, "execs")
    status = weir.status()["processes"]
    check(int(status["entries"]) <= 1024, f"the bound holds: {status}")
    check(int(status["evictions"]) > 0, f"evictions are counted: {status}")
    for child, _ in children.values():
        child.stdin.close()
    for child, _ in children.values():
        child.wait(harness.WAIT_S)
    weir.settle()
    ids = {e.process["exec_id"]: e.pid for e in execs}
    exits = [e for e in weir.find("process_exit") if e.pid in children
             and (e.process.get("exec_id") in ids or "exec_id" not in e.process)]
    equal(len(exits), COUNT, "exits")
    for event in exits:
        if "unknown" in event.process["flags"].split():
            check("arguments" not in event.process, f"what is unknown says nothing: {event}")
        else:
            equal(event.process["arguments"], children[event.pid][1], "arguments at exit")
            equal(ids[event.process["exec_id"]], event.pid, "the pid of that exec_id")
    check(any("unknown" in e.process["flags"] for e in exits), "some were evicted")
    weir.stop()


harness.main(scenario)
