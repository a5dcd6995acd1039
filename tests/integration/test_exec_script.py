"""A script with an interpreter line is executed, by absolute path, by relative path, and through a
symbolic link. `binary` is the script as it was called, made absolute; the arguments are those of
the script; weir says beside it which file really runs."""

import os

import harness
from harness import equal


def scenario(bench):
    weir = bench.weir()
    script = bench.path("greet.sh")
    script.write_text("#!/bin/sh -e\nexit 4\n")
    script.chmod(0o755)
    link = bench.path("link.sh")
    link.symlink_to(script)
    shell = os.path.realpath("/bin/sh")
    word = harness.marker()
    for called, binary in ((str(script), str(script)), ("./greet.sh", str(script)),
                           (str(link), str(link))):
        done = harness.run([called, word, "x y"], cwd=bench.directory)
        equal(done.status, 4, "status of the script")
        event = weir.exec_of(done.pid, word)
        equal(event.process["binary"], binary, f"binary of {called}")
        harness.check(event.process["arguments"].endswith(f'{word} "x y"'),
                      f"arguments of {called}: {event.process['arguments']}")
        equal(event.weir["exe"], shell, f"the file that runs for {called}")
        harness.fields(weir.exit_of(event).body, {"status": 4}, "exit of the script")
    weir.stop()


harness.main(scenario)
