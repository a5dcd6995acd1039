"""Somebody edits the configuration while weir runs, and does not reload it: first half written, then
whole but with other outputs, then the file is gone. Each time the forwarder is killed. The one that
follows goes on with what runs, not with what the file says by then. A reload changes over to the
file, and from then on that is what a new forwarder has."""

import os
import signal

import harness
from harness import check, equal, merged


def restart_forwarder(weir):
    starts = int(weir.status()["forwarder_starts"])
    os.kill(weir.forwarder_pid(), signal.SIGKILL)
    harness.wait_until(lambda: int(weir.status()["forwarder_starts"]) > starts, "its restart")
    weir.settle()


def open_outputs(weir):
    return sorted(o["name"] for o in weir.status()["outputs"] if o["state"] != "closed")


def edit(weir, text):
    weir.write_config(text)
    restart_forwarder(weir)
    equal(open_outputs(weir), ["events"], f"outputs after a restart beside {text[:40]!r}")


def with_other(weir):
    other = {"name": "other", "type": "file", "path": str(weir.out / "other.json")}
    return merged(weir.config, {"outputs": [*weir.config["outputs"], other]})


def scenario(bench):
    weir = bench.weir()
    edit(weir, "outputs: [{name: events, ty")
    edit(weir, "")
    edit(weir, harness.json.dumps(with_other(weir)))
    weir.config_path.unlink()
    restart_forwarder(weir)
    equal(open_outputs(weir), ["events"], "outputs without the file")
    check(not (weir.out / "other.json").exists(), "nothing was written for the edited file")
    refused = weir.verb("reload", "--socket", weir.socket)
    equal(refused.status, harness.EXIT_CONFIG, f"reload of no file: {refused.err!r}")

    weir.write_config(with_other(weir))
    equal(weir.verb("reload", "--socket", weir.socket).status, 0, "reload")
    harness.wait_until(lambda: open_outputs(weir) == ["events", "other"], "both outputs")
    weir.write_config(weir.config)
    restart_forwarder(weir)
    equal(open_outputs(weir), ["events", "other"], "outputs after the reload and a restart")
    weir.stop()


harness.main(scenario)
