"""A process connects to ports on which nobody listens, over IPv4 and IPv6. That is one
process_connect that says ECONNREFUSED and who tried, and no close, for nothing was established."""

import errno

import harness
from harness import equal, fields
from tcp import Peer, check_owner, with_cookie


def refused(bench, weir, address, family):
    client = Peer(bench)
    port = harness.free_port(family, address)
    answer = client("connect", address, port)
    equal(answer["errno"], errno.ECONNREFUSED, "what the process saw")
    event = with_cookie(weir, "process_connect", answer["cookie"])
    check_owner(event, client, address)
    fields(event.body, {"destination_ip": address, "destination_port": port, "source_ip": address,
                        "error": "ECONNREFUSED"}, address)
    client("close")
    client.exit()
    weir.settle()
    mine = [e.kind for e in weir.session() if e.body.get("sock_cookie") == str(answer["cookie"])]
    equal(mine, ["process_connect"], "events of that socket")


def scenario(bench):
    weir = bench.weir()
    refused(bench, weir, "127.0.0.1", harness.socket.AF_INET)
    refused(bench, weir, "::1", harness.socket.AF_INET6)
    weir.stop()


harness.main(scenario)
