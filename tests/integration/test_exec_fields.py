"""A process is executed with two arguments, stays alive, and ends. The test reads what /proc says
of it meanwhile: weir's process_exec and process_exit must say the same, field by field, in
Tetragon's shape, and carry nothing else."""

import os
import re
import time

import harness
from harness import ABSENT, NODE, act, equal, exactly, exec_id_parts, fields

UNSET = 4294967295


def scenario(bench):
    weir = bench.weir({"processes": {"credentials": "off", "namespaces": "off"}})
    word = harness.marker()
    before = time.time()
    with harness.Held([act("hold"), word, "two"], cwd=bench.directory) as held:
        after = time.time()
        starttime_ns = harness.proc_start_ticks(held.pid) * 10_000_000
        auid = int(open(f"/proc/{held.pid}/loginuid").read())
        event = weir.exec_of(held.pid, word)
        harness.check(not weir.find("process_exit", lambda e: e.pid == held.pid),
                      "no exit while it lives")
    exit_event = weir.exit_of(event)

    node, start_ns, pid = exec_id_parts(event.process["exec_id"])
    equal((node, pid), (NODE, held.pid), "exec_id's node and pid")
    harness.between(start_ns, starttime_ns, starttime_ns + 2_000_000_000,
                    "exec_id's time: exec, so just after the start that /proc shows")
    process = {
        "exec_id": event.process["exec_id"],
        "pid": held.pid,
        "uid": 0,
        "cwd": str(bench.directory),
        "binary": act("hold"),
        "arguments": f"{word} two",
        "flags": "execve clone",
        "start_time": lambda t: before <= harness.wall_seconds(t) <= after,
        "auid": auid,
        "parent_exec_id": event.parent["exec_id"],
        "tid": held.pid,
        "in_init_tree": False,
        "refcnt": lambda n: n >= 1,
        "user": {"name": "root"},
    }
    got = dict(event.process)
    refcnt = got.setdefault("refcnt", 1)
    harness.check(isinstance(refcnt, int), "refcnt is a number")
    exactly(got, process, "process_exec.process")
    equal(set(event.body) - {"ancestors"}, {"process", "parent"}, "members of process_exec")

    equal(event.parent["pid"], os.getpid(), "the parent's pid")
    equal(exec_id_parts(event.parent["exec_id"])[2], os.getpid(), "the parent's exec_id")
    harness.check("python" in event.parent["binary"], "the parent's binary")

    fields(event.json, {"node_name": NODE, "time": process["start_time"]}, "the envelope")
    equal(event.time, event.process["start_time"], "time of the event and start of the image")
    boot_id = open("/proc/sys/kernel/random/boot_id").read().strip()
    fields(event.weir, {"boot_id": boot_id, "seq": lambda s: re.fullmatch("[1-9][0-9]*", s),
                        "argv": ABSENT}, "weir's own part")

    equal(exit_event.body["process"]["exec_id"], event.process["exec_id"], "exec_id at exit")
    fields(exit_event.body["process"], {key: event.process[key] for key in
                                        ("pid", "uid", "cwd", "binary", "arguments", "flags",
                                         "start_time", "auid", "parent_exec_id", "tid")},
           "process at exit")
    equal(exit_event.parent["exec_id"], event.parent["exec_id"], "parent at exit")
    fields(exit_event.body, {"signal": ABSENT, "status": ABSENT, "time": exit_event.time},
           "process_exit")
    harness.check(harness.wall_seconds(exit_event.time) >= harness.wall_seconds(event.time),
                  "the exit is not before the exec")
    weir.stop()


harness.main(scenario)
