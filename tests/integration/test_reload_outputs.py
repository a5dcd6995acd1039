"""While a storm goes on, the configuration is reloaded with one output more, then with one less. The
file that is there throughout has every event, once and in order; the new one begins with the oldest
event of the journal and has them all up to its end."""

import subprocess

import harness
from harness import act, check, equal

COUNT = 1500


def reload_with(weir, outputs):
    weir.write_config({**weir.config, "outputs": outputs})
    done = weir.verb("reload", "--socket", weir.socket)
    equal(done.status, 0, f"weir reload: {done.err.decode()}")
    names = sorted(output["name"] for output in outputs)

    def running():
        return sorted(output["name"] for output in weir.status()["outputs"]
                      if output["state"] not in ("closed", "starting"))
    harness.wait_until(lambda: running() == names, f"outputs {names}")


def scenario(bench):
    weir = bench.weir()
    word = harness.marker("storm")
    storm = subprocess.Popen([act("fork_storm"), str(COUNT), act("noop"), word],
                             stdout=subprocess.DEVNULL)
    bench.on_exit(lambda: (storm.kill(), storm.wait()) if storm.poll() is None else None)
    first = weir.config["outputs"]
    second = {"name": "second", "type": "file", "path": str(weir.out / "second.json")}
    reload_with(weir, first + [second])
    weir.settle()
    have = harness.EventFile(second["path"])
    mark = weir.session()[-1].seq
    harness.wait_until(lambda: have.poll() and have.events[-1].seq >= mark, "the second to follow")
    reload_with(weir, first)
    equal(storm.wait(90), 0, "the storm")
    weir.settle()
    equal(int(weir.output_status("second")["pending"]), 0, "nothing is pending for who was taken out")
    have.poll()
    numbers = [e.seq for e in have.events]
    equal(numbers, list(range(1, len(numbers) + 1)), "the second: all from the oldest on")
    by_seq = {e.seq: e.line for e in weir.session()}
    check(all(by_seq[e.seq] == e.line for e in have.events), "both say the same")
    seen = [e for e in weir.find("process_exec") if e.process.get("arguments", "").startswith(word + "-")]
    equal(len(seen), COUNT, "execs of the storm")
    weir.stop()


harness.main(scenario)
