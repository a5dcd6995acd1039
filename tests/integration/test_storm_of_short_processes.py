"""Two thousand processes that execute something and two thousand that only fork live for a moment
each. Every one is there: each exec with its own argument and pid, each exit with its own status,
each fork without exec under its parent's image."""

import collections

import harness
from harness import act, equal, exec_id_parts

COUNT = 2000


def scenario(bench):
    weir = bench.weir()
    word = harness.marker("storm")
    done = harness.run_ok([act("fork_storm"), str(COUNT), act("noop"), word], timeout=90)
    lines = [line.split() for line in done.out.decode().splitlines()]
    spawned = [int(pid) for how, pid in lines if how == "exec"]
    forked = [int(pid) for how, pid in lines if how == "fork"]
    equal((len(spawned), len(forked)), (COUNT, COUNT), "what the act did")
    weir.settle()

    storm = weir.exec_of(done.pid, word)
    execs = weir.find("process_exec", lambda e: e.process.get("arguments", "").startswith(word))
    exits = weir.find("process_exit", lambda e: e.process.get("arguments", "").startswith(word))
    equal(harness.lost_total(harness.accounts_of(weir.status()["events"])), 0, "losses")
    equal([(e.pid, e.process["arguments"]) for e in execs],
          [(pid, f"{word}-{i}") for i, pid in enumerate(spawned)], "execs, in order")
    equal([e.process["exec_id"] for e in exits], [e.process["exec_id"] for e in execs],
          "exits of the same processes, in order")
    equal(len({e.process["exec_id"] for e in execs}), COUNT, "different exec_ids")
    for event in execs:
        equal(event.parent["exec_id"], storm.process["exec_id"], "parent of each")

    # Those that only forked: Tetragon shows them as clones of their parent's image.
    children = weir.find("process_exit", lambda e: e.process.get("parent_exec_id") ==
                         storm.process["exec_id"] and e.process["binary"] == act("fork_storm"))
    equal([e.pid for e in children], forked, "exits of those that only forked, in order")
    equal(collections.Counter(e.body["status"] for e in children),
          collections.Counter(i % 200 + 1 for i in range(COUNT)), "their statuses")
    for event in children[:10]:
        equal(exec_id_parts(event.process["exec_id"])[2], event.pid, "pid in exec_id")
        harness.check("clone" in event.process["flags"].split(), "flags of a fork without exec")
        equal(event.process["arguments"], storm.process["arguments"], "its image's arguments")
    weir.stop()


harness.main(scenario)
