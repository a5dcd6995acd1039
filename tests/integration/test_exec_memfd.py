"""A program is copied into a file that exists in memory only and executed from there; another is
executed by descriptor after it was deleted. Both events say that the binary has no name: its inode
has no links."""

import os

import harness
from harness import act, equal


def check_nameless(event, what):
    file = event.process["binary_properties"]["file"]
    harness.fields(file["inode"], {"number": lambda n: int(n) > 0}, what)
    equal(file["inode"].get("links", 0), 0, f"{what}: links")


def scenario(bench):
    weir = bench.weir()
    word = harness.marker()
    done = harness.run_ok([act("memfd_exec"), act("noop"), word])
    events = harness.wait_until(
        lambda: weir.find("process_exec", lambda e: e.pid == done.pid and "memfd_exec" not in
                          e.process["binary"]), "the exec from memory")
    equal(len(events), 1, "execs from memory")
    event = events[0]
    harness.check("/proc/self/fd/" in event.process["binary"]
                  or "/dev/fd/" in event.process["binary"], f"binary: {event.process['binary']}")
    check_nameless(event, "memory file")
    harness.check("memfd:payload" in event.weir["exe"], f"the file that runs: {event.weir}")
    equal(harness.argv_of(event), [act("noop").encode(), word.encode()], "arguments")

    doomed = bench.copy_act("noop", "doomed")
    fd = os.open(doomed, os.O_RDONLY)
    inode = os.stat(doomed).st_ino
    os.unlink(doomed)
    done = harness.run_ok(["doomed", word], executable=f"/proc/self/fd/{fd}", pass_fds=[fd])
    event = weir.exec_of(done.pid, word)
    check_nameless(event, "deleted file")
    equal(event.process["binary_properties"]["file"]["inode"]["number"], str(inode),
          "inode of the deleted file")
    os.close(fd)

    event = weir.exec_of(harness.run_ok([act("noop"), word]).pid, word)
    harness.check("file" not in event.process.get("binary_properties", {}),
                  "a binary with a name is nothing special")
    weir.stop()


harness.main(scenario)
