"""The peer's end of a connection makes this end close: the kernel changes the state while some other
task runs, or none. The owner in the event is still the process that made the socket, also when
that process has ended before the last packet, and when the peer resets."""

import harness
from harness import fields
from tcp import Peer, check_owner, with_cookie


def pair(bench, address):
    server, client = Peer(bench), Peer(bench)
    listening = server("listen", address)
    connected = client("connect", address, listening["port"])
    return server, client, connected, server("accept")


def check_close(weir, cookie, owner, sent, received, what):
    event = with_cookie(weir, "process_close", cookie)
    check_owner(event, owner, what)
    fields(event.body, {"bytes_sent": str(sent), "bytes_received": str(received)}, what)
    return event


def server_first(bench, weir, address):
    server, client, connected, accepted = pair(bench, address)
    server("send", 1000)
    server("close")  # the FIN arrives at the client in softirq
    client("receive", 1000)
    client("receive-end")
    client("close")
    check_close(weir, connected["cookie"], client, 0, 1000, "client, server closed first")
    check_close(weir, accepted["cookie"], server, 1000, 0, "server, closed first")


def process_gone(bench, weir, address):
    """The client ends with its socket open; the kernel finishes the connection later."""
    server, client, connected, accepted = pair(bench, address)
    client("send", 333)
    client.exit()
    server("receive", 333)
    server("receive-end")
    server("close")
    check_close(weir, connected["cookie"], client, 333, 0, "client, process gone")
    check_close(weir, accepted["cookie"], server, 0, 333, "server of a client that is gone")


def unread_bytes_reset(bench, weir, address):
    """A close with unread data sends a reset; the other end learns of it in softirq."""
    server, client, connected, accepted = pair(bench, address)
    client("send", 50)
    server("close")
    event = check_close(weir, connected["cookie"], client, 50, 0, "client that was reset")
    fields(event.body, {"error": lambda e: e in ("ECONNRESET", "EPIPE")}, "client that was reset")
    check_close(weir, accepted["cookie"], server, 0, 50, "server that reset")
    client("close")


def scenario(bench):
    weir = bench.weir()
    for address in ("127.0.0.1", "::1"):
        server_first(bench, weir, address)
        process_gone(bench, weir, address)
        unread_bytes_reset(bench, weir, address)
    weir.stop()


harness.main(scenario)
