#!/usr/bin/env python3
"""What delivery costs, measured on this machine in one go: `./dev bench outputs`.

CPU time of the forwarder, its threads and its start included, for each event of 1 KB that it brings
from the journal to a receiver that takes and discards it; the receiver is a process of its own, whose
time is apart (bench_outputs). Medians, with the least and the greatest.

  null_us                reading, batching, the cursor: what every output pays
  syslog_us              TCP, octet counting
  forward_us             Fluentd, with acknowledgements
  http_us, https_us      Elasticsearch's _bulk, without compression; the same over TLS
  kafka_us, kafka_lz4_us with librdkafka and its threads
  rsyslog_ratio, syslog_ng_ratio
                         their CPU for the same work as syslog_us over ours (peers.py); left out, with
                         a word, where they are not installed

--json prints {"figures": [{"name", "value", "unit", "min", "max", "runs"}]}, the table otherwise.
--quick compares with the others once only.
"""

import argparse
import json
import sys

import peers
from peers import harness


def own_figures(names):
    done = harness.run_ok([str(harness.BENCHES / "bench_outputs"), "--json", *names], timeout=600)
    return [row for row in json.loads(done.out)["figures"] if not row["name"].startswith("deliver_")]


def compared(rounds):
    try:
        return [row for row in peers.measure(rounds) if row["name"].endswith("_ratio")]
    except harness.Skip as reason:
        print(f"not compared with others: {reason}", file=sys.stderr)
        return []


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--quick", action="store_true", help="compare once")
    parser.add_argument("figures", nargs="*", help="names of our own figures; default: everything")
    options = parser.parse_args()
    figures = own_figures(options.figures)
    if not options.figures:
        figures += compared(1 if options.quick else 5)
    if options.json:
        print(json.dumps({"figures": figures}))
        return
    for row in figures:
        print(f"{row['name']:<24} {row['value']:10.3f} {row['unit']:<8}"
              f"({row['min']:.3f} to {row['max']:.3f}, {row['runs']} runs)")


if __name__ == "__main__":
    main()
