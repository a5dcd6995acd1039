"""Three outputs on one journal: a file, a receiver that is not there (connection refused), and one that
answers so slowly that it takes one event for each hundred that the file has. A storm of processes runs:
when the file has all of it, the slow one has at most its hundredth and what its window holds, the dead
one nothing, and nothing is lost, retried or held up for the file. Then the dead one comes alive and the
slow one fast: each gets everything, once."""

import threading

import harness
import http_peer
from harness import act, check, equal
from http_peer import Answer, Peer

STORM = 4000  # 4 events each and more: several batches of the file, hundreds of the slow one
BATCH = 20
CONCURRENCY = 2


class Slow:
    """Answers a request when the file has a hundred times what was answered by then."""

    def __init__(self, weir):
        self.weir = weir
        self.lock = threading.Lock()
        self.answered = 0
        self.released = threading.Event()
        self.known = 0

    def has_room(self, events):
        return (self.answered + events) * 100 <= self.known

    def answer(self, request):
        events = len(request.lines())
        while not self.released.wait(0.01):
            with self.lock:
                if self.has_room(events):
                    self.answered += events
                    return Answer(200)
        with self.lock:
            self.answered += events
        return Answer(200)


def output(name, port, **settings):
    return http_peer.output(name, url=f"http://127.0.0.1:{port}", concurrency=CONCURRENCY,
                            timeout="10m", batch={"max_events": BATCH, "max_age": "20ms"},
                            **settings)


def ids(peer):
    return [http_peer.event_id(event) for request in peer.requests for event in request.lines()]


def run_storm(weir, slow):
    word = harness.marker("storm")
    done = []
    storm = threading.Thread(target=lambda: done.append(
        harness.run_ok([act("fork_storm"), str(STORM), act("noop"), word], timeout=180)))
    storm.start()
    while storm.is_alive():
        slow.known = len(weir.events())
        storm.join(0.05)
    check(done, "the storm ran to its end")
    weir.settle(120)
    slow.known = len(weir.events())


def scenario(bench):
    weir = bench.weir(start=False)
    slow = Slow(weir)
    slow_peer = Peer(bench, slow.answer)
    bench.on_exit(slow.released.set)
    dead_port = harness.free_port()
    weir.config["outputs"] += [output("dead", dead_port), output("slow", slow_peer.port)]
    weir.config["forwarder"]["drain_timeout"] = "60s"
    weir.write_config(weir.config)
    weir.start()
    run_storm(weir, slow)

    seq = weir.session()[-1].seq
    check(seq > 3 * STORM, f"events of the storm: {seq}")
    file, dead = weir.output_status("events"), weir.output_status("dead")
    now = weir.output_status("slow")
    check(int(file["acked_seq"]) >= seq, "the file is where the journal is")
    equal((file["state"], int(file["retries"]), int(file["missed"])), ("up", 0, 0), "the file")
    equal((dead["state"], int(dead["delivered"])), ("waiting", 0), "the dead one")
    check("127.0.0.1" in dead["last_error"] and dead["to_do"], f"what it says: {dead}")
    check(int(dead["pending"]) >= seq and int(dead["lag_bytes"]) > seq * 100, f"its lag: {dead}")
    check(int(now["delivered"]) <= seq // 100 + 1, f"the slow one's share: {now['delivered']}")
    check(int(now["in_flight"]) <= int(now["window"]) * BATCH, f"its window: {now}")
    equal([e for e in weir.session() if e.kind == "weir_loss"], [], "losses")

    dead_peer = Peer(bench, lambda request: Answer(200), port=dead_port)
    slow.released.set()
    for name, peer in (("dead", dead_peer), ("slow", slow_peer)):
        http_peer.wait_acked(weir, seq, name, 120)
        http_peer.check_arrived(weir, seq, ids(peer), name)
        equal(int(weir.output_status(name)["missed"]), 0, f"{name}: missed")
    weir.stop()


harness.main(scenario)
