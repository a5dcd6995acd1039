"""A process executes itself five times over. Each image has an exec_id of its own and names the one
before as its parent; there is one exit, of the last image."""

import harness
from harness import act, equal

LENGTH = 5


def scenario(bench):
    weir = bench.weir()
    done = harness.run_ok([act("exec_chain"), str(LENGTH)])
    weir.settle()
    mine = [event for event in weir.session() if event.pid == done.pid]
    images, end = mine[:-1], mine[-1]
    equal([event.kind for event in mine], ["process_exec"] * (LENGTH + 1) + ["process_exit"],
          "events of that process")
    equal([event.process["arguments"] for event in images],
          [str(n) for n in range(LENGTH, -1, -1)], "arguments in order")
    equal(len({event.process["exec_id"] for event in images}), LENGTH + 1, "different exec_ids")
    for before, event in zip(images, images[1:]):
        equal(event.process["parent_exec_id"], before.process["exec_id"], "parent_exec_id")
        equal(event.parent["exec_id"], before.process["exec_id"], "parent")
        equal(event.parent["arguments"], before.process["arguments"], "the parent's arguments")
        equal(event.process["flags"], "execve", "flags of an exec without fork")
    equal(images[0].process["flags"].split()[-1], "clone", "flags of the first")
    equal(end.process["exec_id"], images[-1].process["exec_id"], "whose exit it is")
    equal(end.parent["exec_id"], images[-2].process["exec_id"], "parent at exit")
    weir.stop()


harness.main(scenario)
