"""Weir is started, and `weir check` is asked, with configurations that are wrong in one place each:
an unknown key, a wrong type, a value out of range, a bad pattern, an unknown output, broken YAML.
Each is refused with exit status 3 and a message that names file, line and column, and weir does not
start. A right one passes."""

import re

import harness
from harness import EXIT_CONFIG, check, equal

WRONG = [
    # text, line, column, what the message must hold
    ("node_nam: x\n", 1, 1, "node_name"),
    ("sensor:\n  ring_bytes: lots\n", 2, 15, "ring_bytes"),
    ("sensor:\n  arguments_bytes: 1\n", 2, 20, "arguments_bytes"),
    ("journal:\n  when_full: sometimes\n", 2, 14, "drop_oldest"),
    ("journal:\n  sync_interval: 10\n  seal: maybe\n", None, None, "journal"),
    ("pipeline:\n  - redact:\n      rules:\n        - redact: '(unclosed'\n", 4, None, "redact"),
    ("pipeline:\n  - redact:\n      rules:\n        - redact: 'nogroup'\n", 4, None, "group"),
    ("pipeline:\n  - sharpen\n", 2, 5, "sharpen"),
    ("outputs:\n  - name: a\n    type: pigeon\n", 3, 11, "pigeon"),
    ("outputs:\n  - name: a\n    type: file\n", None, None, "path"),
    ("outputs:\n  - {name: a, type: null_}\n", 2, None, "null"),
    ("node_name: a\nnode_name: b\n", 2, 1, "node_name"),
    ("node_name: [\n", None, None, ""),
    ("control:\n  socket: relative.sock\n", 2, 11, "socket"),
]


def check_message(path, text, line, column, holds, output, what):
    place = re.search(re.escape(str(path)) + r":(\d+):(\d+): (.+)", output)
    check(place, f"{what}: no place in {output!r}")
    if line:
        equal(int(place[1]), line, f"{what}: line in {output!r}")
    if column:
        equal(int(place[2]), column, f"{what}: column in {output!r}")
    check(holds in place[3], f"{what}: {holds!r} in {place[3]!r}")


def scenario(bench):
    path = bench.path("wrong.yaml")
    for text, line, column, holds in WRONG:
        path.write_text(text)
        for verb in (["check", path], ["run", "--config", path]):
            done = harness.run([str(harness.BINARY), *map(str, verb)])
            what = f"weir {verb[0]} with {text!r}"
            equal(done.status, EXIT_CONFIG, f"{what}: exit status ({done.err.decode()})")
            check_message(path, text, line, column, holds,
                          (done.out + done.err).decode(), what)

    weir = bench.weir(start=False)
    done = weir.verb("check", weir.config_path)
    equal(done.status, 0, f"a right configuration: {done.err.decode()}")
    missing = weir.verb("check", bench.path("missing.yaml"))
    equal(missing.status, EXIT_CONFIG, "a file that is not there")
    check(b"missing.yaml" in missing.out + missing.err, "it is named")
    equal(weir.verb("run", "--no-such-option").status, harness.EXIT_USAGE, "an unknown option")
    equal(weir.verb("dance").status, harness.EXIT_USAGE, "an unknown verb")
    equal(weir.verb("status", "--socket", weir.socket).status, harness.EXIT_NOT_RUNNING,
          "status of a weir that is not there")


harness.main(scenario)
