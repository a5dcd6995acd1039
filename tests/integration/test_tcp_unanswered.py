"""In a network namespace of its own, a process listens with a queue that is full already, so that the
kernel drops what else comes without an answer; then it connects there, and gives up by closing the
socket. That is one process_connect, which did not succeed, under the right process and network
namespace, and nothing before it is decided. Another waits until the kernel gives up."""

import ctypes
import errno
import fcntl
import os
import socket
import struct

import harness
from harness import check, equal, fields
from tcp import Peer, check_owner, with_cookie

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def own_network():
    """With the loopback interface up, and nothing else."""
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", request)[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def connects(weir, answer):
    return [e for e in weir.session() if e.body.get("sock_cookie") == str(answer["cookie"])]


def scenario(bench):
    weir = bench.weir()
    peer = Peer(bench, preexec_fn=own_network)
    port = peer("listen", "127.0.0.1", 0)["port"]
    first = peer("connect", "127.0.0.1", port)
    check("errno" not in first, "the first fills the queue")
    answer = peer("connect-later", "127.0.0.1", port)
    equal(answer["errno"], errno.EINPROGRESS, "the connect is under way")
    weir.settle()
    equal(connects(weir, answer), [], "nothing is said before it is decided")
    peer("close")
    event = with_cookie(weir, "process_connect", answer["cookie"])
    check_owner(event, peer, "unanswered")
    fields(event.body, {"source_ip": "127.0.0.1", "source_port": answer["port"],
                        "destination_ip": "127.0.0.1", "destination_port": port,
                        "netns": os.stat(f"/proc/{peer.pid}/ns/net").st_ino,
                        "error": lambda e: e, "state": "TCP_CLOSE"}, "unanswered")
    weir.settle()
    equal([e.kind for e in connects(weir, answer)], ["process_connect"], "events of that socket")

    # This one waits until the kernel gives up: a timer ends it, no task.
    answer = peer("connect-impatient", "127.0.0.1", port)
    equal(answer["errno"], errno.ETIMEDOUT, "what the process saw")
    event = with_cookie(weir, "process_connect", answer["cookie"])
    check_owner(event, peer, "timed out")
    fields(event.body, {"error": "ETIMEDOUT", "destination_port": port,
                        "duration_ns": lambda ns: 1e9 < int(ns) < 3e10}, "timed out")
    weir.stop()


harness.main(scenario)
