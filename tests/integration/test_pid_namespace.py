"""A process becomes pid 1 of a new pid namespace and starts a child there; another enters from
outside. Pids in the events are the host's; the first two belong to the tree of the namespace's pid
1, the one that entered does not."""

import ctypes
import os

import harness
from harness import act, equal

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWPID = 0x20000000


def must(result):
    if result:
        raise OSError(ctypes.get_errno(), "namespace")


def fork_in_between():
    """What comes next is a child; its parent lets go of everything and gives its status on."""
    pid = os.fork()
    if pid:
        os.closerange(0, 4096)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def become_init():
    must(libc.unshare(CLONE_NEWPID))
    fork_in_between()


def enter(fd):
    must(libc.setns(fd, CLONE_NEWPID))
    fork_in_between()


def event_with(weir, word):
    return weir.wait_event("process_exec", lambda e: e.process.get("arguments") == word, word)


def scenario(bench):
    weir = bench.weir({"processes": {"namespaces": "all"}})
    init, child, entered = (harness.marker(name) for name in ("init", "child", "entered"))
    with harness.Held([act("hold"), init], preexec_fn=become_init):
        init_event = event_with(weir, init)
        fd = os.open(f"/proc/{init_event.pid}/ns/pid", os.O_RDONLY)
        harness.run_ok([act("noop"), entered], preexec_fn=lambda: enter(fd))
        entered_event = event_with(weir, entered)
        os.close(fd)
    harness.run_ok(["/bin/sh", "-c", f"{act('noop')} {child}; true"], preexec_fn=become_init)
    child_event = event_with(weir, child)

    equal(init_event.process["in_init_tree"], True, "pid 1 of the namespace")
    equal(child_event.process["in_init_tree"], True, "its child")
    equal(entered_event.process["in_init_tree"], False, "one that entered from outside")
    equal(child_event.parent["in_init_tree"], True, "the child's parent")
    equal(child_event.parent["binary"], "/bin/sh", "the child's parent")
    equal(init_event.process["ns"]["pid"].get("is_host", False), False, "its pid namespace")
    equal(entered_event.process["ns"]["pid"]["inum"], init_event.process["ns"]["pid"]["inum"],
          "the namespace that was entered")
    equal(init_event.weir["nspid"], 1, "pid in the namespace")
    equal(event_with(weir, init).pid, harness.exec_id_parts(init_event.process["exec_id"])[2],
          "pid in exec_id")
    flags = child_event.process["flags"].split()
    harness.check("inInitTree" in flags, f"flags of the child: {flags}")
    weir.stop()


harness.main(scenario)
