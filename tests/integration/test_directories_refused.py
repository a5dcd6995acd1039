"""weir is given a directory that it must not take, or that the forwarder's user can't use: others'
files are in it, it can't be written, the directory above lets only root pass. It says so at once, names
the setting and the path, and ends, instead of starting a forwarder again and again in vain. What was
there is as it was."""

import os

import harness
from harness import check, equal


def snapshot(path):
    return [(entry.name, entry.stat().st_mode, entry.stat().st_uid) for entry in os.scandir(path)]


def refused(bench, name, options, status, *words):
    arguments = {"--journal": bench.path(f"{name}-j"), "--state": bench.path(f"{name}-s"),
                 "--socket": bench.path(f"{name}.sock"), **options}
    done = harness.run([str(harness.BINARY), "run", "--duration", "5s",
                        *[str(word) for pair in arguments.items() for word in pair]])
    said = done.err.decode()
    equal(done.status, status, f"{name}: exit status ({said})")
    equal(len(said.splitlines()), 1, f"{name}: lines that it says: {said}")
    equal(done.out, b"", f"{name}: no event was written")
    for word in words:
        equal(said.count(str(word)), 1, f"{name}: how often {str(word)!r} is in {said!r}")


def scenario(bench):
    foreign = bench.path("foreign")
    foreign.mkdir(mode=0o755)
    (foreign / "somebody's").write_text("theirs")
    before = snapshot(foreign), foreign.stat().st_mode, foreign.stat().st_uid
    refused(bench, "foreign-journal", {"--journal": foreign}, harness.EXIT_FAILED,
            f"journal {foreign}: the directory holds other files")
    refused(bench, "foreign-state", {"--state": foreign}, harness.EXIT_FAILED,
            f"{foreign} holds other files")
    equal((snapshot(foreign), foreign.stat().st_mode, foreign.stat().st_uid), before,
          "the directory of others")

    closed = bench.path("closed")
    closed.mkdir(mode=0o700)
    refused(bench, "closed-state", {"--state": closed / "s"}, harness.EXIT_CONFIG,
            f"forwarder.state_directory {closed / 's'}: the forwarder, which runs as ",
            "Permission denied", "every directory above it")
    refused(bench, "closed-journal", {"--journal": closed / "j"}, harness.EXIT_CONFIG,
            f"journal.directory {closed / 'j'}: the forwarder, which runs as ", "Permission denied")
    file = bench.path("file")
    file.write_text("")
    refused(bench, "no-directory", {"--state": file}, harness.EXIT_FAILED, file)


harness.main(scenario)
