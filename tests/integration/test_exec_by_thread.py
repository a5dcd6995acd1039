"""A thread that is not the leader executes another program. The kernel gives it the leader's id and
ends the others: there is one process, one exec more, one exit, and no exit for the threads that the
exec ended."""

import harness
from harness import act, equal


def scenario(bench):
    weir = bench.weir()
    word = harness.marker()
    done = harness.run_ok([act("thread_exec"), act("noop"), word])
    tid = int(done.out)
    harness.check(tid != done.pid, "another thread than the leader")
    weir.settle()
    mine = [event for event in weir.session() if event.pid == done.pid]
    equal([event.kind for event in mine], ["process_exec", "process_exec", "process_exit"],
          "events of that process")
    first, second, end = mine
    equal(first.process["binary"], act("thread_exec"), "first binary")
    equal(second.process["binary"], act("noop"), "second binary")
    equal(second.process["arguments"], word, "arguments")
    equal(second.process["tid"], done.pid, "tid after the exec is the leader's")
    equal(second.process["flags"], "execve", "no clone came before it")
    equal(second.process["parent_exec_id"], first.process["exec_id"],
          "the image before it is its parent")
    equal(end.process["exec_id"], second.process["exec_id"], "the exit is the second image's")
    weir.stop()


harness.main(scenario)
