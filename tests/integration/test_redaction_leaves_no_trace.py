"""A secret is passed on a command line, split over arguments, quoted, glued to an option, in a working
directory, and by a process that ran before weir started. Afterwards no byte of it is anywhere that
weir writes: not in the output, the journal, the cursors, the dead letters, the log, the status or
the metrics. What stood around it is there, and that something was masked is counted."""

import os

import harness
from harness import act, check, equal

SECRET = "s3cr3t-trombone-" + "Zx9" * 4
RULES = [{"redact": {"credential_presets": False, "rules": [
    {"id": "password", "redact": [r"--password[= ]\"?([^\"]*)"]},
    {"id": "token", "redact": [r"token-(\S+)"]},
]}}]


def everything_written(weir):
    """(name, bytes) of each file under weir's directory."""
    for top, _, names in os.walk(weir.directory):
        for name in names:
            path = os.path.join(top, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    yield path, file.read()


def scenario(bench):
    word = harness.marker()
    with harness.Held([act("hold"), word, "--password", SECRET]) as before:
        weir = bench.weir({"pipeline": RULES, "log_level": "debug"})
        listed = weir.wait_event("process_exec", lambda e: e.pid == before.pid)
        equal(listed.process["arguments"], f"{word} --password *****", "one that ran before")
    for arguments, shown in (
            (["--password", SECRET], f"{word} --password *****"),
            ([f"--password={SECRET}"], f"{word} --password=*****"),
            ([f"token-{SECRET}", "rest"], f"{word} token-***** rest"),
            (["-x", f"token-{SECRET}"], f"{word} -x token-*****")):
        done = harness.run_ok([act("noop"), word, *arguments])
        event = weir.exec_of(done.pid, word)
        equal(event.process["arguments"], shown, f"arguments of {arguments}")
        equal(weir.exit_of(event).process["arguments"], shown, f"at exit of {arguments}")

    # With spaces inside the secret, whatever the joined line makes of its quotes.
    done = harness.run_ok([act("noop"), word, "--password", f"{SECRET} and {SECRET} too"])
    event = weir.exec_of(done.pid, word)
    check(SECRET not in event.process["arguments"], "a secret of several words")

    directory = bench.path(f"token-{SECRET}")
    directory.mkdir()
    done = harness.run_ok([act("noop"), word], cwd=directory)
    equal(weir.exec_of(done.pid, word).process["cwd"], f"{bench.directory}/token-*****", "cwd")

    # What was masked comes out as a parent too.
    done = harness.run_ok(["/bin/sh", "-c", f": token-{SECRET}; {act('noop')} {word}-child; true"])
    child = weir.wait_event("process_exec",
                            lambda e: e.process.get("arguments") == f"{word}-child")
    check("*****" in child.parent["arguments"], f"the parent's arguments: {child.parent}")

    page = weir.http("/metrics")[2]
    status = harness.json.dumps(weir.status())
    metrics = weir.metrics()
    replaced = [value for name, value in metrics.items() if "redaction" in name and "replaced"
                in name]
    check(replaced and sum(replaced) >= 7, f"replacements are counted: {replaced}")
    weir.stop()
    check(SECRET not in status, "the secret is in the status")
    check(SECRET.encode() not in page, "the secret is in the metrics")
    for name, content in everything_written(weir):
        check(SECRET.encode() not in content, f"the secret is in {name}")


harness.main(scenario)
