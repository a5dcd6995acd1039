"""Four outputs on one journal: one takes everything, one only what a certain binary does, one all but
that, one a sample of one event in four. Each gets what it asked for, the rest is counted as skipped,
and together the two halves are the whole; the sample holds the same events after weir was restarted
with its state gone."""

import shutil

import harness
from harness import act, check, equal

COUNT = 120


def output(weir, name, **settings):
    return {"name": name, "type": "file", "format": "json",
            "path": str(weir.out / f"{name}.json"), **settings}


def events_of(weir, name):
    path = weir.out / f"{name}.json"
    return [harness.Event(line) for line in path.read_bytes().splitlines()]


def kernel_side(events):
    return {e.seq: e for e in events if e.kind.startswith("process_")}


def check_books(weir, name, last):
    status = harness.wait_until(
        lambda: (lambda s: s if int(s["acked_seq"]) >= last else None)(weir.output_status(name)),
        f"{name} to reach {last}")
    equal(int(status["delivered"]) + int(status["skipped"]), int(status["acked_seq"]),
          f"{name}: delivered and skipped, against what there was")
    return status


def scenario(bench):
    weir = bench.weir(start=False)
    only = {"binary_regex": ["/noop$"], "event_set": ["PROCESS_EXEC", "PROCESS_EXIT"]}
    weir.config["outputs"] += [
        output(weir, "only", filter={"allow": [only]}),
        output(weir, "rest", filter={"deny": [only]}),
        output(weir, "sample", sample=4),
    ]
    weir.write_config(weir.config)
    weir.start()
    for i in range(COUNT):
        harness.run_ok([act("noop"), f'quoted "{i}"'])
    weir.settle()
    last = weir.session()[-1].seq
    for name in ("only", "rest", "sample"):
        check_books(weir, name, last)
    weir.stop()

    everything = kernel_side(weir.session())
    halves = [kernel_side(events_of(weir, name)) for name in ("only", "rest")]
    check(len(halves[0]) >= 2 * COUNT, f"events of the binary: {len(halves[0])}")
    check(all(e.process.get("binary", "").endswith("/noop") for e in halves[0].values()), "only it")
    check(not any(e.process.get("binary", "").endswith("/noop") for e in halves[1].values()), "not it")
    equal(sorted([*halves[0], *halves[1]]), sorted(everything), "both halves, against the whole")
    for name in ("only", "rest", "sample"):
        check(any(e.kind == "weir_start" for e in events_of(weir, name)),
              f"{name}: events about weir itself pass")

    sample = kernel_side(events_of(weir, "sample"))
    check(set(sample) <= set(everything), "the sample is of what there was")
    harness.between(len(sample), len(everything) // 8, len(everything) // 2, "its size")
    shutil.rmtree(weir.state)
    (weir.out / "sample.json").unlink()
    first, upto = min(everything), max(everything)
    weir.start()
    check_books(weir, "sample", weir.session()[-1].seq)
    again = kernel_side(events_of(weir, "sample"))
    equal(sorted(seq for seq in again if first <= seq <= upto), sorted(sample),
          "the sample, taken anew")
    weir.damaged = True  # the file has the journal twice: its cursor was taken away
    weir.process.send_signal(harness.signal.SIGTERM)
    weir.wait_ended()


harness.main(scenario)
