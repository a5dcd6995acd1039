"""The OpenTelemetry Collector's fluentforward receiver takes what weir sends, plain and compressed, and
acknowledges it; a tag for each kind, times to the nanosecond. It is ended and started again while
events come, and nothing is missing."""

import fluentd_peer
import harness
import http_peer
import receivers
from harness import check, equal

# JSON of OTLP: {"key": ..., "value": {"stringValue": ...}}
KINDS = {"stringValue": str, "intValue": int, "boolValue": bool, "doubleValue": float}


def value_of(value):
    (kind, inner), = value.items() or [(None, None)]
    if kind == "kvlistValue":
        return {pair["key"]: value_of(pair["value"]) for pair in inner.get("values", [])}
    if kind == "arrayValue":
        return [value_of(element) for element in inner.get("values", [])]
    return KINDS[kind](inner) if kind else None


def attributes(record):
    return {pair["key"]: value_of(pair["value"]) for pair in record["attributes"]}


def event_id(record):
    members = attributes(record)["weir"]
    return f"{members['boot_id']}-{members.get('seq', 'notice')}"


def takes_all(bench):
    collector = receivers.Collector(
        bench, {"fluentforward": {"endpoint": "127.0.0.1:{port}"}})
    weir = http_peer.weir_with(bench, *[
        fluentd_peer.output(f"127.0.0.1:{collector.port}", name=name, tag=f"{name}.{{kind}}",
                            compression=compression)
        for name, compression in (("plain", "none"), ("packed", "gzip"))],
        forwarder={"drain_timeout": "100ms"})
    http_peer.act_often(weir, 30)
    collector.stop()
    http_peer.act_often(weir, 30)
    weir.wait_output("plain", "waiting")
    collector.start()
    seq = http_peer.act_often(weir, 30)
    for name in ("plain", "packed"):
        http_peer.wait_acked(weir, seq, name)
    collector.stop()  # writes what it still has
    records = collector.records()
    events = {f"{e.id[0]}-{e.seq}": e for e in weir.events()}
    for name in ("plain", "packed"):
        mine = [r for r in records if attributes(r)["fluent.tag"].startswith(name + ".")]
        http_peer.check_arrived(weir, seq, [event_id(r) for r in mine], name, doubles=True)
        for record in mine:
            event = events.get(event_id(record))
            if not event:
                continue
            members = attributes(record)
            equal(members.pop("fluent.tag"), f"{name}.{event.kind}", "tag")
            equal(members[event.kind], event.body, "the event")
            nanoseconds = int(event.time[:-1].partition(".")[2].ljust(9, "0"))
            equal(int(record["timeUnixNano"]) % 10**9, nanoseconds, "time")
    check(records, "records of the collector")
    weir.stop()


harness.main(takes_all)
