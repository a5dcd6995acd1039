"""`weir run` without a configuration, its output a pipe: events come out as JSON, one a line, from
weir_start to weir_stop; after the duration it ends by itself with status 0. Options that can't be
are refused, with a status that a script can use."""

import subprocess

import harness
from harness import act, check, equal


def refuse_what_is_wrong(bench):
    wrong = [(["--output-format", "xml"], harness.EXIT_USAGE, "no format 'xml'; there are json, "),
             (["--output-format", "jsom"], harness.EXIT_USAGE, "did you mean 'json'?"),
             (["--output-format", "msgpack"], harness.EXIT_USAGE, "msgpack is not for lines"),
             (["--config", "/nonexistent.yaml"], harness.EXIT_CONFIG,
              "/nonexistent.yaml: can't be opened: No such file or directory"),
             (["--config", str(bench.path("."))], harness.EXIT_CONFIG, "Is a directory")]
    for arguments, status, message in wrong:
        done = harness.run([str(harness.BINARY), "run", *arguments])
        equal(done.status, status, f"exit status with {arguments}: {done.err.decode()}")
        check(message in done.err.decode(), f"{arguments}: no {message!r} in {done.err.decode()!r}")


def scenario(bench):
    refuse_what_is_wrong(bench)
    child = subprocess.Popen(
        [str(harness.BINARY), "run", "--duration", "3s", "--journal", str(bench.path("journal")),
         "--state", str(bench.path("state")), "--socket", str(bench.path("control.sock"))],
        stdout=subprocess.PIPE, stderr=open(bench.path("log"), "wb"))
    bench.on_exit(lambda: (child.kill(), child.wait()) if child.poll() is None else None)
    first = harness.Event(child.stdout.readline())
    equal(first.kind, "weir_start", "the first event")
    word = harness.marker()
    events = []
    while not any(e.process.get("arguments") == word for e in events):
        harness.run_ok([act("noop"), word])
        events.append(harness.Event(child.stdout.readline()))
    events += [harness.Event(line) for line in child.stdout.read().splitlines()]
    equal(child.wait(harness.WAIT_S), 0, f"exit status {bench.path('log').read_text()}")
    equal(events[-1].kind, "weir_stop", "the last event")
    harness.check_balance(harness.accounts_of_stop(events[-1]), "weir_stop")
    check(first.json["node_name"], "a node name")


harness.main(scenario)
