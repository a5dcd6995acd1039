"""The real VictoriaLogs takes the same events three ways: Elasticsearch's _bulk (gzip), Loki's push
and JSON lines (zstd). It is stopped and started again in the middle. A query for each shows that every
event of the file arrived, once where the receiver told of each, and with its own time."""

import harness
import http_peer
import receivers
from harness import equal

WAYS = ("bulk", "loki", "lines")


def outputs(store):
    base = f"http://localhost:{store.port}/insert"
    account = {name: [f"AccountID: {i}"] for i, name in enumerate(WAYS, 1)}
    return [
        http_peer.output("bulk", url=f"{base}/elasticsearch?_time_field=@timestamp",
                         profile="elasticsearch", elasticsearch={"index": ""},
                         compression="gzip", headers=account["bulk"]),
        http_peer.output("loki", url=base, profile="loki", headers=account["loki"],
                         loki={"labels": ["job=weir", "host={node}"]}),
        http_peer.output("lines", url=f"{base}/jsonline?_time_field=time&_msg_field=time",
                         compression="zstd", headers=account["lines"]),
    ]


def ids(store, name):
    found = store.events(WAYS.index(name) + 1)
    if name == "loki":
        return [e["weir_id"] for e in found]
    return [f"{e['weir.boot_id']}-{e['weir.seq']}" for e in found]


def scenario(bench):
    store = receivers.VictoriaLogs(bench)
    weir = http_peer.weir_with(bench, *outputs(store))
    first = http_peer.act_often(weir)
    for name in WAYS:
        http_peer.wait_acked(weir, first, name)
    store.stop()
    seq = http_peer.act_often(weir)
    for name in WAYS:
        weir.wait_output(name, "waiting")
    store.start()
    for name in WAYS:
        status = http_peer.wait_acked(weir, seq, name)
        equal(int(status["rejected"]), 0, f"{name}: rejected")
        harness.wait_until(lambda: len(set(ids(store, name))) >= seq, f"{name} to be visible")
        http_peer.check_arrived(weir, seq, ids(store, name), name, doubles=True)
    check_content(weir, store)
    weir.stop()


def check_content(weir, store):
    """One event, as the store has it."""
    event = next(e for e in weir.session() if e.kind == "process_exec")
    stored = next(e for e in store.events(1) if e["weir.seq"] == str(event.seq))
    equal(stored["process_exec.process.binary"], event.process["binary"], "binary")
    equal(stored["process_exec.process.exec_id"], event.process["exec_id"], "exec_id")
    equal(stored["_time"].rstrip("Z0"), event.time.rstrip("Z0"), "time, to the nanosecond")
    equal(store.events(2)[0]["job"], "weir", "label of the stream")


harness.main(scenario)
