#!/usr/bin/env python3
"""What the sensor costs, measured on this machine in one go: `./dev bench sensor`.

Every figure that compares is a paired one: without weir, with weir, in turn, several times over,
and the figure is the median of the pairs' ratios or differences. Load that others put on the
machine then falls on both sides. A side is the median of short slices, so that a slow moment does
not make the figure. CPU time is that of the whole loop, user and system, so what weir's programs
take in the kernel is in it; weir's own two processes are shown beside.

  known_event_us, exec_event_us, collector_events_per_s, splice_ratio
                         the collector's own code on recorded bytes (bench_collector, bench_pipeline)
  exec_overhead_percent  CPU of a spawn-exec-exit loop with weir over without
  kernel_exec_us         run time of weir's programs per exec+exit (kernel.bpf_stats_enabled)
  tcp_overhead_percent   CPU of a connect-accept-close loop on loopback
  rss_mib                both processes, resident, with 10,000 live processes
  start_ms               launch until the first event is in the output, with 1,000 processes
  storm                  so many seconds of exec: each seen or counted; the books balance

--json prints {"figures": [{"name", "value", "unit", "min", "max", "runs"}]}, the table otherwise.
--quick takes fewer and shorter runs, to see that it works.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402

STATS = Path("/proc/sys/kernel/bpf_stats_enabled")


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, name, samples, unit, how):
        self.rows.append({"name": name, "value": round(statistics.median(samples), 3),
                          "unit": unit, "min": round(min(samples), 3),
                          "max": round(max(samples), 3), "runs": len(samples), "how": how})

    def print_table(self):
        print(f"{'figure':<26}{'median':>11}  {'unit':<9}{'min':>10}{'max':>11}{'runs':>6}  how")
        for row in self.rows:
            print(f"{row['name']:<26}{row['value']:>11g}  {row['unit']:<9}{row['min']:>10g}"
                  f"{row['max']:>11g}{row['runs']:>6}  {row['how']}")

    def print_json(self):
        print(json.dumps({"figures": [{k: v for k, v in row.items() if k != "how"}
                                      for row in self.rows]}))


# --- one run -----------------------------------------------------------------------------------

SLICES = 8


def storm(*arguments):
    done = harness.run_ok([harness.act("storm"), *map(str, arguments)], timeout=300)
    return json.loads(done.out)


def cpu_us_per_round(result):
    return (result["user_ns"] + result["system_ns"]) / result["iterations"] / 1e3


def sliced(seconds, *arguments):
    """(CPU per round, rounds): the median of short runs, and how many rounds all had."""
    results = [storm(*arguments, "for", seconds / SLICES) for _ in range(SLICES)]
    return (statistics.median(map(cpu_us_per_round, results)),
            sum(result["iterations"] for result in results))


def stop_unchecked(weir):
    weir.process.terminate()
    weir.wait_ended(60)


def cpu_seconds(pid):
    """What the threads of a living process have run; in nanoseconds, where stat has ticks."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


class WithWeir:
    """One weir with the default output to a file; what weir says of itself goes to a second one,
    for reading millions of events back would be most of the work. The books must balance."""

    def __init__(self):
        self.bench = harness.Bench("bench")

    def __enter__(self):
        weir = self.weir = self.bench.weir(start=False)
        weir.config["outputs"] = [
            {"name": "events", "type": "file", "path": str(weir.out / "all.json"), "keep": 1},
            {"name": "notices", "type": "file", "path": str(weir.output_path),
             "events": ["weir_start", "weir_stop", "weir_loss"]}]
        weir.write_config(weir.config)
        weir.launch()
        # The loop answers once everything is attached.
        harness.wait_until(lambda: weir.alive() and weir.verb(
            "status", "--socket", weir.socket).status == 0, "weir to answer")
        return weir

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                stop_unchecked(self.weir)
                harness.check_balance(self.weir.accounts(), "weir_stop")
            else:
                self.bench.print_logs()
        finally:
            self.bench.close()


def drained(weir):
    """Waits until all that has happened is delivered; returns the accounts of then."""
    def captured():
        return harness.accounts_of(weir.status()["events"])
    before = captured().get("process_exit", {"captured": 0})["captured"]
    harness.run_ok([harness.act("noop")])
    harness.wait_until(lambda: captured().get("process_exit", {"captured": 0})["captured"]
                       > before, "the last exit")
    last = int(weir.status()["journal"]["last_seq"])
    harness.wait_until(lambda: int(weir.output_status()["acked_seq"]) >= last, "delivery", 120)
    return captured()


# --- overhead of loops -------------------------------------------------------------------------

def paired(runs, loop):
    """[(without, with, weir's own CPU per round)] in us, of `runs` pairs; loop() gives what
    sliced() does. What is still in the ring when a loop ends is some hundredth of it."""
    loop()  # caches warm
    pairs = []
    for i in range(runs):
        def plain():
            return loop()[0]

        def watched():
            with WithWeir() as weir:
                pids = [weir.process.pid, weir.forwarder_pid()]
                before = [cpu_seconds(pid) for pid in pids]
                cost, rounds = loop()
                own = sum(map(cpu_seconds, pids)) - sum(before)
            return cost, own * 1e6 / rounds
        if i % 2:
            with_weir, own = watched()
            without = plain()
        else:
            without = plain()
            with_weir, own = watched()
        pairs.append((without, with_weir, own))
    return pairs


def report_pairs(figures, prefix, pairs, what):
    figures.add(f"{prefix}_overhead_percent", [(b / a - 1) * 100 for a, b, _ in pairs], "percent",
                f"CPU of {what}, with weir over without, paired")
    figures.add(f"{prefix}_added_us", [b - a for a, b, _ in pairs], "us",
                f"CPU added per {what}, paired")
    figures.add(f"{prefix}_base_us", [a for a, _, _ in pairs], "us", f"CPU per {what}, no weir")
    figures.add(f"{prefix}_collector_us", [own for _, _, own in pairs], "us",
                "CPU of weir's two processes per round")


def exec_overhead(figures, options):
    noop = harness.act("noop")
    pairs = paired(options.runs, lambda: sliced(options.seconds, "exec", noop))
    report_pairs(figures, "exec", pairs, "spawn+exec+exit")


def tcp_overhead(figures, options):
    pairs = paired(options.runs, lambda: sliced(options.seconds, "tcp"))
    report_pairs(figures, "tcp", pairs, "connect+accept+close")


def idle_overhead(figures, options):
    """A process that neither forks, executes nor connects: it makes system calls."""
    pairs = paired(options.runs, lambda: sliced(options.seconds, "calls"))
    figures.add("bystander_overhead_percent", [(b / a - 1) * 100 for a, b, _ in pairs], "percent",
                "CPU of a loop of getppid, with weir over without, paired")


# --- kernel side -------------------------------------------------------------------------------

def program_times():
    """{(id, name): (run time ns, runs)} of all loaded programs."""
    done = harness.run(["bpftool", "-j", "prog", "show"])
    if done.status:
        return None
    return {(p["id"], p.get("name", "")): (p.get("run_time_ns", 0), p.get("run_cnt", 0))
            for p in json.loads(done.out)}


def kernel_cost_of(options, *arguments):
    """[us per round] of `runs` storms. Reading the clock around each run of a program is in it, and
    dear on a virtual machine: an upper bound."""
    samples = []
    for _ in range(options.runs):
        others = set(program_times())
        with WithWeir():
            start = program_times()
            result = storm(*arguments, "times", options.count)
            end = program_times()
        spent = sum(end[key][0] - start[key][0] for key in end
                    if key in start and key not in others)
        samples.append(spent / result["iterations"] / 1e3)
    return samples


def kernel_cost(figures, options):
    """Run time of every program that weir loaded, over the rounds of a storm."""
    if program_times() is None:
        print("kernel_exec_us: skipped, no bpftool", file=sys.stderr)
        return
    before = STATS.read_text()
    STATS.write_text("1")
    try:
        execs = kernel_cost_of(options, "exec", harness.act("noop"))
        connections = kernel_cost_of(options, "tcp")
    finally:
        STATS.write_text(before)
    figures.add("kernel_exec_us", execs, "us",
                "run time of weir's programs per spawn+exec+exit (bpf_stats)")
    figures.add("kernel_tcp_us", connections, "us", "the same per connect+accept+close")


# --- memory and start --------------------------------------------------------------------------

class Crowd:
    """So many idle processes."""

    def __init__(self, count):
        self.child = subprocess.Popen([harness.act("storm"), "idle", str(count)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


def memory_mib(pid, field):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise harness.Failure(f"no {field} of {pid}")


def memory(figures, options):
    rss, pss = [], []
    for _ in range(max(3, options.runs // 2)):
        with Crowd(10_000), WithWeir() as weir:
            storm("exec", harness.act("noop"), "times", 500)
            drained(weir)
            pids = [weir.process.pid, weir.forwarder_pid()]
            rss.append(sum(memory_mib(pid, "Rss") for pid in pids))
            pss.append(sum(memory_mib(pid, "Pss") for pid in pids))
    figures.add("rss_mib", rss, "MiB", "resident, both processes, 10,000 live processes")
    figures.add("pss_mib", pss, "MiB", "the same, shared pages counted once")


def start_time(figures, options):
    samples = []
    with Crowd(1_000):
        for _ in range(options.runs):
            bench = harness.Bench("bench")
            try:
                weir = bench.weir(start=False)
                began = time.monotonic()
                weir.launch()
                harness.wait_until(lambda: weir.alive() and weir.find("process_exec"),
                                   "the first process_exec")
                samples.append((time.monotonic() - began) * 1e3)
                stop_unchecked(weir)
            finally:
                bench.close()
    figures.add("start_ms", samples, "ms", "launch to the first process_exec in the output file")


# --- the long storm ----------------------------------------------------------------------------

def long_storm(figures, options):
    """Losses are allowed, uncounted ones are not: what the loop did is what was captured."""
    with WithWeir() as weir:
        before = drained(weir)["process_exec"]["captured"]
        result = storm("exec", harness.act("noop"), "for", options.storm)
        accounts = drained(weir)
        harness.check_balance(accounts, "status after the storm")
        seen = accounts["process_exec"]["captured"] - before
        harness.check(seen >= result["iterations"], f"captured {seen} of {result['iterations']}")
        lost = harness.lost_total(accounts)
        rss = sum(memory_mib(pid, "Rss") for pid in (weir.process.pid, weir.forwarder_pid()))
    figures.add("storm_execs_per_s", [result["iterations"] / (result["wall_ns"] / 1e9)], "1/s",
                f"spawn+exec+exit for {options.storm:g} s, one loop")
    figures.add("storm_lost", [lost], "events", "lost in the storm; the books balance")
    figures.add("storm_rss_mib", [rss], "MiB", "resident, both processes, after the storm")


# --- the collector's own path ------------------------------------------------------------------

HOW = {
    "known_event_us": "CPU, ring record to sealed journal record, about 1.1 KB, known process",
    "exec_event_us": "the same for an exec, five redaction patterns",
    "collector_events_per_s": "known events through one core, the journal's thread on it too",
    "splice_ratio": "CPU of encoding a known event whole over splicing it",
}


def collector_path(figures, options):
    """Two programs of their own (tests/bench/*.c), without a kernel side."""
    for name in ("bench_collector", "bench_pipeline"):
        done = harness.run_ok([str(harness.BENCHES / name), "--json"], timeout=300)
        for row in json.loads(done.out)["figures"]:
            if row["name"] in HOW:
                figures.rows.append({**row, "how": HOW[row["name"]]})


PARTS = {"collector": collector_path, "exec": exec_overhead, "kernel": kernel_cost,
         "tcp": tcp_overhead, "idle": idle_overhead, "memory": memory, "start": start_time,
         "storm": long_storm}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    parser.add_argument("--runs", type=int, default=11, help="pairs per figure (11)")
    parser.add_argument("--seconds", type=float, default=2, help="length of one loop (2)")
    parser.add_argument("--count", type=int, default=5000, help="execs per kernel run (5000)")
    parser.add_argument("--storm", type=float, default=60, help="length of the long storm (60)")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds, options.count, options.storm = 3, 2, 1000, 5
    figures = Figures()
    try:
        harness.check_machine()
        for name in options.parts or PARTS:
            PARTS[name](figures, options)
    except harness.Skip as reason:
        print(f"skipped: {reason}", file=sys.stderr)
        sys.exit(harness.EXIT_SKIPPED)
    figures.print_json() if options.json else figures.print_table()


if __name__ == "__main__":
    main()
