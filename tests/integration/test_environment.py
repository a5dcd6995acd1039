"""Weir is told to read two names from environments, one of which holds a secret that a rule knows. A
program runs with those, with others, and with names that only look alike. Only the two come out,
the secret masked; without the setting nothing of an environment does."""

import harness
from harness import act, equal

SECRET = "hunter2-in-the-environment"
ENVIRONMENT = {"PATH": "/bin", "DEPLOY_STAGE": "blue = green", "DB_URL": f"pg://u:{SECRET}@h/x",
               "DEPLOY_STAGE2": "not this", "XDEPLOY_STAGE": "nor this", "OTHER": "nor that"}


def scenario(bench):
    weir = bench.weir({
        "sensor": {"environment": ["DEPLOY_STAGE", "DB_URL", "NOT_THERE"]},
        "pipeline": [{"redact": {"rules": [{"id": "url", "redact": "://[^:/]*:([^@]*)@"}]}}],
    })
    word = harness.marker()
    event = weir.exec_of(harness.run_ok([act("noop"), word], env=ENVIRONMENT).pid, word)
    got = {entry["Key"]: entry["Value"] for entry in event.process["environment_variables"]}
    equal(got, {"DEPLOY_STAGE": "blue = green", "DB_URL": "pg://u:*****@h/x"}, "environment")
    equal(len(event.process["environment_variables"]), 2, "entries")
    weir.stop()
    harness.check(SECRET.encode() not in weir.output_path.read_bytes(), "the secret came out")


def without_the_setting(bench):
    weir = bench.weir()
    word = harness.marker()
    event = weir.exec_of(harness.run_ok([act("noop"), word], env=ENVIRONMENT).pid, word)
    harness.check("environment_variables" not in event.process, "an environment nobody asked for")
    weir.stop()


harness.main(scenario, without_the_setting)
