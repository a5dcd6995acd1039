"""What the scenarios about TCP share: peers in processes of their own, and what every event about a
connection must hold."""

import json
import subprocess
import sys
from pathlib import Path

import harness
from harness import equal, fields

PEER = Path(__file__).with_name("tcp_peer.py")


class Peer:
    """A tcp_peer.py: peer("listen", "::1") sends the command and returns the answer."""

    def __init__(self, bench, preexec_fn=None):
        self.child = subprocess.Popen([sys.executable, "-S", str(PEER), harness.marker("peer")],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      preexec_fn=preexec_fn)
        bench.on_exit(self.discard)
        self.pid = self.answer()["pid"]

    def answer(self):
        line = self.child.stdout.readline()
        harness.check(line, f"peer {self.child.pid} ended")
        return json.loads(line)

    def __call__(self, *command):
        self.tell(*command)
        return self.answer()

    def tell(self, *command):
        self.child.stdin.write(" ".join(map(str, command)).encode() + b"\n")
        self.child.stdin.flush()

    def exit(self):
        self.tell("exit")
        self.child.wait(harness.WAIT_S)

    def discard(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()


def with_cookie(weir, kind, cookie):
    return weir.wait_event(kind, lambda e: e.body.get("sock_cookie") == str(cookie),
                           f"{kind} of socket {cookie}")


def check_owner(event, peer, what):
    equal(event.pid, peer.pid, f"{what}: the process that owns the socket")
    harness.check("python" in event.process["binary"], f"{what}: its binary")
    equal(harness.exec_id_parts(event.process["exec_id"])[2], peer.pid, f"{what}: its exec_id")


def check_addresses(event, local, remote, what):
    """local and remote are (address, port)."""
    fields(event.body, {"source_ip": local[0], "source_port": local[1],
                        "destination_ip": remote[0], "destination_port": remote[1],
                        "protocol": "TCP",
                        "family": "AF_INET6" if ":" in local[0] else "AF_INET"}, what)


def duration_s(event):
    """Of a connect until it was established; of a close since then."""
    return int(event.body["duration_ns"]) / 1e9
