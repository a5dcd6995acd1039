"""The user nobody executes a program whose file carries CAP_NET_RAW. The event says that the file
raised the privileges, and has exactly that capability in the permitted and effective sets."""

import os
import pwd
import shutil

import harness
from harness import equal

NOBODY = pwd.getpwnam("nobody")


def as_nobody():
    os.setgroups([])
    os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
    os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)


def scenario(bench):
    harness.require(shutil.which("setcap"), "no setcap on this machine")
    program = bench.copy_act("noop", "raw")
    done = harness.run(["setcap", "cap_net_raw=ep", program])
    harness.require(done.status == 0, f"setcap: {done.err.decode()}")
    weir = bench.weir({"processes": {"credentials": "exec"}})
    word = harness.marker()
    event = weir.exec_of(harness.run_ok([program, word], preexec_fn=as_nobody).pid, word)
    equal(event.process["binary_properties"]["privileges_changed"],
          ["PRIVILEGES_RAISED_EXEC_FILE_CAP"], "privileges_changed")
    equal(event.process["cap"], {"permitted": ["CAP_NET_RAW"], "effective": ["CAP_NET_RAW"]},
          "capabilities")
    equal(event.process["uid"], NOBODY.pw_uid, "uid")
    weir.stop()


harness.main(scenario)
