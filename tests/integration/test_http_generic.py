"""JSON lines, gzip and an array go to a scripted receiver. Every event of the file arrives once and in
order, under the configured headers, with a signature that fits the bytes that were sent. Then the
receiver is at its worst: it loses answers, sends garbage where there should be HTTP, asks for time,
says that bodies are too large, refuses one poisonous event, points elsewhere, wants another token. No
event is lost by any of it, what comes twice has the same id, the poisonous one is in the dead letters
alone, and the token stands in no log, even though the receiver repeats it."""

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
    check("\x1b" not in weir.log(), "an escape of the peer's in the log")
    weir.stop()


def holds(bench):
    """A configuration's fault is told with what to do, and nothing is lost by it."""
    answers = [Answer(401, f"token {TOKEN} is unknown"), Answer(404, "no such thing"),
               Answer(301, "", {"Location": "http://elsewhere.example/x?secret=1"})]
    for answer, words in zip(answers, ("check token", "check url", "http://elsewhere.example/x:")):
        peer = Peer(bench, lambda r: answer)
        weir = bench.weir(start=False, name=f"weir-{answer.status}")
        weir.config["outputs"].append(http_peer.output(url=peer.url, token=TOKEN))
        weir.config["forwarder"]["drain_timeout"] = "1s"
        weir.write_config(weir.config)
        weir.start()
        weir.wait_output("http", "held")
        error = weir.output_status("http")["last_error"]
        check(words in error and f"localhost:{peer.port}" in error, f"words: {error!r}")
        check("secret=1" not in error, "a query in the error")
        equal(int(weir.output_status("http")["rejected"]), 0, "rejected")
        check(TOKEN not in weir.log() + error, "the token in the log or the error")
        equal(len(peer.requests), 1, "requests while held")
        weir.stop()


def systematic_refusal_is_held(bench):
    """Where every event is refused, not all there is goes to the dead letters."""
    peer = Peer(bench, lambda r: Answer(400, "no"))
    weir = http_peer.weir_with(bench, http_peer.output(url=peer.url),
                               forwarder={"drain_timeout": "1s"})
    http_peer.act_often(weir, 20)
    weir.wait_output("http", "held")
    equal(len(http_peer.dead_letters(weir)), 3, "dead letters")
    check("looks like the configuration" in weir.output_status("http")["last_error"], "words")
    weir.stop()


def takes_a_new_token(bench):
    """A token that was revoked holds the output; the new one is read by `weir reload`."""
    peer = Peer(bench, lambda r: Answer(200 if r.headers["authorization"] == "Bearer new" else 403))
    token = bench.path("token")
    token.write_text("old\n")
    weir = http_peer.weir_with(bench, http_peer.output(url=peer.url, token={"file": str(token)}))
    weir.wait_output("http", "held")
    token.write_text("new\n")
    equal(weir.verb("reload", "--socket", weir.socket).status, 0, "reload")
    seq = http_peer.act_often(weir, 5)
    http_peer.wait_acked(weir, seq)
    arrived = [r for r in peer.requests if r.headers["authorization"] == "Bearer new"]
    http_peer.check_arrived(weir, seq, ids(arrived), "with the new token")
    weir.stop()


harness.main(delivers, signs_what_is_sent, survives, holds, systematic_refusal_is_held,
             takes_a_new_token)
