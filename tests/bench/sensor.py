#!/usr/bin/env python3
"""What the sensor costs, measured on this machine in one go: `./dev bench sensor`.

Every figure that compares is a paired one: without weir, with weir, in turn, several times over,
and the figure is the median of the pairs' ratios or differences. Load that others put on the
machine then falls on both sides. CPU time is that of the whole loop, user and system, so what
weir's programs take in the kernel is in it; weir's own two processes are shown beside.

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
import os
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

def storm(*arguments):
    done = harness.run_ok([harness.act("storm"), *map(str, arguments)], timeout=300)
    return json.loads(done.out)


def cpu_us_per_round(result):
    return (result["user_ns"] + result["system_ns"]) / result["iterations"] / 1e3


def stop_unchecked(weir):
    weir.process.terminate()
    weir.wait_ended(60)


def cpu_seconds(pid):
    """User and system time of a living process."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


class WithWeir:
    """One weir, with its figures of the kernel side switched on when asked."""

    def __init__(self, config=None):
        self.bench = harness.Bench("bench")
        self.config = config

    def __enter__(self):
        self.weir = self.bench.weir(self.config)
        return self.weir

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                stop_unchecked(self.weir)
                self.weir.file.poll()
                harness.check_balance(self.weir.accounts(), "weir_stop")
            else:
                self.bench.print_logs()
        finally:
            self.bench.close()


# --- overhead of loops -------------------------------------------------------------------------

def paired(runs, loop):
    """[(without, with, weir's own CPU per round)] of `runs` pairs; loop() gives a storm's result."""
    loop()  # caches warm
    pairs = []
    for i in range(runs):
        def plain():
            return cpu_us_per_round(loop())

        def watched():
            with WithWeir() as weir:
                pids = [weir.process.pid, weir.forwarder_pid()]
                before = [cpu_seconds(pid) for pid in pids]
                result = loop()
                own = sum(map(cpu_seconds, pids)) - sum(before)
            return cpu_us_per_round(result), own * 1e6 / result["iterations"]
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
    pairs = paired(options.runs, lambda: storm("exec", noop, "for", options.seconds))
    report_pairs(figures, "exec", pairs, "spawn+exec+exit")


def tcp_overhead(figures, options):
    pairs = paired(options.runs, lambda: storm("tcp", "for", options.seconds))
    report_pairs(figures, "tcp", pairs, "connect+accept+close")


def idle_overhead(figures, options):
    """A process that neither executes nor connects: a loop of forks has only the fork hook, so the
    plain loop here is arithmetic and getppid."""
    spin = "import os,time\nt=time.process_time_ns()\nfor i in range(2000000): os.getppid()\n" \
           "print(time.process_time_ns()-t)"

    def loop():
        done = harness.run_ok([sys.executable, "-S", "-c", spin], timeout=60)
        return {"user_ns": int(done.out), "system_ns": 0, "iterations": 2_000_000}
    pairs = paired(max(3, options.runs // 2), loop)
    figures.add("bystander_overhead_percent", [(b / a - 1) * 100 for a, b, _ in pairs], "percent",
                "CPU of two million getppid calls, paired")


# --- kernel side -------------------------------------------------------------------------------

def program_times():
    """{(id, name): (run time ns, runs)} of all loaded programs."""
    done = harness.run(["bpftool", "-j", "prog", "show"])
    if done.status:
        return None
    return {(p["id"], p.get("name", "")): (p.get("run_time_ns", 0), p.get("run_cnt", 0))
            for p in json.loads(done.out)}


def kernel_cost(figures, options):
    """Run time of every program that weir loaded, over the execs of the storm. Reading the clock
    around each run is in it, and dear on a virtual machine: an upper bound."""
    if program_times() is None:
        print("kernel_exec_us: skipped, no bpftool", file=sys.stderr)
        return
    before = STATS.read_text()
    samples = []
    try:
        STATS.write_text("1")
        for _ in range(options.runs):
            others = set(program_times())
            with WithWeir():
                start = program_times()
                result = storm("exec", harness.act("noop"), "times", options.count)
                end = program_times()
            spent = sum(end[key][0] - start[key][0] for key in end
                        if key in start and key not in others)
            samples.append(spent / result["iterations"] / 1e3)
    finally:
        STATS.write_text(before)
    figures.add("kernel_exec_us", samples, "us",
                "run time of weir's programs per spawn+exec+exit (bpf_stats)")


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
            weir.settle(60)
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
        before = harness.accounts_of(weir.status()["events"])["process_exec"]["captured"]
        result = storm("exec", harness.act("noop"), "for", options.storm)
        weir.settle(60)
        accounts = harness.accounts_of(weir.status()["events"])
        harness.check_balance(accounts, "status after the storm")
        seen = accounts["process_exec"]["captured"] - before
        harness.check(seen >= result["iterations"], f"captured {seen} of {result['iterations']}")
        lost = harness.lost_total(accounts)
        rss = sum(memory_mib(pid, "Rss") for pid in (weir.process.pid, weir.forwarder_pid()))
    figures.add("storm_execs_per_s", [result["iterations"] / (result["wall_ns"] / 1e9)], "1/s",
                f"spawn+exec+exit for {options.storm:g} s, one loop")
    figures.add("storm_lost", [lost], "events", "lost in the storm; the books balance")
    figures.add("storm_rss_mib", [rss], "MiB", "resident, both processes, after the storm")


PARTS = {"exec": exec_overhead, "kernel": kernel_cost, "tcp": tcp_overhead, "idle": idle_overhead,
         "memory": memory, "start": start_time, "storm": long_storm}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures for programs")
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    parser.add_argument("--runs", type=int, default=7, help="pairs per figure (7)")
    parser.add_argument("--seconds", type=float, default=4, help="length of one loop (4)")
    parser.add_argument("--count", type=int, default=5000, help="execs per kernel run (5000)")
    parser.add_argument("--storm", type=float, default=60, help="length of the long storm (60)")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds, options.count, options.storm = 3, 1, 1000, 5
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
