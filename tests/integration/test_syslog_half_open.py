"""rsyslog runs in a network namespace of its own. In the middle of a stream its answers stop coming
through, as behind a cable that was pulled: nobody closes anything. weir gives the connection up when
`timeout` has passed without an acknowledgement, over TCP and over RELP, says so, and delivers all
that was under way once the answers come through again."""

import os
import shutil

import harness
import receivers
import syslog_peer
from harness import check

OUTPUTS = {"tcp": "imtcp", "relp": "imrelp"}


class Namespace:
    """A namespace beside this one, and a cable between them."""

    def __init__(self, bench):
        harness.require(shutil.which("ip"), "there is no ip command")
        self.name = f"weir-{os.getpid()}"
        here, there = f"wh{os.getpid()}", f"wt{os.getpid()}"
        self.host, self.address = "198.51.100.1", "198.51.100.2"
        self.ip("netns", "add", self.name)
        bench.on_exit(lambda: self.ip("netns", "del", self.name))
        self.ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", self.name)
        self.ip("addr", "add", f"{self.host}/30", "dev", here)
        self.ip("link", "set", here, "up")
        self.ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", there)
        self.ip("-n", self.name, "link", "set", there, "up")

    def ip(self, *arguments):
        done = harness.run(["ip", *arguments])
        harness.require(done.status == 0, f"ip {' '.join(arguments)}: {done.err.decode()}")

    def swallow_answers(self):
        self.ip("-n", self.name, "route", "add", "blackhole", f"{self.host}/32")

    def let_answers_through(self):
        self.ip("-n", self.name, "route", "del", "blackhole", f"{self.host}/32")


def scenario(bench):
    there = Namespace(bench)
    weir = bench.weir(start=False)
    for name, module in OUTPUTS.items():
        port = harness.free_port()
        listener = f'input(type="{module}" port="{port}" address="{there.address}" ruleset="all")'
        receivers.rsyslog(bench, f'module(load="{module}")', listener, port,
                          bench.path(f"{name}.txt"), namespace=there.name)
        syslog_peer.add_output(weir, name, transport=name, address=f"{there.address}:{port}",
                               timeout="1s", connect_timeout="1s")
    weir.start()
    with syslog_peer.Load() as load:
        load.wait(50)
        there.swallow_answers()
        load.wait(50)
        for name in OUTPUTS:
            weir.wait_output(name, "waiting")
            error = weir.output_status(name)["last_error"]
            check("timed out" in error or "in time" in error, f"{name}: {error}")
        there.let_answers_through()
        load.wait(50)
    weir.settle()
    seq = weir.session()[-1].seq
    for name in OUTPUTS:
        syslog_peer.wait_for(weir, name, seq)
        syslog_peer.compare(weir, bench.path(f"{name}.txt"), seq, may_repeat=True)
    weir.stop()


harness.main(scenario)
