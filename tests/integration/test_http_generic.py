"""JSON lines, gzip and an array go to a scripted receiver. Every event of the file arrives once and in
order, under the configured headers, with a signature that fits the bytes that were sent. Then the
receiver is at its worst: it loses answers, sends garbage where there should be HTTP, asks for time,
says that bodies are too large, refuses one poisonous event. No event is lost by any of it, what comes
twice has the same id, and the poisonous one is in the dead letters alone."""

import hashlib
import hmac
import json

import harness
import http_peer
from harness import check, equal
from http_peer import Answer, LOSE, Peer

TOKEN = "tok-5e4d3c2b1a"
KEY = "signing-key-0815"


def ids(requests):
    return [http_peer.event_id(event) for request in requests for event in request.lines()]


def delivers(bench):
    plain = Peer(bench, lambda r: Answer(204))
    packed = Peer(bench, lambda r: Answer(200, "ok"))
    array = Peer(bench, lambda r: Answer(201))
    weir = http_peer.weir_with(
        bench,
        http_peer.output("plain", url=plain.url + "/in/{node}?a=b", token=TOKEN,
                         headers=["X-Node: {node}/{output}"]),
        http_peer.output("packed", url=packed.url, compression="gzip", user="joe", password="pw",
                         generic={"signature_header": "X-Signature", "signature_key": KEY}),
        http_peer.output("array", url=array.url, generic={"body": "array"}))
    seq = http_peer.act_often(weir)
    for name in ("plain", "packed", "array"):
        http_peer.wait_acked(weir, seq, name)
    http_peer.check_arrived(weir, seq, ids(plain.requests), "plain")
    http_peer.check_arrived(weir, seq, ids(packed.requests), "packed")
    arrived = [e for r in array.requests for e in json.loads(r.body)]
    http_peer.check_arrived(weir, seq, [http_peer.event_id(e) for e in arrived], "array")
    numbers = [int(e["weir"]["seq"]) for r in plain.requests for e in r.lines()]
    equal(numbers, sorted(numbers), "order of one request at a time")
    lines = {line for r in plain.requests for line in r.body.splitlines()}
    check({e.line for e in weir.session() if e.seq <= seq} <= lines, "byte for byte as in the file")

    request = plain.requests[0]
    equal(request.path, f"/in/{harness.NODE}?a=b", "path")
    equal(request.headers["x-node"], f"{harness.NODE}/plain", "templated header")
    equal(request.headers["authorization"], f"Bearer {TOKEN}", "token")
    equal(request.headers["content-type"], "application/x-ndjson", "type of the body")
    equal(array.requests[0].headers["content-type"], "application/json", "type of an array")
    equal(packed.requests[0].headers["authorization"], "Basic am9lOnB3", "user and password")
    equal(plain.connections, 1, "connections for all requests")
    weir.stop()


def signs_what_is_sent(bench):
    """Without compression the peer sees the bytes that were signed."""
    peer = Peer(bench, lambda r: Answer(200))
    weir = http_peer.weir_with(bench, http_peer.output(
        url=peer.url, generic={"signature_header": "X-Signature", "signature_key": KEY}))
    http_peer.wait_acked(weir, http_peer.act_often(weir, 5))
    for request in peer.requests:
        digest = hmac.new(KEY.encode(), request.body, hashlib.sha256).hexdigest()
        equal(request.headers["x-signature"], f"sha256={digest}", "signature")
    weir.stop()


class Worst:
    """One fault after the other, each a few times, and then all is well."""

    def __init__(self):
        self.faults = [LOSE, Answer(503, "busy"), Answer(429, "slow", {"Retry-After": "1"}), LOSE,
                       Answer(500, "oops"), Answer(408), Answer(502, b"\x1b[31m<html>\r\n" * 50)]
        self.taken = []

    def __call__(self, request):
        if self.faults:
            fault = self.faults.pop(0)
            if fault is LOSE:
                self.taken.append(request)  # it is the answer that is lost
            return fault
        if len(request.lines()) > 30:
            return Answer(413, "too large")
        if any("poison" in line for line in map(json.dumps, request.lines())):
            return Answer(400, "what is this")
        self.taken.append(request)
        return Answer(200)


def survives(bench):
    worst = Worst()
    peer = Peer(bench, worst)
    weir = http_peer.weir_with(bench, http_peer.output(url=peer.url))
    first = http_peer.act_often(weir, 60)
    http_peer.wait_acked(weir, first)
    harness.run_ok([harness.act("noop"), "poison"])
    seq = http_peer.act_often(weir, 60)
    status = http_peer.wait_acked(weir, seq)
    poisoned = [e for e in weir.session() if "poison" in e.line.decode()]
    check(poisoned, "poisonous events in the file")
    equal(int(status["rejected"]), len(poisoned), "rejected")
    letters = http_peer.dead_letters(weir)
    equal(sorted(int(letter["seq"]) for letter in letters), sorted(e.seq for e in poisoned),
          "dead letters")
    check(all("400" in letter["reason"] and "what is this" in letter["reason"]
              for letter in letters), f"reasons: {letters!r}")
    arrived = ids(worst.taken) + [f"{e.id[0]}-{e.seq}" for e in poisoned]
    http_peer.check_arrived(weir, seq, arrived, "after all of it", doubles=True)
    check(peer.requests[3].at - peer.requests[2].at >= 1, "no sooner than Retry-After says")
    check("\x1b" not in weir.log(), "an escape of the peer's in the log")
    weir.stop()


harness.main(delivers, signs_what_is_sent, survives)
