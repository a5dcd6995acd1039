"""The Prometheus page is scraped while events flow. It is in the text format, every family has help
and type, every counter ends as counters do, the loss equation holds on the page itself, and it
agrees with the status. /healthz answers; anything else is not found; nobody can post."""

import re

import harness
from harness import act, check, equal

SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(\{[^{}]*\})? (-?[0-9.e+]+|NaN)$')


def check_format(page):
    families = {}
    for line in page.decode().splitlines():
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            check(text, f"help of {name}")
            families[name] = None
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split()
            check(name in families, f"help before type of {name}")
            families[name] = kind
        else:
            sample = SAMPLE.match(line)
            check(sample, f"a sample: {line!r}")
            check(families.get(sample[1]), f"a family for {line!r}")
    for name, kind in families.items():
        check(name.startswith("weir_"), f"prefix of {name}")
        equal(name.endswith("_total"), kind == "counter", f"{name} is a {kind}")
    return families


def by_label(metrics, name):
    """{(label values): value}"""
    found = {}
    for key, value in metrics.items():
        if key.partition("{")[0] == name:
            found[tuple(re.findall(r'="([^"]*)"', key))] = value
    return found


def scenario(bench):
    weir = bench.weir()
    for _ in range(50):
        harness.run_ok([act("noop"), "for-the-metrics"])
    weir.settle()
    status, headers, page = weir.http("/metrics")
    equal(status, 200, "status of /metrics")
    check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), f"type: {headers}")
    check_format(page)

    metrics = weir.metrics()
    captured = by_label(metrics, "weir_events_captured_total")
    for (kind,), count in captured.items():
        where = [by_label(metrics, f"weir_events_{name}_total").get((kind,), 0)
                 for name in ("journaled", "filtered", "limited")]
        lost = sum(value for labels, value in by_label(metrics, "weir_events_lost_total").items()
                   if kind in labels)
        equal(sum(where) + lost, count, f"captured {kind}, on the page")
    check(captured[("process_exec",)] >= 50, "execs")
    check(b"for-the-metrics" not in page, "no event text in a label")

    status, _, body = weir.http("/healthz")
    equal(status, 200, f"status of /healthz: {body}")
    equal(weir.http("/elsewhere")[0], 404, "another path")
    connection = harness.http.client.HTTPConnection("127.0.0.1", weir.port, timeout=10)
    connection.request("POST", "/metrics", b"x")
    check(connection.getresponse().status in (405, 501), "POST")
    connection.close()
    weir.stop()


harness.main(scenario)
