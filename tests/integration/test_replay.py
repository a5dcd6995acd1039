"""A range of the journal is replayed, to standard output and to a file, while weir runs: the same
events with the same ids, byte for byte. A file that is there already is left alone."""

import harness
from harness import act, check, equal


def scenario(bench):
    weir = bench.weir()
    for i in range(20):
        harness.run_ok([act("noop"), f"replayed-{i}"])
    weir.settle()
    events = weir.session()
    wanted = events[5:25]
    span = ["--from", wanted[0].seq, "--to", wanted[-1].seq]
    done = weir.verb("replay", "--journal", weir.journal, *span)
    equal(done.status, 0, f"weir replay: {done.err.decode()}")
    equal(done.out.splitlines(), [e.line for e in wanted], "what was replayed")

    target = bench.path("again.json")
    done = weir.verb("replay", "--journal", weir.journal, *span, "--output", target)
    equal(done.status, 0, f"weir replay to a file: {done.err.decode()}")
    equal(target.read_bytes().splitlines(), [e.line for e in wanted], "in the file")
    done = weir.verb("replay", "--journal", weir.journal, "--output", target)
    check(done.status != 0, "a file that is there")
    equal(target.read_bytes().splitlines(), [e.line for e in wanted], "the file is untouched")
    weir.stop()


harness.main(scenario)
