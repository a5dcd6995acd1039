#!/usr/bin/env python3
"""Syslog over TCP beside rsyslog and syslog-ng, in turn, on this machine: `./dev bench peers`.

Each brings the same number of events of 1 KB to a receiver that throws them away: RFC 5424, octet
counting, as one opaque text. weir reads its journal (bench_outputs), the others a file of lines, with
the largest batches that their manuals offer. What is measured is the CPU time of the whole process,
user and system, from its start until the last event has arrived; the receiver's is apart.

  syslog_us          weir
  rsyslog_ratio, syslog_ng_ratio
                     theirs over ours, the median of the pairs of one round

--json prints {"figures": [{"name", "value", "unit", "min", "max", "runs"}]}, the table otherwise.
--quick takes fewer runs.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402
import receivers  # noqa: E402

EVENTS = 200_000
EVENT_BYTES = 1024
MARK = b'{"process_exec"'
TICKS = os.sysconf("SC_CLK_TCK")


class Sink:
    """Counts the events that come over TCP."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            tail = b""
            while fresh := connection.recv(1 << 20):
                text = tail + fresh
                self.count += text.count(MARK)
                tail = text[-(len(MARK) - 1):]

    def wait(self, process):
        def arrived():
            harness.check(process.poll() is None, f"{process.args[0]} ended by itself")
            return self.count >= EVENTS
        harness.wait_until(arrived, lambda: f"{EVENTS} events of {process.args[0]}: {self.count}",
                           120)


def write_lines(path):
    with open(path, "w") as file:
        for number in range(EVENTS):
            head = f'{MARK.decode()}:{{"process":{{"pid":{number % 32768},"arguments":"'
            tail = f'"}}}},"weir":{{"seq":"{number}"}}}}'
            file.write(head + "a" * (EVENT_BYTES - len(head) - len(tail)) + tail + "\n")


def cpu_us(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS * 1e6 / EVENTS


def run_peer(argv, environment, sink):
    process = subprocess.Popen(argv, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        sink.wait(process)
        return cpu_us(process.pid)
    finally:
        process.kill()
        process.wait()


def rsyslog(directory, lines):
    program, environment = receivers.unpacked("rsyslog", "usr/sbin/rsyslogd")
    modules = receivers.cached("rsyslog", "usr", "lib", "x86_64-linux-gnu", "rsyslog")
    work = Path(tempfile.mkdtemp(dir=directory))
    sink = Sink()
    queue = 'queue.type="FixedArray" queue.size="250000" queue.dequeueBatchSize="4096"'
    (work / "conf").write_text(
        f'global(workDirectory="{work}")\n'
        f'main_queue({queue})\nmodule(load="imfile" mode="inotify")\n'
        f'input(type="imfile" file="{lines}" tag="weir" ruleset="out")\n'
        f'ruleset(name="out") {{ action(type="omfwd" target="127.0.0.1" port="{sink.port}"\n'
        f' protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format") }}\n')
    argv = [program, "-n", "-f", str(work / "conf"), "-i", str(work / "pid"), "-M", str(modules)]
    return run_peer(argv, environment, sink)


def syslog_ng(directory, lines):
    program, environment = receivers.unpacked("syslog-ng", "usr/sbin/syslog-ng")
    modules = receivers.cached("syslog-ng", "usr", "lib", "syslog-ng", "3.38")
    work = Path(tempfile.mkdtemp(dir=directory))
    sink = Sink()
    (work / "conf").write_text(
        f'@version: 3.38\noptions {{ log-msg-size(65536); stats-freq(0); use-dns(no);\n'
        f'  keep-hostname(yes); flush-lines(1000); log-fifo-size(300000); }};\n'
        f'source s {{ file("{lines}" flags(no-parse) follow-freq(1) log-iw-size(100000)\n'
        f'  log-fetch-limit(10000)); }};\n'
        f'destination d {{ syslog("127.0.0.1" transport("tcp") port({sink.port})); }};\n'
        f'log {{ source(s); destination(d); flags(flow-control); }};\n')
    argv = [program, "-F", "--no-caps", "-f", str(work / "conf"), "--module-path", str(modules),
            "-R", str(work / "persist"), "-p", str(work / "pid"), "-c", str(work / "control")]
    return run_peer(argv, environment, sink)


def weir():
    done = harness.run_ok([str(harness.BENCHES / "bench_outputs"), "--json", "syslog_us"],
                          timeout=120)
    figures = {row["name"]: row["value"] for row in json.loads(done.out)["figures"]}
    return figures["syslog_us"]


def measure(rounds):
    figures = {"syslog_us": [], "rsyslog_ratio": [], "syslog_ng_ratio": []}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        lines = Path(directory) / "lines"
        write_lines(lines)
        for _ in range(rounds):
            ours = weir()
            figures["syslog_us"].append(ours)
            figures["rsyslog_ratio"].append(rsyslog(directory, lines) / ours)
            figures["syslog_ng_ratio"].append(syslog_ng(directory, lines) / ours)
    return [{"name": name, "value": round(statistics.median(values), 3),
             "unit": "us" if name.endswith("_us") else "ratio", "min": round(min(values), 3),
             "max": round(max(values), 3), "runs": rounds} for name, values in figures.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    try:
        figures = measure(1 if options.quick else 5)
    except harness.Skip as reason:
        sys.exit(f"bench peers: {reason}")
    if options.json:
        print(json.dumps({"figures": figures}))
        return
    for row in figures:
        print(f"{row['name']:<18} {row['value']:8.3f} {row['unit']:<6}"
              f"({row['min']:.3f} to {row['max']:.3f}, {row['runs']} runs)")


if __name__ == "__main__":
    main()
