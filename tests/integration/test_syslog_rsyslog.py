"""rsyslog receives over TCP, with octet counting, and over UDP and RELP beside it. Each gets every
event once, in order and unaltered. Then the TCP and the RELP receivers are killed with SIGKILL in the
middle of a stream and started again: nothing is missing, and what came twice came under the same
id."""

import signal

import harness
import receivers
import syslog_peer
from harness import check

TRANSPORTS = {"tcp": "imtcp", "udp": "imudp", "relp": "imrelp"}


def start_receiver(bench, name):
    kind = TRANSPORTS[name]
    port = harness.free_port()
    # What finds no room at the receiver is lost with UDP, and no sender hears of it.
    room = 'rcvbufSize="16m"' if name == "udp" else ""
    listener = f'input(type="{kind}" port="{port}" address="127.0.0.1" ruleset="all" {room})'
    return receivers.rsyslog(bench, f'module(load="{kind}")', listener, port,
                             bench.path(f"{name}.txt"))


def scenario(bench):
    daemons = {name: start_receiver(bench, name) for name in TRANSPORTS}
    weir = bench.weir(start=False)
    for name, daemon in daemons.items():
        # The name is looked up in the sandbox; the grace is long enough for rsyslog to have written
        # what it has read.
        syslog_peer.add_output(weir, name, transport=name, address=f"localhost:{daemon.port}",
                               grace="1s")
    weir.start()
    with syslog_peer.Load() as load:
        load.wait(200)
    weir.settle()
    seq = weir.session()[-1].seq
    for name in TRANSPORTS:
        syslog_peer.wait_for(weir, name, seq)
        syslog_peer.compare(weir, bench.path(f"{name}.txt"), seq)

    with syslog_peer.Load() as load:
        for name in ("tcp", "relp"):
            load.wait(60)
            daemons[name].signal(signal.SIGKILL)
            daemons[name].process.wait()
            load.wait(60)
            daemons[name].start()
        load.wait(60)
    weir.settle()
    seq = weir.session()[-1].seq
    for name in ("tcp", "relp"):
        syslog_peer.wait_for(weir, name, seq)
        check(int(weir.output_status(name)["reconnects"]) > 0, f"{name} connected again")
        again = syslog_peer.compare(weir, bench.path(f"{name}.txt"), seq, may_repeat=True)
        print(f"{name}: {again} came again")
    weir.stop()


harness.main(scenario)
