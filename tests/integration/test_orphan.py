"""A parent forks and ends; only then does the child execute something, and ends too. The child's
events still name the parent that forked it, although that is gone and the kernel has put another in
its place."""

import harness
from harness import act, equal


def scenario(bench):
    weir = bench.weir()
    word = harness.marker()
    done = harness.run_ok([act("orphan"), act("noop"), word])
    child = int(done.out)
    weir.settle()
    parent = weir.find("process_exec", lambda e: e.pid == done.pid
                       and e.process["binary"] == act("orphan"))[0]
    parent_end = weir.exit_of(parent)
    event = weir.find("process_exec", lambda e: e.pid == child
                      and e.process["binary"] == act("noop"))[0]
    end = weir.exit_of(event)
    harness.check(parent_end.seq < event.seq, "the parent ended before the child's exec")
    for seen in (event, end):
        equal(seen.parent["exec_id"], parent.process["exec_id"], f"parent of the {seen.kind}")
        equal(seen.parent["binary"], act("orphan"), "the parent's binary")
        equal(seen.parent["arguments"], f"{act('noop')} {word}", "the parent's arguments")
        equal(seen.process["parent_exec_id"], parent.process["exec_id"], "parent_exec_id")
    equal(event.process["flags"].split()[0], "execve", "flags")
    weir.stop()


harness.main(scenario)
