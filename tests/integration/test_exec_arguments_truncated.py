"""With a limit of 4 KiB, a program is executed with just as much, with more in one argument, and
with more in many. What is kept is the beginning, whole and right; that something is missing is
flagged, and how much there was is said. The default limit takes 30 KiB whole."""

import harness
from harness import act, argv_of, equal

LIMIT = 4096


def total_bytes(argv):
    return sum(len(element) + 1 for element in argv)


def filled_to(size):
    """An argument list of exactly so many bytes, terminators included."""
    argv = [act("noop").encode()]
    while size - total_bytes(argv) > 200:
        argv.append(b"%0100d" % len(argv))
    return argv + [b"x" * (size - total_bytes(argv) - 1)]


def check_whole(weir, argv, what):
    event = weir.exec_of(harness.run_ok(argv).pid)
    equal(argv_of(event), argv, what)
    harness.check("truncArgs" not in event.process["flags"].split(), f"{what}: flagged")
    harness.check("argv_total_bytes" not in event.weir, f"{what}: a total that says nothing")


def check_cut(weir, argv, what):
    event = weir.exec_of(harness.run_ok(argv).pid)
    harness.check("truncArgs" in event.process["flags"].split(), f"{what}: not flagged")
    equal(int(event.weir["argv_total_bytes"]), total_bytes(argv), f"{what}: bytes there were")
    kept = b"\0".join(argv_of(event))
    original = b"\0".join(argv)
    harness.check(original.startswith(kept), f"{what}: not a beginning of what was given")
    harness.between(len(kept), LIMIT - 256, LIMIT, f"{what}: bytes kept")


def scenario(bench):
    weir = bench.weir({"sensor": {"arguments_bytes": LIMIT}})
    check_whole(weir, filled_to(LIMIT), "exactly the limit")
    check_cut(weir, filled_to(LIMIT + 1), "one byte over")
    check_cut(weir, filled_to(10 * LIMIT), "ten times the limit")
    check_cut(weir, [act("noop").encode(), b"y" * 100_000], "one long argument")
    weir.stop()


def default_limit(bench):
    weir = bench.weir()
    check_whole(weir, filled_to(30 * 1024), "30 KiB with the default limit")
    weir.stop()


harness.main(scenario, default_limit)
