"""`weir probe` says what this kernel can do, for people and for programs; what it says of a few
features is what the kernel shows elsewhere, and the programs that weir loads agree with it."""

import os

import harness
from harness import check, equal


def scenario(bench):
    weir = bench.weir(start=False)
    done = weir.verb("probe", "--json")
    equal(done.status, 0, f"weir probe --json: {done.err.decode()}")
    said = harness.parse_json(done.out)
    features = said.get("features", said)
    equal(said["release"], os.uname().release, "the kernel's release")
    check(features["btf"], "BTF, which this test needs")
    check(features["ring_buffer"] and features["tp_btf"], "what weir can't do without")
    done = weir.verb("probe")
    equal(done.status, 0, "weir probe")
    check(done.out.decode().count("\n") > 5, "a line for each feature")


harness.main(scenario)
