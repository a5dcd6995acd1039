"""A scripted HTTP Event Collector with indexer acknowledgement, behind a load balancer's cookie. Some
acknowledgements come late, some never: what was never confirmed goes out again under the same id, and
nothing counts as delivered before its indexer said so. A token without acknowledgement holds the
output. The collector's words about one invalid event send that one alone to the dead letters."""

import json

import harness
import http_peer
from harness import check, equal
from http_peer import Answer, Peer

TOKEN = "0f1e2d3c-aaaa-bbbb-cccc-123456789abc"


def events_of(body):
    decoder, text, found = json.JSONDecoder(), body.decode(), []
    while text.strip():
        event, end = decoder.raw_decode(text)
        found.append(event)
        text = text[end:].lstrip()
    return found


class Collector:
    """Takes events; an indexer confirms each request but those in `forgotten`."""

    def __init__(self, forgotten=()):
        self.batches = []  # (ticket, events)
        self.confirmed = []
        self.forgotten = set(forgotten)
        self.asked = {}
        self.confirming = True

    def __call__(self, request):
        check(request.headers["authorization"] == f"Splunk {TOKEN}", "token")
        if request.path == "/services/collector/event":
            ticket = len(self.batches)
            self.batches.append((ticket, events_of(request.body)))
            return Answer(200, {"text": "Success", "code": 0, "ackId": ticket},
                          {"Set-Cookie": "node=indexer7; Path=/"})
        equal(request.path, "/services/collector/ack", "path")
        equal(request.headers.get("cookie"), "node=indexer7", "the load balancer's cookie")
        return Answer(200, {"acks": {str(n): self.confirm(n) for n in json.loads(request.body)["acks"]}})

    def confirm(self, ticket):
        self.asked[ticket] = self.asked.get(ticket, 0) + 1
        if not self.confirming or ticket in self.forgotten or self.asked[ticket] < 2:
            return False
        self.confirmed += self.batches[ticket][1]
        return True


def ids(events):
    return [event["fields"]["weir_id"] for event in events]


def splunk(peer, **settings):
    options = {"ack": True, "ack_interval": "50ms", "ack_timeout": "1s", "index": "main",
               **settings}
    return http_peer.output(url=peer.url, profile="splunk", token=TOKEN, splunk=options)


def acknowledges(bench):
    collector = Collector(forgotten=[1])
    collector.confirming = False
    peer = Peer(bench, collector)
    weir = http_peer.weir_with(bench, splunk(peer))
    seq = http_peer.act_often(weir)
    harness.wait_until(lambda: len(collector.batches) > 2, "batches taken")
    equal(int(weir.output_status("http")["delivered"]), 0, "delivered before any confirmation")
    collector.confirming = True
    http_peer.wait_acked(weir, seq)
    http_peer.check_arrived(weir, seq, ids(collector.confirmed), "confirmed", doubles=True)
    sent_again = set(ids(collector.batches[1][1]))
    check(sent_again <= set(ids(e for t, b in collector.batches if t > 1 for e in b)),
          "what was never confirmed came again")
    channels = {r.headers["x-splunk-request-channel"] for r in peer.requests}
    equal(len(channels), 1, "channels")
    event = collector.batches[0][1][0]
    equal((event["host"], event["source"], event["sourcetype"], event["index"]),
          (harness.NODE, "weir", "tetragon:json", "main"), "metadata")
    raw = peer.requests[0].body
    check(b'"time":%.0f' % (event["time"] // 1) in raw and raw.count(b'"time":') > 0, "time")
    weir.stop()


def without_acknowledgement_is_held(bench):
    peer = Peer(bench, lambda r: Answer(200, {"text": "Success", "code": 0}))
    weir = http_peer.weir_with(bench, splunk(peer), forwarder={"drain_timeout": "1s"})
    weir.wait_output("http", "held")
    check("splunk.ack" in weir.output_status("http")["last_error"], "words")
    equal(int(weir.output_status("http")["delivered"]), 0, "delivered")
    weir.stop()


def one_invalid_event(bench):
    taken = []

    def answer(request):
        events = events_of(request.body)
        for i, event in enumerate(events):
            if "poison" in json.dumps(event["event"]):
                return Answer(400, {"text": "Invalid data format", "code": 6,
                                    "invalid-event-number": i})
        taken.extend(events)
        return Answer(200, {"text": "Success", "code": 0})

    weir = http_peer.weir_with(bench, splunk(Peer(bench, answer), ack=False))
    harness.run_ok([harness.act("noop"), "poison"])
    seq = http_peer.act_often(weir, 20)
    http_peer.wait_acked(weir, seq)
    poisoned = {e.seq for e in weir.session() if b"poison" in e.line}
    letters = http_peer.dead_letters(weir)
    equal({int(letter["seq"]) for letter in letters}, poisoned, "dead letters")
    check(all(letter["reason"] == "Invalid data format" for letter in letters), f"{letters!r}")
    boot = weir.session()[0].id[0]
    http_peer.check_arrived(weir, seq, ids(taken) + [f"{boot}-{n}" for n in poisoned], "splunk",
                            doubles=True)
    weir.stop()


harness.main(acknowledges, without_acknowledgement_is_held, one_invalid_event)
