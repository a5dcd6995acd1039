"""Beside the file there are outputs that fail on demand: one whose peer is dead for a while, one that
refuses each fifth event for good, one that loses acknowledgements, one that is slow, one held by its
configuration. The file is not disturbed by any of them. The dead one keeps its place, says why it
waits, and delivers everything once its peer is back; what was refused is in the dead letters with
the rest delivered; what came twice came under the same id. Each output's books balance."""

import json

import harness
from harness import act, check, equal

COUNT = 200


def fault(weir, name, **settings):
    return {"name": name, "type": "fault", "format": "json",
            "accepted_path": str(weir.out / f"{name}.json"),
            "retry": {"initial": "20ms", "max": "200ms"}, "batch": {"max_events": 50}, **settings}


def configure(weir):
    weir.grave = weir.out / "is-dead"
    weir.grave.touch()
    weir.config["outputs"] += [
        fault(weir, "dead", dead_while_exists=str(weir.grave)),
        fault(weir, "picky", refuse_every=5),
        fault(weir, "forgetful", lose_ack_percent=40),
        fault(weir, "slow", delay="20ms"),
        fault(weir, "held", hold=True),
        {"name": "gone", "type": "null"},
    ]
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)


def accepted(weir, name):
    path = weir.out / f"{name}.json"
    if not path.exists():
        return []
    return [harness.Event(line) for line in path.read_bytes().splitlines()]


def wait_for(weir, name, seq):
    """Until that output has acknowledged what the file had by then."""
    def reached():
        status = weir.output_status(name)
        return status if int(status["acked_seq"]) >= seq else None
    return harness.wait_until(reached, f"{name} to reach {seq}", 60)


def check_once_each(events, what):
    by_id = {}
    for event in events:
        check(by_id.setdefault(event.id, event.line) == event.line, f"{what}: one id, two events")
    return by_id


def check_dead(weir, seq):
    dead = weir.output_status("dead")
    equal((dead["state"], int(dead["delivered"])), ("waiting", 0), "the dead output")
    check(dead["last_error"], "it says why it waits")
    equal(accepted(weir, "dead"), [], "taken by the dead output")
    weir.grave.unlink()
    wait_for(weir, "dead", seq)
    have = check_once_each(accepted(weir, "dead"), "dead")
    wanted = {e.id for e in weir.session() if e.seq <= seq}
    equal(wanted - set(have), set(), "what the output lacks that was dead")


def parted(events):
    """How many refusals the output told in band, and what it took of the journal."""
    notices = [e for e in events if e.is_notice]
    equal({e.body["cause"] for e in notices} - {"rejected"}, set(), "what notices tell")
    return sum(int(e.body["count"]) for e in notices), [e for e in events if not e.is_notice]


def check_picky(weir, seq):
    status = wait_for(weir, "picky", seq)
    harness.wait_until(lambda: parted(accepted(weir, "picky"))[0], "word of the refusals", 60)
    told, events = parted(accepted(weir, "picky"))
    taken = check_once_each(events, "picky")
    letters = [json.loads(line) for path in sorted(weir.state.rglob("*picky*"))
               if path.is_file() and "dead" in str(path.relative_to(weir.state))
               for line in path.read_bytes().splitlines()]
    check(0 < told <= int(weir.output_status("picky")["rejected"]), f"told in band: {told}")
    check(int(status["rejected"]) > 0, "refused for good")
    wanted = {e.seq for e in weir.session() if e.seq <= seq}
    refused = {int(letter["seq"]) for letter in letters if "seq" in letter}
    equal(wanted - {number for _, number in taken} - refused, set(), "neither taken nor a letter")
    check(not refused & {number for _, number in taken}, "both taken and a letter")
    check(all(letter["reason"] for letter in letters), "each letter has a reason")


def scenario(bench):
    weir = bench.weir(start=False)
    configure(weir)
    weir.start()
    word = harness.marker()
    for i in range(COUNT):
        harness.run_ok([act("noop"), f"{word}-{i}"])
    weir.settle()
    seen = weir.find("process_exec", lambda e: e.process.get("arguments", "").startswith(word))
    equal(len(seen), COUNT, "execs in the file")
    seq = weir.session()[-1].seq

    check_dead(weir, seq)
    check_picky(weir, seq)
    wait_for(weir, "forgetful", seq)
    have = check_once_each(accepted(weir, "forgetful"), "forgetful")
    equal({e.id for e in weir.session() if e.seq <= seq} - set(have), set(), "forgetful lacks")
    check(len(accepted(weir, "forgetful")) > len(have), "some came twice")
    wait_for(weir, "slow", seq)
    wait_for(weir, "gone", seq)
    held = weir.output_status("held")
    equal((held["state"], int(held["delivered"])), ("held", 0), "the held output")
    check(held["last_error"], "it says why it is held")
    equal(int(weir.output_status("events")["retries"]), 0, "retries of the file")
    for output in weir.status()["outputs"]:
        check_books(output, weir.session()[0].seq)
    losses = weir.find("weir_loss", lambda e: e.body["cause"] == "rejected")
    check(not losses, "another output's refusals are not the file's")
    weir.stop()


def check_books(output, first_seq):
    """Up to its cursor an output has delivered, skipped, rejected or missed each event."""
    parts = [int(output[name]) for name in ("delivered", "skipped", "rejected", "missed")]
    acked = int(output["acked_seq"])
    equal(sum(parts), acked - first_seq + 1 if acked else 0,
          f"{output['name']}: delivered, skipped, rejected, missed {parts}, against its cursor")


harness.main(scenario)
