"""The output file is moved away while events flow, and weir told to reopen it, by SIGUSR1 as logrotate
does. Then it rotates by itself at a size. No event is lost, doubled or torn at any seam."""

import os
import signal

import harness
from harness import act, check, equal

LIMIT = 65536


def numbers_in(*paths):
    found = []
    for path in paths:
        with open(path, "rb") as file:
            content = file.read()
        check(content.endswith(b"\n") or not content, f"{path} ends with a whole line")
        found += [harness.Event(line).seq for line in content.splitlines()]
    return found


def reopened(bench):
    weir = bench.weir()
    harness.run_ok([act("noop"), "before"])
    weir.settle()
    moved = weir.out / "moved.json"
    os.rename(weir.output_path, moved)
    weir.process.send_signal(signal.SIGUSR1)

    harness.wait_until(weir.output_path.exists, "a new file")
    harness.run_ok([act("noop"), "after"])
    harness.wait_until(lambda: b'"after"' in weir.output_path.read_bytes(), "events in it")
    weir.process.send_signal(signal.SIGTERM)
    weir.wait_ended()
    numbers = numbers_in(moved, weir.output_path)
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "numbers over the seam")


def by_size(bench):
    weir = bench.weir(start=False)
    weir.config["outputs"][0].update({"rotate_bytes": LIMIT, "keep": 1000,
                                      "batch": {"max_bytes": "16KiB"}})
    weir.write_config(weir.config)
    weir.launch()
    files = lambda: sorted(weir.out.iterdir(), key=lambda path: path.stat().st_mtime_ns)

    def enough():
        weir.alive()
        harness.run_ok([act("noop"), "x" * 5000])
        return len(files()) >= 4
    harness.wait_until(enough, "four files")
    weir.process.send_signal(signal.SIGTERM)
    weir.wait_ended()
    numbers = sorted(numbers_in(*files()))
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "numbers over the seams")
    for path in files()[:-1]:
        harness.between(path.stat().st_size, LIMIT // 2, LIMIT, f"size of {path.name}")


harness.main(reopened, by_size)
