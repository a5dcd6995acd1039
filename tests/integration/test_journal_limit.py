"""The journal may take 4 MiB and the output is dead while more than that is written.

With drop_oldest the oldest events go, the output is told how many in a weir_loss of cause
journal_full when it is back, and delivers all the rest; another output, that worked all the time,
has them all and is told of no loss. With block nothing goes from the journal:
weir stops taking events from the kernel, which counts what its ring has no room for; when the output
is back all that was journaled is delivered, and the books balance."""

import harness
from harness import act, check, equal

PADDING = "p" * 8000


def start_with_dead_output(bench, when_full, name):
    weir = bench.weir(start=False, name=name)
    weir.grave = weir.out / "is-dead"
    weir.config["journal"].update({"max_bytes": "4MiB", "segment_bytes": "1MiB",
                                   "when_full": when_full})
    weir.config["sensor"] = {"ring_bytes": "1MiB"}
    weir.config["outputs"] = [
        {"name": "events", "type": "fault", "accepted_path": str(weir.output_path),
         "dead_while_exists": str(weir.grave), "retry": {"initial": "20ms", "max": "100ms"}}]
    if when_full == "drop_oldest":
        weir.witness = weir.out / "witness.json"
        weir.config["outputs"].append({"name": "witness", "type": "file",
                                       "path": str(weir.witness), "rotate_bytes": "1GiB"})
    weir.write_config(weir.config)
    weir.start()
    weir.grave.touch()
    return weir


def write_until(weir, condition, what):
    word = harness.marker("fill")

    def reached():
        weir.alive()
        for _ in range(20):
            harness.run_ok([act("noop"), word, PADDING])
        return condition(weir.status())
    harness.wait_until(reached, what, 60)


def revive(weir):
    """And wait for what happens after that."""
    weir.grave.unlink()
    after = harness.marker("after")
    harness.wait_until(lambda: harness.run_ok([act("noop"), after]) and weir.find(
        "process_exec", lambda e: e.process.get("arguments") == after), "delivery to go on")


def range_of(loss):
    return range(int(loss.body["first_seq"]), int(loss.body["last_seq"]) + 1)


def drop_oldest(bench):
    weir = start_with_dead_output(bench, "drop_oldest", "drop")
    write_until(weir, lambda s: int(s["journal"]["dropped_records"]) > 800, "dropped records")
    revive(weir)
    missed = int(weir.output_status()["missed"])
    losses = weir.find("weir_loss", lambda e: e.body["cause"] == "journal_full")
    check(losses, "losses are told")
    weir.damaged = True
    weir.stop()
    check(all(e.is_notice for e in losses), "each is told to this output alone")
    seen = {e.seq for e in weir.session() if not e.is_notice}
    missing = set(range(min(seen), max(seen) + 1)) - seen
    told = [number for loss in losses for number in range_of(loss)]
    equal(sorted(told), sorted(missing), "what is missing is told, once")
    equal(len(missing), missed, "counted as missed")
    witness = harness.EventFile(weir.witness).poll()
    equal([e for e in witness if e.kind == "weir_loss"], [], "told to an output that lost nothing")
    equal({e.seq for e in witness} & missing, missing, "what the other output got of it")
    for loss in losses:
        equal(len(range_of(loss)), int(loss.body["count"]), "the range that is named")
        check(set(range_of(loss)) <= missing, "what is named lost was not delivered")


def block(bench):
    weir = start_with_dead_output(bench, "block", "block")
    write_until(weir, lambda s: sum(a["lost"].get("ring_full", 0) for a in harness.accounts_of(
        s["events"]).values()) > 50, "events that the kernel counts as lost")
    revive(weir)
    check(weir.find("weir_loss", lambda e: e.body["cause"] == "ring_full"), "the loss is told")
    equal(int(weir.output_status()["missed"]), 0, "missed by the output")
    weir.stop()


def removed(bench):
    """An output that is taken out of the configuration holds the journal no longer."""
    weir = start_with_dead_output(bench, "block", "removed")
    dead = {**weir.config["outputs"][0], "name": "dead", "accepted_path": str(weir.out / "none")}
    working = {"name": "events", "type": "file", "path": str(weir.output_path)}
    weir.write_config({**weir.config, "outputs": [working, dead]})
    equal(weir.verb("reload", "--socket", weir.socket).status, 0, "reload with a dead output")
    weir.wait_output("dead", "waiting")
    weir.settle()
    weir.write_config({**weir.config, "outputs": [working]})
    equal(weir.verb("reload", "--socket", weir.socket).status, 0, "reload without it")
    weir.wait_output("dead", "closed")
    write_until(weir, lambda s: int(s["journal"]["dropped_records"]) > 800, "segments to go")
    equal(harness.lost_total(harness.accounts_of(weir.status()["events"])), 0, "losses")
    weir.settle()
    weir.process.send_signal(harness.signal.SIGTERM)
    weir.wait_ended()
    harness.check_balance(weir.accounts(), "weir_stop")


harness.main(drop_oldest, block, removed)
