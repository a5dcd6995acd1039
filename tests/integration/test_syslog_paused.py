"""rsyslog is stopped (SIGSTOP) while processes go on running: it is there, and takes nothing. Its
output waits with a bounded number of batches; the file beside it loses no time. When rsyslog goes on,
it gets everything, in order, each event once. The same over RELP."""

import signal

import harness
import receivers
import syslog_peer
from harness import check, equal

OUTPUTS = {"tcp": "imtcp", "relp": "imrelp"}


def scenario(bench):
    weir = bench.weir(start=False)
    daemons = {}
    for name, module in OUTPUTS.items():
        port = harness.free_port()
        listener = f'input(type="{module}" port="{port}" address="127.0.0.1" ruleset="all")'
        daemons[name] = receivers.rsyslog(bench, f'module(load="{module}")', listener, port,
                                          bench.path(f"{name}.txt"))
        syslog_peer.add_output(weir, name, transport=name, address=f"127.0.0.1:{port}",
                               batch={"max_events": 20})
    weir.start()
    for daemon in daemons.values():
        daemon.signal(signal.SIGSTOP)
    with syslog_peer.Load() as load:
        load.wait(300)
    weir.settle()  # the file has it all
    seq = weir.session()[-1].seq
    relp = weir.output_status("relp")
    check(int(relp["acked_seq"]) < seq, "relp waits for what is not confirmed")
    in_flight = [value for name, value in weir.metrics().items()
                 if name.startswith("weir_output_events_in_flight") and '"relp"' in name]
    check(0 < in_flight[0] <= 17 * 20, f"events in flight: {in_flight}")
    equal(int(weir.output_status("events")["retries"]), 0, "retries of the file")

    for daemon in daemons.values():
        daemon.signal(signal.SIGCONT)
    for name in OUTPUTS:
        syslog_peer.wait_for(weir, name, seq)
        syslog_peer.compare(weir, bench.path(f"{name}.txt"), seq)
    weir.stop()


harness.main(scenario)
