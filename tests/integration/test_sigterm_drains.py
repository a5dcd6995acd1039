"""A storm has just ended when weir is told to stop. All of it is in the output when it has stopped.
Then the same with an output that never answers: weir stops within the bound all the same, and what
was not delivered goes out at the next start."""

import signal
import time

import harness
from harness import act, check, equal

COUNT = 1000


def storm(word):
    harness.run_ok([act("fork_storm"), str(COUNT), act("noop"), word], timeout=90)


def scenario(bench):
    weir = bench.weir()
    word = harness.marker("storm")
    storm(word)
    weir.stop()
    seen = weir.find("process_exit", lambda e: e.process.get("arguments", "").startswith(word + "-"))
    equal(len(seen), COUNT, "exits of the storm")
    check(weir.session()[-1].kind == "weir_stop", "weir_stop is the last event")
    check(not weir.socket.exists(), "the control socket is gone")


def bounded(bench):
    weir = bench.weir(start=False, config={"forwarder": {"drain_timeout": "1s"}})
    working = dict(weir.config)
    grave = weir.out / "is-dead"
    grave.touch()
    dead = {"name": "events", "type": "fault", "dead_while_exists": str(grave)}
    weir.write_config({**working, "outputs": [dead]})
    weir.launch()
    harness.wait_until(lambda: weir.alive() and weir.socket.exists() and weir.verb(
        "status", "--json", "--socket", weir.socket).status == 0, "the control socket")
    word = harness.marker("held")
    harness.run_ok([act("noop"), word])
    began = time.monotonic()
    weir.process.send_signal(signal.SIGTERM)
    weir.wait_ended()
    harness.between(time.monotonic() - began, 0, 5, "seconds to stop")
    equal(weir.events(), [], "nothing could be delivered")

    weir.write_config(working)
    weir.start()
    equal(len([e for e in weir.events() if e.process.get("arguments") == word
               and e.kind == "process_exec"]), 1, "what was held back is delivered later")
    weir.damaged = True  # two sessions came out in one
    weir.process.send_signal(signal.SIGTERM)
    weir.wait_ended()


def duration(bench):
    weir = bench.weir(start=False)
    began = time.monotonic()
    weir.launch("--duration", "2s")
    weir.wait_ended()
    harness.between(time.monotonic() - began, 2, 10, "seconds that it ran")
    weir.check_session()


harness.main(scenario, bounded, duration)
