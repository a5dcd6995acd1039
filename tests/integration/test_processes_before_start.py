"""Processes run before weir starts: one with arguments, one in the root, one whose binary was
deleted, and the test itself. Each is listed once with the flag procFS, with what /proc says of it;
a child that one of them starts later has it as its parent, by the same exec_id; and the exit of one
belongs to what was listed."""

import os

import harness
from harness import act, equal, exec_id_parts, fields


def scenario(bench):
    doomed = bench.copy_act("hold", "doomed")
    word = harness.marker("before")
    with harness.Held([act("hold"), word, "a b", ""], cwd=bench.directory) as plain, \
            harness.Held([act("hold"), word], cwd="/") as at_root, \
            harness.Held([doomed, word]) as nameless:
        os.unlink(doomed)
        weir = bench.weir()
        events = {}
        for pid in (plain.pid, at_root.pid, nameless.pid, os.getpid()):
            listed = weir.find("process_exec", lambda e: e.pid == pid and
                               "procFS" in e.process["flags"].split())
            equal(len(listed), 1, f"times that {pid} is listed")
            event = events[pid] = listed[0]
            node, start_ns, ident = exec_id_parts(event.process["exec_id"])
            equal((node, ident), (harness.NODE, pid), "exec_id")
            ticks = harness.proc_start_ticks(pid)
            harness.check(start_ns // 10_000_000 >= ticks - 1, f"start of {pid}: {start_ns}, "
                          f"{ticks} ticks in /proc")
            equal(event.process["tid"], pid, "tid")
            equal(event.process["auid"], int(open(f"/proc/{pid}/loginuid").read()), "auid")
        fields(events[plain.pid].process,
               {"binary": act("hold"), "cwd": str(bench.directory), "uid": 0, "flags": "procFS"},
               "the plain one")
        equal(harness.argv_of(events[plain.pid]),
              [act("hold").encode(), word.encode(), b"a b", b""], "its arguments")
        equal(events[plain.pid].parent["pid"], os.getpid(), "its parent")
        equal(events[at_root.pid].process["cwd"], "/", "cwd of the one in the root")
        harness.check("rootcwd" in events[at_root.pid].process["flags"].split(), "flag rootcwd")
        file = events[nameless.pid].process["binary_properties"]["file"]
        equal(file["inode"].get("links", 0), 0, "links of the deleted binary")

        child = weir.exec_of(harness.run_ok([act("noop"), word]).pid, word)
        equal(child.process["parent_exec_id"], events[os.getpid()].process["exec_id"],
              "a later child's parent")
        plain.end()
        equal(weir.exit_of(events[plain.pid]).pid, plain.pid, "exit of one that was listed")
    weir.stop()


def not_wanted(bench):
    """existing_processes: false. They are not listed, but known."""
    word = harness.marker("before")
    with harness.Held([act("hold"), word]) as held:
        weir = bench.weir({"sensor": {"existing_processes": False}})
        equal(weir.find("process_exec", lambda e: "procFS" in e.process["flags"]), [], "listed")
        held.end()
        end = weir.wait_event("process_exit", lambda e: e.pid == held.pid)
        equal(end.process["arguments"], word, "arguments of one that was not listed")
    weir.stop()


harness.main(scenario, not_wanted)
