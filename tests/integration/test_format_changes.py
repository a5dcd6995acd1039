"""Three outputs take the same events with fields renamed, dropped and added: ECS, JSON, and CEF. Each
has what its configuration says and nothing else has changed; no event is lost for it. A change of a
field that isn't there, or onto one that is, is refused by `weir check` with its place."""

import harness
from harness import ABSENT, act, check, equal, fields

ECS = {"name": "ecs", "drop": ["process.parent", "weir"],
       "rename": {"process.args": "process.argv", "host.os": "machine.os"},
       "add": {"labels.site": "fra1"}}
JSON = {"drop": ["*.process.cwd", "weir.boot_id"], "rename": {"node_name": "host"},
        "add": {"labels.site": 'fra"1'}}
CEF = {"name": "cef", "rename": {"cs1": "args"}, "drop": ["cs1Label"], "add": {"site": "a=b"}}

WRONG = [
    ("{name: ecs, drop: [process.argz]}", 'did you mean "process.args"'),
    ("{name: ecs, rename: {process.args: process.pid}}", "already"),
    ("{drop: [process.pid]}", "no event has"),
    ("{name: gelf, add: {site: x}}", "underscore"),
    ("msgpack", "takes lines"),
]


def written(weir, name):
    return (weir.out / name).read_bytes().splitlines()


def scenario(bench):
    weir = bench.weir(start=False)
    outputs = weir.config["outputs"]
    outputs += [{"name": name, "type": "file", "path": str(weir.out / name), "format": form}
                for name, form in (("ecs", ECS), ("changed", JSON), ("cef", CEF))]
    weir.write_config(weir.config)
    weir.start()
    harness.run_ok([act("noop"), "x=y", "two words"])
    weir.settle()
    weir.stop()
    events = weir.session()
    for name in ("ecs", "changed", "cef"):
        equal(len(written(weir, name)), len(events), f"events of {name}")
    at = next(i for i, e in enumerate(events) if "x=y" in e.process.get("arguments", ""))

    ecs = harness.parse_json(written(weir, "ecs")[at])
    fields(ecs, {"weir": ABSENT, "labels": {"site": "fra1"}, "machine": {"os": {"type": "linux"}}},
           "ECS")
    fields(ecs["process"], {"parent": ABSENT, "args": ABSENT,
                            "argv": lambda argv: argv[1:] == ["x=y", "two words"]}, "ECS process")
    changed = harness.parse_json(written(weir, "changed")[at])
    fields(changed, {"node_name": ABSENT, "host": harness.NODE, "labels": {"site": 'fra"1'},
                     "weir": lambda w: "boot_id" not in w and int(w["seq"]) == events[at].seq},
           "JSON")
    process = dict(events[at].process)
    del process["cwd"]
    equal(changed["process_exec"]["process"], process, "JSON process, but for the directory")
    cef = written(weir, "cef")[at].decode()
    check(' args=x\\=y "two words" ' in cef and "cs1Label" not in cef, f"CEF: {cef}")
    check(cef.endswith(" site=a\\=b"), f"CEF, what was added: {cef}")

    path = bench.path("wrong.yaml")
    for form, words in WRONG:
        path.write_text(f"outputs:\n  - name: a\n    type: stdout\n    format: {form}\n")
        done = weir.verb("check", path)
        equal(done.status, harness.EXIT_CONFIG, f"weir check with {form}")
        said = (done.out + done.err).decode()
        check(words in said and f"{path}:4:" in said, f"{form}: {said}")


harness.main(scenario)
