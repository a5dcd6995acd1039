"""The forwarder is killed with SIGKILL, several times, while events flow. The collector starts it
again each time and goes on itself. Nothing is missing from the output afterwards; what came twice
is the same event under the same id."""

import os
import signal
import subprocess

import harness
from harness import act, check, equal

COUNT = 1500
KILLS = 3


def run_storm(bench, word):
    storm = subprocess.Popen([act("fork_storm"), str(COUNT), act("noop"), word],
                             stdout=subprocess.DEVNULL)
    bench.on_exit(lambda: (storm.kill(), storm.wait()) if storm.poll() is None else None)
    return storm


def kill_forwarder(weir):
    """And waits until another one delivers."""
    starts = int(weir.status()["forwarder_starts"])
    os.kill(weir.forwarder_pid(), signal.SIGKILL)
    harness.wait_until(lambda: int(weir.status()["forwarder_starts"]) > starts, "its restart")
    weir.settle(60)


def check_delivery(weir):
    """At least once: by id nothing lacks, and doubles are the same bytes."""
    by_id = {}
    for event in weir.session():
        check(by_id.setdefault(event.id, event.line) == event.line,
              f"two different events have the id {event.id}")
    numbers = sorted(seq for _, seq in by_id)
    equal(len(numbers), numbers[-1] - numbers[0] + 1, "sequence numbers without a gap")
    accounts = weir_accounts(weir)
    harness.check_balance(accounts, "weir_stop")
    kinds = harness.collections.Counter(harness.Event(line).kind for line in by_id.values())
    for kind, account in accounts.items():
        if kind.startswith("process_"):
            equal(kinds[kind], account["journaled"], f"{kind}: arrived against journaled")


def weir_accounts(weir):
    stop = weir.find("weir_stop")[-1]
    return harness.accounts_of_stop(stop)


def scenario(bench):
    weir = bench.weir()
    word = harness.marker("storm")
    collector = weir.process.pid
    storm = run_storm(bench, word)
    for _ in range(KILLS):
        weir.wait_event("weir_start")
        kill_forwarder(weir)
    equal(storm.wait(90), 0, "the storm")
    weir.settle(60)
    seen = {e.process["arguments"] for e in weir.find("process_exec")
            if e.process.get("arguments", "").startswith(f"{word}-")}
    equal(len(seen), COUNT, "execs of the storm")
    equal(weir.process.pid, collector, "the collector is the same")
    equal(harness.lost_total(harness.accounts_of(weir.status()["events"])), 0, "losses")
    weir.process.send_signal(signal.SIGTERM)
    weir.wait_ended()
    check_delivery(weir)


harness.main(scenario)
