"""Execs fail: no such file, no permission, not a program, an interpreter that is not there. What
fails gives no process_exec, and the process that tried goes on under its own image."""

import os

import harness
from harness import equal


def scenario(bench):
    weir = bench.weir()
    text = bench.path("text")
    text.write_text("not a program")
    orphaned = bench.path("orphaned")
    orphaned.write_text("#!/nonexistent/interpreter\n")
    orphaned.chmod(0o755)
    attempts = [str(bench.path("missing")), str(text), str(orphaned), str(bench.directory)]
    word = harness.marker()
    pid = os.fork()
    if not pid:
        for path in attempts:
            try:
                os.execv(path, [path, word])
            except OSError:
                continue
        os._exit(42)
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 42, "it outlived its attempts")
    weir.settle()
    equal([e for e in weir.session() if word in str(e.body)], [], "events of execs that failed")
    mine = [e for e in weir.session() if e.pid == pid]
    equal([e.kind for e in mine], ["process_exit"], "events of that process")
    equal(mine[0].body["status"], 42, "its status")
    equal(mine[0].parent["pid"], os.getpid(), "its parent")
    equal(mine[0].process["binary"], mine[0].parent["binary"], "the image it was forked with")
    weir.stop()


harness.main(scenario)
