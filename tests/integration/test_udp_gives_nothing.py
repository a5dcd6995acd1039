"""A process connects a UDP socket and sends; another opens and closes a TCP socket that it never
used. Neither is a TCP connection, and neither gives an event about one."""

import socket

import harness
from harness import equal
from tcp import Peer


def scenario(bench):
    weir = bench.weir()
    client = Peer(bench)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        client("udp", "127.0.0.1", receiver.getsockname()[1])
        equal(receiver.recv(100), b"datagram", "what was sent")
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    client.exit()
    weir.settle()
    about_sockets = ("process_connect", "process_accept", "process_listen", "process_close")
    mine = [e for e in weir.session() if e.kind in about_sockets
            and e.pid in (client.pid, harness.os.getpid())]
    equal(mine, [], "events about sockets")
    weir.stop()


harness.main(scenario)
