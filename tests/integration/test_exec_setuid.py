"""The user nobody executes a program whose file has the setuid bit (owner root), one with the setgid
bit, one with both, and one with neither. The events say which bit took effect, and the credentials
are those after the exec. Root, for whom a setuid-root file changes nothing, gets no such mark."""

import os
import pwd

import harness
from harness import act, equal, fields

NOBODY = pwd.getpwnam("nobody")


def as_nobody():
    os.setgroups([])
    os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
    os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)


def scenario(bench):
    weir = bench.weir({"processes": {"credentials": "exec"}})
    uid, gid = NOBODY.pw_uid, NOBODY.pw_gid
    for mode, euid, egid, privileges in (
            (0o4755, 0, gid, ["PRIVILEGES_RAISED_EXEC_FILE_SETUID"]),
            (0o2755, uid, 0, ["PRIVILEGES_RAISED_EXEC_FILE_SETGID"]),
            (0o6755, 0, 0, ["PRIVILEGES_RAISED_EXEC_FILE_SETUID",
                            "PRIVILEGES_RAISED_EXEC_FILE_SETGID"]),
            (0o755, uid, gid, None)):
        word = harness.marker()
        program = bench.copy_act("noop", f"noop-{mode:o}", mode)
        event = weir.exec_of(harness.run_ok([program, word], preexec_fn=as_nobody).pid, word)
        what = f"mode {mode:o}"
        equal(event.process["uid"], euid, f"{what}: uid is the effective one")
        fields(event.process["process_credentials"],
               {"uid": uid, "gid": gid, "euid": euid, "egid": egid, "suid": euid, "sgid": egid,
                "fsuid": euid, "fsgid": egid}, what)
        properties = event.process.get("binary_properties", {})
        equal(properties.get("privileges_changed"), privileges, f"{what}: privileges_changed")
        equal(properties.get("setuid"), 0 if mode & 0o4000 else None, f"{what}: setuid")
        equal(properties.get("setgid"), 0 if mode & 0o2000 else None, f"{what}: setgid")
        effective = event.process["cap"].get("effective", [])
        equal(bool(effective), euid == 0, f"{what}: effective capabilities {effective}")

    word = harness.marker()
    program = str(bench.path("noop-4755"))
    event = weir.exec_of(harness.run_ok([program, word]).pid, word)
    harness.check("privileges_changed" not in event.process.get("binary_properties", {}),
                  "root gains nothing by setuid root")
    weir.stop()


harness.main(scenario)
