"""Beside the file, one output is dead, one refuses each fifth event for good, one is slow, and one
throws everything away. The file is not disturbed by any of them. The dead one keeps its place and
says why it waits; what was refused is in the dead letters, with the reason; and each output's books
balance."""

import json

import harness
from harness import act, check, equal

COUNT = 100


def outputs(weir_defaults):
    return weir_defaults + [
        {"name": "dead", "type": "fault", "mode": "lost"},
        {"name": "refusing", "type": "fault", "mode": "refuse", "every": 5},
        {"name": "gone", "type": "null"},
    ]


def scenario(bench):
    weir = bench.weir(start=False)
    weir.config["outputs"] = outputs(weir.config["outputs"])
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)
    weir.start()
    word = harness.marker()
    for i in range(COUNT):
        harness.run_ok([act("noop"), f"{word}-{i}"])
    weir.settle()
    seen = weir.find("process_exec", lambda e: e.process.get("arguments", "").startswith(word))
    equal(len(seen), COUNT, "execs in the file")

    dead = weir.output_status("dead")
    equal(int(dead["delivered"]), 0, "delivered by the dead output")
    check(dead["state"] in ("waiting", "starting"), f"state of the dead output: {dead}")
    check(dead["last_error"], "it says why")
    equal(int(weir.output_status("events")["retries"]), 0, "retries of the file")
    settled = harness.wait_until(lambda: caught_up(weir, "refusing"), "the refusing output")
    check(int(settled["rejected"]) > 0, "refused for good")
    letters = [json.loads(line) for path in weir.state.rglob("*dead*") if path.is_file()
               for line in path.read_text().splitlines()]
    check(len(letters) >= int(settled["rejected"]), f"dead letters: {len(letters)}")
    weir.stop()


def caught_up(weir, name):
    output = weir.output_status(name)
    return output if int(output["pending"]) < 50 and int(output["rejected"]) else None


harness.main(scenario)
