"""Every event goes to a real receiver, FluentServer of @fluent-org/logger, in each way that the output
knows: plain, with a shared key, with a user, with TLS, compressed, over a Unix socket, without
acknowledgement, as text, with a tag for each kind. Each event of the file arrives once, member by
member and with its time to the nanosecond. Then the receiver is ended and started again while events
come, and nothing is missing."""

import json

import fluentd_peer
import harness
import http_peer
import receivers
import tls_files
from harness import check, equal


def ids_of(lines):
    return [http_peer.event_id(line["record"]) for line in lines]


def nanoseconds(event):
    whole, _, fraction = event.time[:-1].partition(".")
    return int(fraction.ljust(9, "0"))


def check_lines(weir, lines, seq):
    """Times and members are those of the file."""
    events = {f"{e.id[0]}-{e.seq}": e for e in weir.events() if e.seq and e.seq <= seq}
    for line in lines:
        event = events.get(http_peer.event_id(line["record"]))
        if not event:
            continue
        equal(line["record"], event.json, "the record, against the event's JSON")
        equal(line["time"], [int(harness.wall_seconds(event.time)), nanoseconds(event)], "time")


def goes_every_way(bench):
    authority = tls_files.Authority(bench, "ca")
    certificate, key = authority.issue("receiver", "DNS:localhost")
    servers = {
        "plain": receivers.FluentServer(bench, "plain"),
        "keyed": receivers.FluentServer(bench, "keyed", sharedKey="k3y"),
        "user": receivers.FluentServer(bench, "user", sharedKey="k3y", users={"joe": "p4ss"}),
        "tls": receivers.FluentServer(bench, "tls", cert=str(certificate), key=str(key)),
        "gzip": receivers.FluentServer(bench, "gzip"),
        "unix": receivers.FluentServer(bench, "unix", path=str(bench.path("fluent.sock"))),
        "blind": receivers.FluentServer(bench, "blind"),
        "kinds": receivers.FluentServer(bench, "kinds"),
        "text": receivers.FluentServer(bench, "text"),
    }
    settings = {
        "keyed": {"shared_key": "k3y"},
        "user": {"shared_key": "k3y", "username": "joe", "password": "p4ss",
                 "self_hostname": "sensor-1"},
        "tls": {"transport": "tls", "tls": {"ca_file": str(authority.certificate)}},
        "gzip": {"compression": "gzip"},
        "blind": {"acknowledge": False},
        "kinds": {"tag": "weir.{kind}.{node}"},
        "text": {"format": "compact", "message_key": "line"},
    }
    weir = http_peer.weir_with(bench, *[
        fluentd_peer.output(server.address, name=name, **settings.get(name, {}))
        for name, server in servers.items()])
    seq = http_peer.act_often(weir, 60)
    for name in servers:
        http_peer.wait_acked(weir, seq, name)
    for name, server in servers.items():
        if name == "text":
            continue
        # Its answer is out before what it has taken is in the file.
        lines = harness.wait_until(lambda: server.has(weir, seq), f"{name} to write all")
        http_peer.check_arrived(weir, seq, ids_of(lines), name)
        check_lines(weir, lines, seq)
        check(name == "kinds" or {line["tag"] for line in lines} == {"weir"}, f"{name}: tags")
    for line in servers["kinds"].lines():
        kind = next(k for k in line["record"] if k not in harness.ENVELOPE)
        equal(line["tag"], f"weir.{kind}.{harness.NODE}", "tag by template")
    texts = servers["text"].lines()
    check(texts and all(set(line["record"]) == {"line"} for line in texts), "one field")
    check(any("noop" in line["record"]["line"] for line in texts), "the event as text")
    weir.stop()


def survives_restarts(bench):
    server = receivers.FluentServer(bench, "restarted", sharedKey="k3y")
    weir = http_peer.weir_with(bench, fluentd_peer.output(server.address, shared_key="k3y"))
    for _ in range(3):
        http_peer.act_often(weir, 30)
        server.end()
        http_peer.act_often(weir, 30)
        weir.wait_output("fluentd", "waiting")
        server.start()
    seq = http_peer.act_often(weir, 30)
    http_peer.wait_acked(weir, seq, "fluentd")
    lines = harness.wait_until(lambda: server.has(weir, seq), "the receiver to write all")
    http_peer.check_arrived(weir, seq, ids_of(lines), "restarts", doubles=True)
    check_lines(weir, lines, seq)
    check("k3y" not in weir.log(), "the shared key in the log")
    weir.stop()


harness.main(goes_every_way, survives_restarts)
