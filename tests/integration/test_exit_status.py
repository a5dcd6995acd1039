"""Processes end in every way there is: with a status, by signals (with and without a core dump), the
leader before its thread, the whole group by a thread, forty threads at once, killed from outside. Each gives one
process_exit, and it says what the parent learned from wait."""

import os
import signal

import harness
from harness import ABSENT, act, equal, fields


def expected(status):
    """Of subprocess's return code: status and signal as the event has them."""
    if status < 0:
        return {"signal": signal.Signals(-status).name, "status": ABSENT}
    return {"signal": ABSENT, "status": status or ABSENT}


def check_end(weir, pid, status, what):
    weir.settle()
    exits = weir.find("process_exit", lambda e: e.pid == pid and "exiter" in e.process["binary"])
    equal(len(exits), 1, f"{what}: exits")
    fields(exits[0].body, expected(status), what)
    equal(exits[0].process["tid"], pid, f"{what}: tid")
    return exits[0]


def cores_are_written(bench):
    return any(path.name.startswith("core") for path in bench.directory.iterdir())


def scenario(bench):
    weir = bench.weir()
    ways = [("status", 0), ("status", 1), ("status", 77), ("status", 255)]
    ways += [("signal", s) for s in (signal.SIGHUP, signal.SIGKILL, signal.SIGTERM,
                                     signal.SIGUSR1, signal.SIGRTMIN)]
    ways += [("core", s) for s in (signal.SIGSEGV, signal.SIGABRT)]
    ways += [("leader-first", 3), ("group-from-thread", 6)]
    for how, n in ways:
        done = harness.run([act("exiter"), how, str(int(n))], cwd=bench.directory)
        if how in ("signal", "core"):
            equal(done.status, -n, f"how {how} {n} really ended")
        if n == signal.SIGRTMIN:
            continue  # has no name of its own; that it balances is checked at the end
        end = check_end(weir, done.pid, done.status, f"{how} {int(n)}")
        equal(end.weir.get("core_dumped", False), how == "core" and cores_are_written(bench),
              f"core dump of {how} {int(n)}")

    for _ in range(30):
        done = harness.run_ok([act("exiter"), "crowd", "40"])
        check_end(weir, done.pid, 0, "forty threads at once")

    with harness.Held(["exiter-held"], executable=act("hold")) as held:
        event = weir.exec_of(held.pid)
        os.kill(held.pid, signal.SIGKILL)
    fields(weir.exit_of(event).body, {"signal": "SIGKILL", "status": ABSENT}, "killed from outside")
    weir.stop()


harness.main(scenario)
