"""The real OpenTelemetry Collector takes events by OTLP over HTTP, is stopped and started again in
the middle, and writes what it has to a file: every event is there, byte for byte, under its id, with
its time in nanoseconds."""

import harness
import http_peer
import receivers
from harness import check, equal


def attribute(record, name):
    return next(a["value"]["stringValue"] for a in record["attributes"] if a["key"] == name)


def scenario(bench):
    collector = receivers.Collector(
        bench, {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:{port}"}}}})
    weir = http_peer.weir_with(bench, http_peer.output(
        url=f"http://localhost:{collector.port}", profile="otlp", compression="zstd"))
    http_peer.wait_acked(weir, http_peer.act_often(weir))
    collector.stop()
    seq = http_peer.act_often(weir)
    weir.wait_output("http", "waiting")
    collector.start()
    status = http_peer.wait_acked(weir, seq)
    equal(int(status["rejected"]), 0, "rejected")

    ids = lambda: [attribute(record, "weir.id") for record in collector.records()]
    harness.wait_until(lambda: len(set(ids())) >= seq, "all to be in the collector's file")
    http_peer.check_arrived(weir, seq, ids(), "collector", doubles=True)
    records = {attribute(record, "weir.id"): record for record in collector.records()}
    for event in weir.session():
        record = records.get(f"{event.id[0]}-{event.seq}")
        if not record:
            check(event.seq > seq, f"{event.seq} is there")
            continue
        equal(record["body"]["stringValue"].encode(), event.line, "the event itself")
        equal(attribute(record, "event.name"), event.kind, "kind")
        equal(int(record["timeUnixNano"]) // 10**9, int(harness.wall_seconds(event.time)), "time")
    weir.stop()


harness.main(scenario)
