"""Twenty processes in a row are given one and the same pid. Each event names its own process: each
image has an exec_id of its own, and each exit is that of the exec before it."""

import harness
from harness import act, equal

TIMES = 20


def scenario(bench):
    weir = bench.weir()
    word = harness.marker("again")
    done = harness.run([act("pid_reuse"), act("noop"), word, str(TIMES)])
    harness.require(b"clone3" not in done.err, f"this kernel gives no chosen pid: {done.err}")
    equal(done.status, 0, f"status of pid_reuse {done.err}")
    pid = int(done.out)
    weir.settle()
    mine = [e for e in weir.session()
            if e.pid == pid and e.process.get("arguments", "").startswith(word)]
    equal([(e.kind, e.process["arguments"]) for e in mine],
          [pair for i in range(TIMES)
           for pair in (("process_exec", f"{word}-{i}"), ("process_exit", f"{word}-{i}"))],
          "events of that pid")
    for start, end in zip(mine[::2], mine[1::2]):
        equal(end.process["exec_id"], start.process["exec_id"], "the exit belongs to the exec")
    equal(len({e.process["exec_id"] for e in mine}), TIMES, "different exec_ids")
    weir.stop()


harness.main(scenario)
