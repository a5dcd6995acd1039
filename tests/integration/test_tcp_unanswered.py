"""In a network namespace of its own, a process connects to an address that takes packets and never
answers, and gives up by closing the socket. That is one process_connect, which did not succeed,
under the right process and network namespace, and nothing before it is decided."""

import ctypes
import errno
import os
import shutil

import harness
from harness import equal, fields, run_ok
from tcp import Peer, check_owner, with_cookie

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SILENT = "192.0.2.7"


def own_network():
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")


def inside(pid, *command):
    run_ok(["nsenter", f"--net=/proc/{pid}/ns/net", *command])


def silent_network(peer):
    """A dummy interface swallows what is sent; a fixed neighbour keeps ARP from failing."""
    try:
        inside(peer.pid, "ip", "link", "add", "void", "type", "dummy")
    except harness.Failure as error:
        raise harness.Skip(f"no dummy interface: {error}")
    inside(peer.pid, "ip", "link", "set", "void", "up")
    inside(peer.pid, "ip", "link", "set", "lo", "up")
    inside(peer.pid, "ip", "address", "add", "192.0.2.1/24", "dev", "void")
    inside(peer.pid, "ip", "neighbour", "replace", SILENT, "lladdr", "02:00:00:00:00:07", "dev",
           "void")


def scenario(bench):
    for tool in ("ip", "nsenter"):
        harness.require(shutil.which(tool), f"no {tool} on this machine")
    weir = bench.weir()
    client = Peer(bench, preexec_fn=own_network)
    silent_network(client)
    answer = client("connect-later", SILENT, 4711)
    equal(answer["errno"], errno.EINPROGRESS, "the connect is under way")
    weir.settle()
    harness.check(not weir.find("process_connect", lambda e: e.body.get("sock_cookie") ==
                                str(answer["cookie"])), "nothing is said before it is decided")
    client("close")
    event = with_cookie(weir, "process_connect", answer["cookie"])
    check_owner(event, client, "unanswered")
    fields(event.body, {"source_ip": "192.0.2.1", "source_port": answer["port"],
                        "destination_ip": SILENT, "destination_port": 4711,
                        "error": lambda e: e}, "unanswered")
    equal(event.body["netns"], os.stat(f"/proc/{client.pid}/ns/net").st_ino, "network namespace")
    weir.settle()
    mine = [e.kind for e in weir.session() if e.body.get("sock_cookie") == str(answer["cookie"])]
    equal(mine, ["process_connect"], "events of that socket")
    weir.stop()


harness.main(scenario)
