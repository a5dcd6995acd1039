"""A server listens and a child that it forked accepts, as preforking servers do: the accept is the
child's where the kernel lets weir see accept; where it doesn't, it is the listener's, and says that
it is only that. A client of an IPv6 socket that speaks IPv4 is shown with
the addresses that are on the wire."""

import harness
from harness import check, equal, fields
from tcp import Peer, with_cookie


def accepted_by_child(bench, weir):
    server, client = Peer(bench), Peer(bench)
    listening = server("listen", "127.0.0.1")
    client("connect", "127.0.0.1", listening["port"])
    accepted = server("fork-accept")
    client("receive-end")
    client("close")
    accept = with_cookie(weir, "process_accept", accepted["cookie"])
    close = with_cookie(weir, "process_close", accepted["cookie"])
    for event in (accept, close):
        if event.body.get("owner") == "listener":
            equal(event.pid, server.pid, f"{event.kind}: the listener, which is said")
        else:
            equal(event.pid, accepted["pid"], f"{event.kind}: who accepted")
            equal(event.parent["pid"], server.pid, f"{event.kind}: its parent")
    equal(with_cookie(weir, "process_listen", listening["cookie"]).pid, server.pid, "who listens")


def mapped_address(bench, weir):
    server, client = Peer(bench), Peer(bench)
    listening = server("listen", "127.0.0.1")
    connected = client("connect", "::ffff:127.0.0.1", listening["port"])
    check("errno" not in connected, f"the mapped address is reached: {connected}")
    accepted = server("accept")
    client("close")
    server("receive-end")
    server("close")
    for kind in ("process_connect", "process_close"):
        event = with_cookie(weir, kind, connected["cookie"])
        equal(event.pid, client.pid, f"{kind}: owner")
        fields(event.body, {"source_ip": "127.0.0.1", "destination_ip": "127.0.0.1",
                            "destination_port": listening["port"], "family": "AF_INET"}, kind)
    with_cookie(weir, "process_close", accepted["cookie"])


def scenario(bench):
    weir = bench.weir()
    accepted_by_child(bench, weir)
    mapped_address(bench, weir)
    weir.stop()


harness.main(scenario)
