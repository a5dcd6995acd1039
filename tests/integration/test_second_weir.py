"""A second weir is started on the same journal, and one on the same control socket. Each says so and
ends with a failure; the first is not disturbed and its socket is still its own. Somebody who is not
root can't start weir at all, and is told why."""

import os
import pwd

import harness
from harness import EXIT_FAILED, EXIT_UNSUPPORTED, act, check, equal

NOBODY = pwd.getpwnam("nobody")


def as_nobody():
    os.setgroups([])
    os.setresgid(NOBODY.pw_gid, NOBODY.pw_gid, NOBODY.pw_gid)
    os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)


def refused(first, config, what):
    path = first.directory / "second.yaml"
    path.write_text(harness.json.dumps(config))
    done = first.verb("run", "--config", path)
    equal(done.status, EXIT_FAILED, f"{what}: exit status ({done.err.decode()})")
    check(done.err.strip(), f"{what}: it says why")
    return done.err.decode()


def scenario(bench):
    weir = bench.weir()
    other = {"journal": {"directory": str(bench.path("j2"))},
             "forwarder": {"state_directory": str(bench.path("s2"))},
             "control": {"socket": str(bench.path("c2.sock"))},
             "metrics": {"listen": ""}}
    config = harness.merged(weir.config, other)
    said = refused(weir, harness.merged(config, {"journal": weir.config["journal"]}), "its journal")
    check(str(weir.journal) in said, f"the journal is named: {said}")
    said = refused(weir, harness.merged(config, {"control": weir.config["control"]}), "its socket")
    check(str(weir.socket) in said, f"the socket is named: {said}")

    done = weir.verb("run", "--journal", bench.path("j3"), "--state", bench.path("s3"), "--socket",
                     bench.path("c3"), preexec_fn=as_nobody)
    equal(done.status, EXIT_UNSUPPORTED, f"not root: exit status ({done.err.decode()})")
    check(done.err.strip(), "not root: it says why")

    word = harness.marker()
    weir.exec_of(harness.run_ok([act("noop"), word]).pid, word)
    check(weir.status()["forwarder_ready"], "the first answers on its socket")
    weir.stop()


harness.main(scenario)
