"""A scripted server is at its worst once it has let weir in: it takes chunks and loses the
acknowledgement, never sends it, confirms chunks that were not sent, answers with garbage, with a list,
byte by byte, in reverse order, with no-ops and newlines, stalls in the middle of reading, is stopped
and started again. No event is lost by any of it, and what comes twice comes in the same chunk with
the same id. Then the forwarder is killed: what comes twice then has the same event id."""

import os
import signal
import socket
import threading

import fluentd_peer
import harness
import http_peer
from fluentd_peer import ACK, IGNORE, LOSE, Peer, pack
from harness import check, equal


class Script:
    """The first answers, and then all is well; the events of what was lost count as taken."""

    def __init__(self, *faults):
        self.faults = list(faults)

    def __call__(self, message):
        if not self.faults:
            return ACK
        fault = self.faults.pop(0)
        return fault(message) if callable(fault) else fault


def ack(message, suffix=""):
    return pack({"ack": message.options["chunk"] + suffix})


def deliver(bench, weir, peer, count=60):
    seq = http_peer.act_often(weir, count)
    http_peer.wait_acked(weir, seq, "fluentd")
    peer.check()
    http_peer.check_arrived(weir, seq, peer.ids(), "events", doubles=True)
    return fluentd_peer.check_doubles(peer.messages)


def loses_answers(bench):
    garbage = [b"\xc1", b"HTTP/1.1 400 Bad Request\r\n\r\n", pack(["ack", "x"]), pack({"ack": 7}),
               pack({"nack": "x"}), pack({"ack": "AAAAAAAAAAAAAAAAAAAAAA=="}), pack(3),
               b"\xdf\xff\xff\xff\xff" * 4000]
    peer = Peer(bench, Script(LOSE, LOSE, *garbage, LOSE))
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address, window=1))
    chunks = deliver(bench, weir, peer)
    check(max(chunks.values()) > 1, f"a chunk that came again: {chunks!r}")
    check(peer.connections > len(garbage), "a connection for each fault at least")
    equal(int(weir.output_status("fluentd")["rejected"]), 0, "events that were refused")
    weir.stop()


def never_answers(bench):
    """The deadline of an acknowledgement, and only of that one: others may come meanwhile."""
    peer = Peer(bench, Script(IGNORE))
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address, ack_timeout="500ms"))
    chunks = deliver(bench, weir, peer)
    check(chunks[peer.messages[0].options["chunk"]] > 1, "the chunk without an answer came again")
    check("was not acknowledged" in weir.log(), "the reason")
    weir.stop()


def answers_oddly(bench):
    """What a server may do: none of it makes anything come twice."""
    held = []

    def backwards(message):
        held.append(message)
        if len(held) < 3:
            return IGNORE
        answers = b"".join(ack(m) for m in reversed(held))
        held.clear()
        return answers

    odd = [lambda m: pack(None) + ack(m, "\n"), lambda m: ack(m, "\r\n") + pack(None) * 50,
           lambda m: pack({"x": {"y": [1, 2.0 == 2, "z"]}, "ack": m.options["chunk"].encode()})]
    peer = Peer(bench, Script(*odd, *[backwards] * 6))
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address,
                                                          batch={"max_events": 4}))
    chunks = deliver(bench, weir, peer)
    equal(set(chunks.values()), {1}, "how often each chunk came")
    equal(peer.connections, 1, "connections")
    weir.stop()


class Drip(Peer):
    """Says everything one byte a segment."""

    def _serve(self, connection, number):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super()._serve(Slow(connection), number)


class Slow:
    def __init__(self, connection):
        self.connection = connection

    def sendall(self, data):
        for byte in data:
            self.connection.send(bytes([byte]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def __getattr__(self, name):
        return getattr(self.connection, name)


def answers_bit_by_bit(bench):
    peer = Drip(bench, security=fluentd_peer.Security("k3y", {"joe": "pw"},
                                                      nonce=bytes(range(0xf0, 0x100))))
    weir = http_peer.weir_with(bench, fluentd_peer.output(
        peer.address, shared_key="k3y", username="joe", password="pw"))
    equal(set(deliver(bench, weir, peer, 20).values()), {1}, "how often each chunk came")
    weir.stop()


def answers_unasked(bench):
    """Without acknowledgement, what a server says all the same says nothing."""
    peer = Peer(bench, lambda message: pack({"ack": ""}) + pack({"ack": "x"}))
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address, acknowledge=False))
    seq = http_peer.act_often(weir, 60)
    http_peer.wait_acked(weir, seq, "fluentd")
    peer.check()
    http_peer.check_arrived(weir, seq, peer.ids(), "events")
    check(all(set(m.options) == {"size"} for m in peer.messages), "no chunk is named")
    equal(peer.connections, 1, "connections")
    weir.stop()


def stalls(bench):
    """It reads nothing for a while and no byte is lost by it; what it leaves for too long goes out
    again."""
    stall = threading.Event()
    peer = Peer(bench, Script(lambda m: (stall.wait(30), ACK)[1]))
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address, ack_timeout="1s"))
    http_peer.act_often(weir, 100)
    harness.wait_until(lambda: "was not acknowledged" in weir.log(), "the end of patience")
    stall.set()
    chunks = deliver(bench, weir, peer)
    check(max(chunks.values()) > 1, "what was left came again")
    weir.stop()


def restarts(bench):
    peer = Peer(bench)
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address))
    for _ in range(4):
        http_peer.act_often(weir, 20)
        peer.stop()
        http_peer.act_often(weir, 20)
        weir.wait_output("fluentd", "waiting")
        peer.start()
    deliver(bench, weir, peer)
    weir.stop()


def forwarder_killed(bench):
    """Batches are made anew then: an event may come in another chunk, under its own id still."""
    peer = Peer(bench)
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address))
    for _ in range(3):
        http_peer.act_often(weir, 30)
        os.kill(weir.forwarder_pid(), signal.SIGKILL)
    seq = http_peer.act_often(weir, 30)
    http_peer.wait_acked(weir, seq, "fluentd")
    http_peer.check_arrived(weir, seq, peer.ids(), "events", doubles=True)
    weir.stop()


harness.main(loses_answers, never_answers, answers_oddly, answers_bit_by_bit, answers_unasked, stalls,
             restarts, forwarder_killed)
