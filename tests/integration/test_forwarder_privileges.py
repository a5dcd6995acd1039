"""While weir runs as root, its forwarder must have nothing left: an ordinary user and group, no
capability in any set, no_new_privs, a seccomp filter. The journal it can read and not write; the
collector holds no network socket but the listener of its metrics."""

import os
import pwd
import stat

import harness
from harness import check, equal


def network_sockets(pid):
    """Inodes of the process's sockets that are in the tables of TCP or UDP."""
    inodes = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        with open(f"/proc/net/{table}") as file:
            inodes |= {line.split()[9] for line in file.readlines()[1:]}
    own = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            own.add(target[8:-1])
    return own & inodes


def scenario(bench):
    weir = bench.weir()
    pid = weir.forwarder_pid()
    status = harness.proc_status(pid)
    users = {int(uid) for uid in status["Uid"].split()}
    groups = {int(gid) for gid in status["Gid"].split()}
    equal(len(users), 1, "one user in all four places")
    check(0 not in users | groups, f"user {users}, group {groups}")
    equal(status["Groups"].split(), [g for g in status["Groups"].split() if g in
                                     {str(gid) for gid in groups}], "supplementary groups")
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        equal(int(status[kind], 16), 0, kind)
    equal(status["NoNewPrivs"], "1", "no_new_privs")
    equal(status["Seccomp"], "2", "seccomp: a filter")

    user = pwd.getpwuid(users.pop())
    for path in weir.journal.iterdir():
        mode = path.stat()
        check(mode.st_uid != user.pw_uid, f"{path.name} belongs to the forwarder")
        check(not mode.st_mode & (stat.S_IWGRP | stat.S_IRWXO), f"mode of {path.name}: "
              f"{mode.st_mode:o}")
    equal(stat.S_IMODE(weir.socket.stat().st_mode), 0o600, "mode of the control socket")
    check(len(network_sockets(weir.process.pid)) <= 1, "sockets of the collector")
    weir.stop()


harness.main(scenario)
