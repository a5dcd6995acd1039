"""Programs are executed after their process took other user and group ids, other capabilities and
securebits. Each event carries all of them, as /proc shows them for the process."""

import ctypes
import os

import harness
from harness import act, capability_names, equal, exactly, fields

libc = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP, PR_SET_SECUREBITS = 24, 28
CAP_SYS_TIME, CAP_SYS_BOOT = 25, 22
SECBIT_NOROOT_LOCKED_KEEP_CAPS = 1 << 1 | 1 << 4
UNSET = 4294967295


def prctl(*arguments):
    if libc.prctl(*map(ctypes.c_ulong, arguments), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def mixed_ids():
    os.setgroups([])
    os.setresgid(1001, 1002, 1003)
    os.setresuid(2001, 2002, 2003)


def fewer_capabilities():
    prctl(PR_CAPBSET_DROP, CAP_SYS_TIME)
    prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT)


def login_as_1234():
    with open("/proc/self/loginuid", "w") as file:
        file.write("1234")


def expected_ids(status):
    uid, euid, suid, fsuid = map(int, status["Uid"].split())
    gid, egid, sgid, fsgid = map(int, status["Gid"].split())
    return {"uid": uid, "euid": euid, "suid": suid, "fsuid": fsuid, "gid": gid, "egid": egid,
            "sgid": sgid, "fsgid": fsgid}


def expected_caps(status):
    sets = {"permitted": "CapPrm", "effective": "CapEff", "inheritable": "CapInh"}
    names = {name: capability_names(int(status[key], 16)) for name, key in sets.items()}
    return {name: listed for name, listed in names.items() if listed}


def check_against_proc(weir, what, preexec, **options):
    word = harness.marker()
    with harness.Held([act("hold"), word], preexec_fn=preexec, **options) as held:
        status = harness.proc_status(held.pid)
        auid = int(open(f"/proc/{held.pid}/loginuid").read())
        event = weir.exec_of(held.pid, word)
    fields(event.process["process_credentials"], expected_ids(status), what)
    equal(event.process.get("cap", {}), expected_caps(status), f"{what}: capabilities")
    equal(event.process["uid"], int(status["Uid"].split()[1]), f"{what}: uid is the effective")
    equal(event.process["auid"], auid, f"{what}: auid")
    return event


def scenario(bench):
    weir = bench.weir({"processes": {"credentials": "all"}})
    event = check_against_proc(weir, "root", lambda: None)
    harness.check("user_ns" not in event.process["process_credentials"], "the host's is not said")
    check_against_proc(weir, "mixed ids", mixed_ids)
    check_against_proc(weir, "fewer capabilities", fewer_capabilities)

    bits = lambda: prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED_KEEP_CAPS & ~1 << 0)
    event = check_against_proc(weir, "securebits", bits)
    # keep-caps does not survive an exec; the lock does.
    equal(event.process["process_credentials"]["securebits"], ["SecBitNoRootLocked"], "securebits")

    if int(open("/proc/self/loginuid").read()) == UNSET:
        event = check_against_proc(weir, "login", login_as_1234)
        equal(event.process["auid"], 1234, "login uid")

    weir.stop()


harness.main(scenario)
