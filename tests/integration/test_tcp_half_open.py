"""A stranger sends SYNs to a listener and never finishes the handshake: where the answers go, nobody
knows of a connection, and a reset comes back. Nothing was accepted, so
nothing is said to be: no process_accept and no process_close, however many there were. A client that
then connects properly is seen as ever."""

import socket
import struct

import harness
from harness import equal
from tcp import Peer, with_cookie


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(source, destination, source_port, port):
    """A TCP segment with only SYN set; the kernel adds the IP header."""
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!HH", 6, 20)

    def segment(total):
        return struct.pack("!HHIIBBHHH", source_port, port, 1000, 0, 5 << 4, 2, 65535, total, 0)
    return segment(checksum(pseudo + segment(0)))


def scenario(bench):
    weir = bench.weir()
    server, client = Peer(bench), Peer(bench)
    listening = server("listen", "127.0.0.1")
    for i in range(20):
        address = f"127.1.0.{i + 1}"  # every address of the loopback network is ours
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
            raw.bind((address, 0))
            raw.sendto(syn(address, "127.0.0.1", 40000 + i, listening["port"]), ("127.0.0.1", 0))
    connected = client("connect", "127.0.0.1", listening["port"])
    accepted = server("accept")
    client("close")
    server("receive-end")
    server("close")
    with_cookie(weir, "process_close", accepted["cookie"])
    with_cookie(weir, "process_close", connected["cookie"])
    weir.settle()
    accepts = weir.find("process_accept", lambda e: e.body.get("source_port") == listening["port"])
    equal(len(accepts), 1, "accepted connections")
    closes = weir.find("process_close", lambda e: e.body.get("source_port") == listening["port"])
    equal([e.body["sock_cookie"] for e in closes], [str(accepted["cookie"])], "closes of the server")
    weir.stop()


harness.main(scenario)
