"""A running weir is given another configuration. A wrong one is refused as a whole: weir_config says
so with the place, and what ran goes on, redaction included. A right one is swapped in: from then on
the new rule masks. A change that needs a restart is refused by its name. Both ways of asking work:
SIGHUP and `weir reload`."""

import signal

import harness
from harness import act, check, equal


def rules(pattern):
    return [{"redact": {"credential_presets": False,
                        "rules": [{"id": "one", "redact": pattern}]}}]


def shown(weir, argument):
    word = harness.marker()
    event = weir.exec_of(harness.run_ok([act("noop"), word, argument]).pid, word)
    return event.process["arguments"].partition(" ")[2]


def reload_with(weir, config, sign):
    """Returns the weir_config event that came of it."""
    before = len(weir.find("weir_config"))
    weir.write_config(config)
    if sign:
        weir.process.send_signal(signal.SIGHUP)
    else:
        done = weir.verb("reload", "--socket", weir.socket)
        weir.last_reload = done
    found = harness.wait_until(lambda: weir.find("weir_config")[before:], "weir_config")
    equal(len(found), 1, "weir_config events")
    return found[0]


def scenario(bench):
    weir = bench.weir({"pipeline": rules("alpha-(.*)")})
    equal(shown(weir, "alpha-x"), "alpha-*****", "the first rule")
    equal(shown(weir, "beta-x"), "beta-x", "what it does not mask")

    wrong = "sensor:\n  arguments_bytes: many\n"
    for sign in (True, False):
        event = reload_with(weir, wrong, sign)
        equal(event.body.get("refused"), True, "a wrong configuration is refused")
        check(f"{weir.config_path}:2:" in event.body["message"], f"its place: {event.body}")
        equal(shown(weir, "alpha-x"), "alpha-*****", "what ran goes on")
    check(weir.last_reload.status != 0, "weir reload says that it was refused")

    event = reload_with(weir, harness.merged(weir.config, {"pipeline": rules("beta-(.*)")}), True)
    check(not event.body.get("refused"), f"a right one is taken: {event.body}")
    equal(shown(weir, "alpha-x"), "alpha-x", "the old rule is gone")
    equal(shown(weir, "beta-x"), "beta-*****", "the new rule masks")

    moved = harness.merged(weir.config, {"journal": {"directory": str(bench.path("elsewhere"))}})
    event = reload_with(weir, moved, True)
    equal(event.body.get("refused"), True, "a change that needs a restart")
    check("journal.directory" in event.body["message"], f"it is named: {event.body}")
    equal(shown(weir, "beta-x"), "beta-*****", "what ran goes on after that")

    event = reload_with(weir, weir.config, False)
    equal(weir.last_reload.status, 0, "weir reload with a right configuration")
    equal(shown(weir, "alpha-x"), "alpha-*****", "the first rule again")
    status = weir.status()
    equal((int(status["config_reloads"]), int(status["config_refusals"])), (2, 3), "counted")
    weir.stop()


harness.main(scenario)
