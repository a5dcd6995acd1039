#!/usr/bin/env python3
"""What the sensor costs, measured on this machine in one go: `./dev bench sensor`.

What weir costs a process that it looks at is measured in pairs of short slices of one loop, alone on
one CPU, with weir's kernel programs attached and not, in turn (bench_sensor). Load that others put on
the machine falls on both. The figure is the mean of the pairs without the fifth that is lowest and
the fifth that is highest, and `min` and `max` are the ends of its 95 % interval. CPU time is that of
the loop, user and system, so what the programs take in the kernel is in it. What weir's own two
processes take, on whatever CPU, is not: that is the figures with `own` in their names. The other
figures are medians, with the least and the greatest.

  known_event_us, exec_event_us, collector_events_per_s, splice_ratio
                         the collector's own code on recorded bytes (bench_collector, bench_pipeline)
  exec_overhead_percent  CPU of a spawn-exec-exit loop with the programs over without
  kernel_exec_us         run time of the programs per exec+exit (kernel.bpf_stats_enabled)
  tcp_overhead_percent   CPU of a connect-accept-close loop on loopback
  kernel_tcp_us          run time of the programs per connection
  exec_own_us, tcp_own_us
                         CPU of weir's two processes per round of those loops
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
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402

TRIM = 0.2  # of the samples, at either end


def trimmed_mean(samples):
    """(mean, half of the 95 % interval), after Tukey and McLaughlin."""
    ordered = sorted(samples)
    cut = int(len(ordered) * TRIM)
    kept = ordered[cut:len(ordered) - cut]
    winsorized = [kept[0]] * cut + kept + [kept[-1]] * cut
    error = statistics.stdev(winsorized) / ((1 - 2 * TRIM) * len(ordered) ** 0.5)
    return statistics.mean(kept), 1.96 * error


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, name, samples, unit, how):
        self.rows.append({"name": name, "value": round(statistics.median(samples), 3),
                          "unit": unit, "min": round(min(samples), 3),
                          "max": round(max(samples), 3), "runs": len(samples), "how": how})

    def add_mean(self, name, samples, unit, how):
        mean, half = trimmed_mean(samples)
        self.rows.append({"name": name, "value": round(mean, 3), "unit": unit,
                          "min": round(mean - half, 3), "max": round(mean + half, 3),
                          "runs": len(samples), "how": how})

    def print_table(self):
        print(f"{'figure':<26}{'median':>11}  {'unit':<9}{'min':>10}{'max':>11}{'runs':>6}  how")
        for row in self.rows:
            print(f"{row['name']:<26}{row['value']:>11g}  {row['unit']:<9}{row['min']:>10g}"
                  f"{row['max']:>11g}{row['runs']:>6}  {row['how']}")

    def print_json(self):
        print(json.dumps({"figures": [{k: v for k, v in row.items() if k != "how"}
                                      for row in self.rows]}))


# --- one run -----------------------------------------------------------------------------------

def storm(*arguments):
    done = harness.run_ok([harness.act("storm"), *map(str, arguments)], timeout=300)
    return json.loads(done.out)


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


# --- what the kernel programs cost a loop ------------------------------------------------------

def slices(options, rounds, *what):
    """What bench_sensor prints, in us per round."""
    done = harness.run_ok([str(harness.BENCHES / "bench_sensor"), harness.act("storm"),
                           str(options.pairs), str(rounds), *what], timeout=600)
    result = json.loads(done.out)
    # A few runs in millions are left out by the kernel: the program was at work on that CPU.
    harness.check(result["lost"] < rounds, f"{result['lost']} records lost")
    return {name: [ns / rounds / 1e3 for ns in result[name]]
            for name in ("plain", "watched", "in_programs")}


def overhead(figures, prefix, times, what):
    pairs = list(zip(times["plain"], times["watched"]))
    figures.add_mean(f"{prefix}_overhead_percent", [(b / a - 1) * 100 for a, b in pairs],
                     "percent", f"CPU of a loop of {what}, programs attached over not, paired")
    figures.add_mean(f"{prefix}_added_us", [b - a for a, b in pairs], "us",
                     f"CPU added per {what}, paired")
    figures.add_mean(f"{prefix}_base_us", times["plain"], "us", f"CPU per {what}, none attached")


def exec_overhead(figures, options):
    times = slices(options, 60, "exec", harness.act("noop"))
    overhead(figures, "exec", times, "spawn+exec+exit")
    figures.add("kernel_exec_us", times["in_programs"], "us",
                "run time of the programs per spawn+exec+exit (bpf_stats)")


def tcp_overhead(figures, options):
    times = slices(options, 1000, "tcp")
    overhead(figures, "tcp", times, "connect+accept+close")
    figures.add("kernel_tcp_us", times["in_programs"], "us",
                "the same per connect+accept+close")


def idle_overhead(figures, options):
    """A process that neither forks, executes nor connects: it makes system calls."""
    overhead(figures, "bystander", slices(options, 100, "calls"), "thousand getppid")


# --- what weir's own processes take ------------------------------------------------------------

def own_us(options, *arguments):
    """[CPU of both processes per round] of some loops. What is still in the ring when a loop ends
    is some hundredth of it."""
    samples = []
    with WithWeir() as weir:
        pids = [weir.process.pid, weir.forwarder_pid()]
        for _ in range(options.runs):
            before = sum(map(cpu_seconds, pids))
            rounds = storm(*arguments, "for", options.seconds)["iterations"]
            samples.append((sum(map(cpu_seconds, pids)) - before) * 1e6 / rounds)
    return samples


def own_processes(figures, options):
    figures.add("exec_own_us", own_us(options, "exec", harness.act("noop")), "us",
                "CPU of weir's two processes per spawn+exec+exit")
    figures.add("tcp_own_us", own_us(options, "tcp"), "us",
                "the same per connect+accept+close, four events")


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

class Resident:
    """Looks once a second, beside the storm, at what both processes hold."""

    def __init__(self, weir):
        self.weir = weir
        self.samples = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def run(self):
        while not self.ended.wait(1):
            pids = (self.weir.process.pid, self.weir.forwarder_pid())
            self.samples.append(sum(memory_mib(pid, "Rss") for pid in pids))

    def growth(self):
        """From the last sample of the first fifth, when the table is full, to the last of all."""
        return self.samples[-1] - self.samples[len(self.samples) // 5]


def long_storm(figures, options):
    """Losses are allowed, uncounted ones are not: what the loop did is what was captured."""
    with WithWeir() as weir:
        before = drained(weir)["process_exec"]["captured"]
        with Resident(weir) as resident:
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
    if resident.samples:
        figures.add("storm_growth_mib", [resident.growth()], "MiB",
                    "resident at the end less after the first fifth of the storm")


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


PARTS = {"collector": collector_path, "exec": exec_overhead, "tcp": tcp_overhead,
         "idle": idle_overhead, "own": own_processes, "memory": memory, "start": start_time,
         "storm": long_storm}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    parser.add_argument("--runs", type=int, default=11, help="runs per figure (11)")
    parser.add_argument("--pairs", type=int, default=200, help="pairs of slices per loop (200)")
    parser.add_argument("--seconds", type=float, default=1, help="length of a loop with weir (1)")
    parser.add_argument("--storm", type=float, default=60, help="length of the long storm (60)")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.pairs, options.seconds, options.storm = 3, 20, 1, 5
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
