"""Over IPv4 and over IPv6, one process listens and another connects; they send a known number of
bytes each way and close. Listen, connect, accept and both closes come out, each with the right
process, addresses and cookie, and the closes with exactly those bytes and a plausible duration."""

import time

import harness
from harness import ABSENT, equal, fields
from tcp import Peer, check_addresses, check_owner, duration_s, with_cookie

UP, DOWN = 123_457, 7_654_321


def talk(bench, weir, address):
    server, client = Peer(bench), Peer(bench)
    listening = server("listen", address, 5)
    begin = time.monotonic()
    connected = client("connect", address, listening["port"])
    accepted = server("accept")
    equal(accepted["peer"], connected["port"], "the port that the server sees")
    client("send", UP)
    equal(server("receive", UP), {}, "bytes up")
    server.tell("send", DOWN)
    equal(client("receive", DOWN), {}, "bytes down")
    server.answer()
    client("close")
    equal(server("receive-end"), {"bytes": 0}, "nothing more")
    server("close")
    lasted = time.monotonic() - begin
    server("close-listener")

    server_end, client_end = (address, listening["port"]), (address, connected["port"])
    listen = with_cookie(weir, "process_listen", listening["cookie"])
    connect = with_cookie(weir, "process_connect", connected["cookie"])
    accept = with_cookie(weir, "process_accept", accepted["cookie"])
    client_close = with_cookie(weir, "process_close", connected["cookie"])
    server_close = with_cookie(weir, "process_close", accepted["cookie"])
    listener_close = with_cookie(weir, "process_close", listening["cookie"])

    check_owner(listen, server, "listen")
    fields(listen.body, {"source_ip": address, "source_port": listening["port"], "backlog": 5},
           "listen")
    for event, owner, local, remote, what in (
            (connect, client, client_end, server_end, "connect"),
            (accept, server, server_end, client_end, "accept"),
            (client_close, client, client_end, server_end, "client's close"),
            (server_close, server, server_end, client_end, "server's close")):
        check_owner(event, owner, what)
        check_addresses(event, local, remote, what)
        fields(event.body, {"error": ABSENT, "error_name": ABSENT}, what)
    check_owner(listener_close, server, "listener's close")
    for event, sent, received, what in ((client_close, UP, DOWN, "client's close"),
                                        (server_close, DOWN, UP, "server's close")):
        fields(event.body, {"bytes_sent": str(sent), "bytes_received": str(received)}, what)
        harness.between(duration_s(event), 1e-6, lasted + 0.1, f"{what}: duration")
    harness.between(duration_s(connect), 1e-9, lasted, "connect: duration")
    harness.check(connect.seq < client_close.seq and accept.seq < server_close.seq,
                  "closes come after")
    server.exit()
    client.exit()


def scenario(bench):
    weir = bench.weir()
    talk(bench, weir, "127.0.0.1")
    talk(bench, weir, "::1")
    weir.stop()


harness.main(scenario)
