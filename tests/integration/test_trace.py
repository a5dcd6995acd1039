"""`weir trace ID` says of one event what became of it at each output: acknowledged (when), refused (why),
skipped, queued before a receiver that is gone, sent to one that does not answer. When the receiver is
back it is acknowledged there, too. Without a running weir it tells what the files say."""

import json

import harness
from harness import act, check, equal


def fault(weir, name, **settings):
    return {"name": name, "type": "fault", "format": "json",
            "accepted_path": str(weir.out / f"{name}.json"),
            "retry": {"initial": "20ms", "max": "200ms"}, **settings}


def trace(weir, ident, status=0):
    done = weir.verb("trace", "--json", ident, "--config", weir.config_path)
    equal(done.status, status, f"exit status of weir trace {ident}: {done.err.decode()}")
    return json.loads(done.out) if status == 0 else None


def fates(weir, ident):
    return {fate["output"]: fate for fate in trace(weir, ident)["outputs"]}


def states(weir, ident):
    return {name: fate["state"] for name, fate in fates(weir, ident).items()}


def scenario(bench):
    weir = bench.weir(start=False)
    grave, word = weir.out / "is-dead", harness.marker("traced")
    weir.config["outputs"] += [
        fault(weir, "picky", refuse_matching=word),
        fault(weir, "dead", dead_while_exists=str(grave)),
        fault(weir, "mute", events=["process_exec"], filter={"allow": [{"arguments_regex": [word]}]}, delay="1h"),
        {"name": "other", "type": "null", "filter": {"deny": [{"arguments_regex": [word]}]}},
    ]
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)
    grave.touch()
    weir.start()
    event = weir.exec_of(harness.run_ok([act("noop"), word]).pid, word)
    weir.settle()
    ident = f"{event.weir['boot_id']}-{event.seq}"
    for name in ("picky", "other"):
        harness.wait_until(lambda: int(weir.output_status(name)["acked_seq"]) >= event.seq,
                           f"{name} to settle it")
    harness.wait_until(lambda: int(weir.output_status("mute")["in_flight"]) > 0, "mute to have it")

    now = fates(weir, ident)
    equal({name: fate["state"] for name, fate in now.items()},
          {"events": "acknowledged", "picky": "refused", "dead": "queued", "mute": "sent",
           "other": "skipped"}, "what became of it")
    check(now["events"]["sent"] <= now["events"]["settled"], f"times: {now['events']}")
    equal((now["picky"]["reason"], now["dead"]["detail"]),
          ("refused on demand", "dead on demand"), "why")
    check("settled" not in now["mute"], f"the mute one: {now['mute']}")
    equal(states(weir, event.seq), states(weir, ident), "by its number alone")
    text = weir.verb("trace", ident, "--config", weir.config_path).out.decode()
    check(f"{ident}: process_exec of process {event.pid}, in the journal" in text, text)

    grave.unlink()
    harness.wait_until(lambda: states(weir, ident)["dead"] == "acknowledged", "dead to have it")
    check(fates(weir, ident)["dead"]["attempts"] >= 1, "its attempts")
    trace(weir, f"{ident}0000000", status=harness.EXIT_FAILED)
    trace(weir, "00000000-0000-0000-0000-000000000000-1", status=harness.EXIT_FAILED)
    trace(weir, "nonsense", status=harness.EXIT_USAGE)
    weir.stop()

    offline = trace(weir, ident)
    equal(offline["running"], False, "whether weir runs")
    equal({fate["output"]: fate["state"] for fate in offline["outputs"]},
          {"events": "acknowledged", "picky": "refused", "dead": "acknowledged", "mute": "queued",
           "other": "skipped"}, "what the files say")


harness.main(scenario)
