"""A receiver refuses each fifth event for good. `weir dead list` and `show` tell which and why, while
the others arrive. The receiver is put right, and `weir dead replay` has the running weir send them
again: each arrives under the id it had, and is a dead letter no more. What is refused again stays.
With no weir running, replay says so and changes nothing."""

import json

import harness
from harness import act, check, equal

COUNT = 60


def picky(weir, **settings):
    return {"name": "picky", "type": "fault", "format": "json",
            "accepted_path": str(weir.out / "picky.json"),
            "retry": {"initial": "20ms", "max": "200ms"}, **settings}


def use(weir, **settings):
    weir.config["outputs"][1:] = [picky(weir, **settings)]
    weir.write_config(weir.config)


def dead(weir, *arguments, status=0):
    done = weir.verb("dead", *arguments, "--config", weir.config_path)
    equal(done.status, status, f"exit status of weir dead {arguments!r}: {done.err.decode()}")
    return done.out.decode()


def letters(weir):
    return [json.loads(line) for line in dead(weir, "list", "--json").splitlines()]


def accepted(weir):
    return [harness.Event(line) for line in (weir.out / "picky.json").read_bytes().splitlines()]


def id_of(event):
    return f"{event.weir['boot_id']}-{event.seq}"


def wait_reached(weir, seq):
    harness.wait_until(lambda: int(weir.output_status("picky")["acked_seq"]) >= seq,
                       f"picky to reach {seq}")


def reload(weir, **settings):
    use(weir, **settings)
    equal(weir.verb("reload", "--socket", weir.socket).status, 0, "exit status of weir reload")


def scenario(bench):
    weir = bench.weir(start=False)
    use(weir, refuse_every=5)
    equal(dead(weir, "list"), "no dead letters\n", "letters before the first start")
    weir.start()
    for i in range(COUNT):
        harness.run([act("noop"), f"n{i}"])
    weir.settle()
    wait_reached(weir, weir.session()[-1].seq)
    reload(weir)  # what the verbs themselves do is not refused
    before = letters(weir)
    rejected = int(weir.output_status("picky")["rejected"])
    check(rejected >= COUNT * 2 // 5, f"events refused: {rejected}")
    wanted = [letter for letter in before if "seq" in letter]  # the others are notices
    equal(len(wanted), rejected, "letters of refused events")

    first = wanted[0]
    equal((first["output"], first["reason"], first["attempts"]), ("picky", "refuse_every", 1),
          "a letter")
    listed = dead(weir, "list")
    check(first["id"] in listed and "refuse_every" in listed, f"the list: {listed[:500]}")
    shown = dead(weir, "show", first["id"])
    check('"weir"' in shown and "reason    refuse_every" in shown, f"what is shown: {shown}")
    dead(weir, "show", "no-such-id", status=1)
    dead(weir, "bury", status=2)

    again = {letter["id"]: letter["event"] for letter in before}
    check(not {id_of(e) for e in accepted(weir) if not e.is_notice} & set(again),
          "nothing was both taken and refused")

    # One by its id, still refused; then one, and then all, with a receiver that takes them.
    reload(weir, refuse_matching=f'"seq":"{first["seq"]}"')
    answer = dead(weir, "replay", first["id"], status=1)
    equal(answer, "0 acknowledged, 1 refused again\n", "what replay says")
    now = {letter["id"]: letter["reason"] for letter in letters(weir)}
    equal((len(now), now[first["id"]]), (len(before), "refused on demand"), "the letter stays")
    reload(weir)
    equal(dead(weir, "replay", first["id"]), "1 acknowledged, 0 refused again\n", "replay of one")
    equal(len(letters(weir)), len(before) - 1, "letters left")
    equal(dead(weir, "replay", "--output", "picky"),
          f"{len(before) - 1} acknowledged, 0 refused again\n", "replay of all")
    equal(letters(weir), [], "letters left")
    arrived = {(e.weir["id"] if e.is_notice else id_of(e)): e.json for e in accepted(weir)}
    for ident, event in again.items():
        equal(arrived.get(ident), event, f"what arrived of {ident}")
    status = weir.output_status("picky")
    equal((int(status["replayed"]), int(status["rejected"])), (len(before), rejected),
          "replayed, and rejected as before")
    weir.stop()

    file = weir.state / "picky.dead"
    text = file.read_bytes()
    line = json.dumps({"time": "2026-01-02T03:04:05Z", "output": "picky", "id": "x-1",
                       "reason": "r", "attempts": 1, "event": {}})
    file.write_bytes(text + line.encode() + b"\n")
    dead(weir, "replay", status=harness.EXIT_NOT_RUNNING)
    equal(len(letters(weir)), 1, "letters after a replay without a weir")
    equal([p.name for p in weir.state.iterdir() if "replay" in p.name], [], "requests left")


harness.main(scenario)
