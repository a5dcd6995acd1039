"""With three ancestors asked for, a chain of four shells runs a program. Its events name the parent
and, above that, three more in order; after all those have ended too."""

import shlex

import harness
from harness import act, equal


def scenario(bench):
    weir = bench.weir({"processes": {"ancestors": 3}})
    word = harness.marker()
    command = f"{act('noop')} {word}; true"
    for level in range(4):
        command = f"/bin/sh -c {shlex.quote(command)} level{level}; true"
    done = harness.run_ok(["/bin/sh", "-c", command, "top"])
    event = weir.wait_event("process_exec", lambda e: e.process.get("arguments") == word)
    above = [event.parent, *event.body["ancestors"]]
    equal([p["binary"] for p in above], ["/bin/sh"] * 4, "binaries above")
    equal([p["arguments"].split()[-1] for p in above], ["level0", "level1", "level2", "level3"],
          "arguments above, nearest first")
    chain = [event.process, *above]
    for child, parent in zip(chain, chain[1:]):
        equal(child["parent_exec_id"], parent["exec_id"], "a chain of exec_ids")
    equal([p["exec_id"] for p in weir.exit_of(event).body["ancestors"]],
          [p["exec_id"] for p in above[1:]], "ancestors at exit")
    equal(weir.exec_of(done.pid).process["exec_id"], above[-1]["parent_exec_id"], "the top")
    weir.stop()


harness.main(scenario)
