"""rsyslog receives over TCP, with octet counting, and beside it over UDP, RELP, and RELP over TLS
with certificates on both sides. Each gets every event once, in order and unaltered. Then the TCP and
the RELP receivers are killed with SIGKILL in the middle of a stream and started again: nothing is
missing, and what came twice came under the same id."""

import signal

import harness
import receivers
import syslog_peer
import tls_files
from harness import check

TRANSPORTS = {"tcp": "imtcp", "udp": "imudp", "relp": "imrelp", "relp_tls": "imrelp"}
KILLED = ("tcp", "relp", "relp_tls")


def start_receiver(bench, name, authority):
    kind = TRANSPORTS[name]
    port = harness.free_port()
    module, more = f'module(load="{kind}")', ""
    if name == "udp":
        # What finds no room at the receiver is lost with UDP, and no sender hears of it.
        more = 'rcvbufSize="16m"'
    if name == "relp_tls":
        certificate, key = authority.issue("server", "DNS:localhost")
        module = f'module(load="{kind}" tls.tlslib="openssl")'
        more = (f'tls="on" tls.caCert="{authority.certificate}" tls.myCert="{certificate}" '
                f'tls.myPrivKey="{key}" tls.authMode="name" tls.permittedPeer=["client.example"]')
    listener = f'input(type="{kind}" port="{port}" address="127.0.0.1" ruleset="all" {more})'
    return receivers.rsyslog(bench, module, listener, port, bench.path(f"{name}.txt"))


def scenario(bench):
    authority = tls_files.Authority(bench, "ca")
    daemons = {name: start_receiver(bench, name, authority) for name in TRANSPORTS}
    certificate, key = authority.issue("client", "DNS:client.example")
    tls = {"ca_file": str(authority.certificate), "certificate": str(certificate), "key": str(key)}
    weir = bench.weir(start=False)
    for name, daemon in daemons.items():
        # The name is looked up in the sandbox; the grace is long enough for rsyslog to have written
        # what it has read.
        more = {"tls": tls} if name == "relp_tls" else {}
        syslog_peer.add_output(weir, name, transport=name, address=f"localhost:{daemon.port}",
                               grace="1s", **more)
    weir.start()
    with syslog_peer.Load() as load:
        load.wait(200)
    weir.settle()
    seq = weir.session()[-1].seq
    for name in TRANSPORTS:
        syslog_peer.wait_for(weir, name, seq)
        syslog_peer.compare(weir, bench.path(f"{name}.txt"), seq)

    with syslog_peer.Load() as load:
        for name in KILLED:
            load.wait(60)
            daemons[name].signal(signal.SIGKILL)
            daemons[name].process.wait()
            load.wait(60)
            daemons[name].start()
        load.wait(60)
    weir.settle()
    seq = weir.session()[-1].seq
    for name in KILLED:
        syslog_peer.wait_for(weir, name, seq)
        check(int(weir.output_status(name)["reconnects"]) > 0, f"{name} connected again")
        again = syslog_peer.compare(weir, bench.path(f"{name}.txt"), seq, may_repeat=True)
        print(f"{name}: {again} came again")
    weir.stop()


harness.main(scenario)
