"""Two syslog-ng receive on Unix sockets, one lines and one datagrams; the forwarder reaches them out
of its sandbox. Both are stopped at first, so that their sockets fill: all that was sent meanwhile
arrives once they go on, each event once, in order and unaltered. Then both are gone with their
sockets: the outputs say so, and deliver the rest when they are back."""

import signal

import harness
import receivers
import syslog_peer

SOURCES = {"unix": "unix-stream", "unix_datagram": "unix-dgram"}


def start_receiver(bench, transport):
    port = harness.free_port()  # only to see when it listens
    path = bench.path(f"{transport}.socket")
    source = (f'{SOURCES[transport]}("{path}" perm(0666) flags(syslog-protocol));'
              f' udp(port({port}) ip(127.0.0.1));')
    return receivers.syslog_ng(bench, source, port, bench.path(f"{transport}.txt"))


def compare_all(bench, weir, **options):
    weir.settle()
    seq = weir.session()[-1].seq
    for transport in SOURCES:
        syslog_peer.wait_for(weir, transport, seq)
        syslog_peer.compare(weir, bench.path(f"{transport}.txt"), seq, **options)


def scenario(bench):
    weir = bench.weir(start=False)
    daemons = {transport: start_receiver(bench, transport) for transport in SOURCES}
    for transport in SOURCES:
        # Long enough for syslog-ng to have written what it has read.
        syslog_peer.add_output(weir, transport, transport=transport, grace="500ms",
                               address=str(bench.path(f"{transport}.socket")))
    weir.start()
    for daemon in daemons.values():
        daemon.signal(signal.SIGSTOP)
    with syslog_peer.Load() as load:
        load.wait(200)
    for daemon in daemons.values():
        daemon.signal(signal.SIGCONT)
    compare_all(bench, weir)

    for transport, daemon in daemons.items():
        daemon.kill()
        bench.path(f"{transport}.socket").unlink()
    with syslog_peer.Load() as load:
        load.wait(50)
    for transport in SOURCES:
        weir.wait_output(transport, "waiting")
        error = weir.output_status(transport)["last_error"]
        harness.check("unix:/" in error, f"{transport}: {error}")
    for daemon in daemons.values():
        daemon.start()
    compare_all(bench, weir, may_repeat=True)
    weir.stop()


harness.main(scenario)
