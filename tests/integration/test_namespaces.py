"""A program runs in new namespaces of every kind that one call can make. The inode numbers in its
event are those that /proc shows, and is_host says which of them are pid 1's."""

import ctypes
import os

import harness
from harness import NAMESPACES, act, equal

libc = ctypes.CDLL(None, use_errno=True)
CLONE = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000,
         "user": 0x10000000, "net": 0x40000000}


def unshare(kinds):
    flags = 0
    for kind in kinds:
        flags |= CLONE[kind]
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), "unshare")


def may_unshare(kind):
    child = os.fork()
    if child == 0:
        os._exit(libc.unshare(CLONE[kind]) != 0)
    return os.waitpid(child, 0)[1] == 0


def host_namespaces():
    """Of pid 1, or where that is out of reach of its sibling, the kernel's first thread."""
    for pid in (1, 2):
        try:
            return harness.proc_namespaces(pid)
        except PermissionError:
            continue
    raise harness.Skip("nobody shows the host's namespaces")


def check(weir, kinds):
    word = harness.marker()
    host = host_namespaces()
    with harness.Held([act("hold"), word], preexec_fn=lambda: unshare(kinds)) as held:
        shown = harness.proc_namespaces(held.pid)
        event = weir.exec_of(held.pid, word)
    for kind in kinds:
        harness.check(shown[kind] != host[kind], f"{kind} is a new one")
    want = {kind: {"inum": inum, "is_host": inum == host[kind]} for kind, inum in shown.items()}
    got = {kind: {"is_host": False, **ns} for kind, ns in event.process["ns"].items()}
    equal(got, want, f"namespaces after unshare of {kinds}")
    equal(list(event.process["ns"]), [kind for kind in NAMESPACES if kind in shown],
          "order of the namespaces")
    return event


def scenario(bench):
    weir = bench.weir({"processes": {"namespaces": "all", "credentials": "all"}})
    check(weir, [])
    check(weir, ["mnt"])
    check(weir, ["net", "uts", "ipc"])
    check(weir, ["cgroup"])
    harness.require(may_unshare("user"), "no user namespace can be made here (in a chroot, or the "
                    "host forbids them); the other kinds were right")
    event = check(weir, ["user", "mnt", "net"])
    user_ns = event.process["process_credentials"]["user_ns"]
    equal((user_ns["level"], user_ns["ns"].get("is_host", False)), (1, False), "its user namespace")
    weir.stop()


harness.main(scenario)
