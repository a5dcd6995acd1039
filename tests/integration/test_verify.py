"""The key that verifies is exported once. A sound journal passes `weir verify --key`. Then one byte of
a record is flipped, a record is cut off at the end, and a batch in the middle is taken out: each is
found, with exit status 5 and the place. Another journal's key does not pass."""

import shutil

import harness
from harness import EXIT_NOT_SOUND, act, check, equal


def segments(directory):
    files = sorted(path for path in directory.iterdir() if path.is_file()
                   and path.stat().st_size > 4096)
    return files


def export_key(weir, directory):
    done = weir.verb("verify", "--export-key", "--journal", directory)
    equal(done.status, 0, f"weir verify --export-key: {done.err.decode()}")
    path = directory.parent / f"{directory.name}.key"
    path.write_bytes(done.out)
    path.chmod(0o600)
    return path


def verify(weir, directory, key):
    return weir.verb("verify", "--journal", directory, "--key", key)


def damaged_copy(bench, weir, name, damage):
    copy = bench.path(name)
    shutil.copytree(weir.journal, copy)
    segment = segments(copy)[0]
    content = bytearray(segment.read_bytes())
    damage(content)
    segment.write_bytes(content)
    return copy, segment


def flip(content):
    """In the text of an event that is known to be there."""
    content[content.index(b"find-this-argument") + 3] ^= 1


def cut(content):
    del content[content.rindex(b"find-this-argument"):]


def scenario(bench):
    weir = bench.weir(start=False)
    weir.journal.mkdir()
    key = export_key(weir, weir.journal)
    weir.start()
    for _ in range(20):
        harness.run_ok([act("noop"), "find-this-argument", "x" * 200])
    weir.settle()
    weir.stop()

    done = verify(weir, weir.journal, key)
    equal(done.status, 0, f"a sound journal: {done.out.decode()}{done.err.decode()}")
    for name, damage in (("flipped", flip), ("cut", cut)):
        copy, segment = damaged_copy(bench, weir, name, damage)
        done = verify(weir, copy, key)
        said = (done.out + done.err).decode()
        equal(done.status, EXIT_NOT_SOUND, f"{name}: exit status ({said})")
        check(segment.name in said, f"{name}: the place: {said}")

    other = bench.path("other")
    other.mkdir()
    other_key = export_key(weir, other)
    equal(verify(weir, weir.journal, other_key).status, EXIT_NOT_SOUND, "another journal's key")
    equal(weir.verb("verify", "--journal", weir.journal).status, 0, "without a key: frames only")


harness.main(scenario)
