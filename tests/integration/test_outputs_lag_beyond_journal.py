"""The journal may take 4 MiB, and a receiver takes several requests at once and answers none of them,
while more than that is written. Then it answers. What went from the journal meanwhile is counted as
missed and told to that output in weir_loss events that name exactly what it lacks; everything else
arrived; the file beside it has all and is told of no loss."""

import threading

import harness
import http_peer
from harness import act, check, equal
from http_peer import Answer, Peer

PADDING = "p" * 8000
CONCURRENCY = 3


def arrived(peer):
    events = [event for request in list(peer.requests) for event in request.lines()]
    return ([e for e in events if "seq" not in e["weir"]],
            {int(e["weir"]["seq"]) for e in events if "seq" in e["weir"]})


def write_until_dropped(weir, records):
    word = harness.marker("fill")

    def reached():
        weir.alive()
        for _ in range(20):
            harness.run_ok([act("noop"), word, PADDING])
        return int(weir.status()["journal"]["dropped_records"]) >= records
    harness.wait_until(reached, f"{records} dropped records", 60)


def scenario(bench):
    open_again = threading.Event()

    def answer(request):
        open_again.wait()
        return Answer(200)

    peer = Peer(bench, answer)
    bench.on_exit(open_again.set)
    weir = http_peer.weir_with(
        bench,
        http_peer.output("http", url=peer.url, concurrency=CONCURRENCY, timeout="10m"),
        journal={"max_bytes": "4MiB", "segment_bytes": "1MiB"})
    write_until_dropped(weir, 800)
    status = weir.output_status("http")
    equal((int(status["delivered"]), int(status["missed"])), (0, 0), "while it stands still")
    check(1 < int(status["window_used"]) <= int(status["window"]), f"its window: {status}")
    open_again.set()
    weir.settle()
    seq = weir.session()[-1].seq
    status = http_peer.wait_acked(weir, seq)
    losses, seen = arrived(peer)
    check(losses, "losses are told")
    equal({loss["weir_loss"]["cause"] for loss in losses}, {"journal_full"}, "what they tell")
    missing = set(range(min(seen), seq + 1)) - seen
    told = [number for loss in losses for number in range(
        int(loss["weir_loss"]["first_seq"]), int(loss["weir_loss"]["last_seq"]) + 1)]
    equal(sorted(told), sorted(missing), "what is missing is told, once")
    equal(int(status["missed"]), len(missing), "counted as missed")
    check(len(missing) > 100, f"missing: {len(missing)}")
    equal(weir.find("weir_loss"), [], "told to the output that lost nothing")
    weir.stop()


harness.main(scenario)
