"""Weir starts, several times, while processes execute one program after the other without a pause:
two programs that take turns. Whatever moment the listing of running processes falls on, what is
listed is the image before the first exec that is seen, so the other program; and the images that
follow are all there, each with the one before it as its parent."""

import subprocess

import harness
from harness import act, check, equal

STARTS, CHAINS = 6, 3
FOREVER = 10_000_000


def start_chains(bench, copies):
    chains = [subprocess.Popen([copies[0], str(FOREVER), copies[1]]) for _ in range(CHAINS)]
    for chain in chains:
        bench.on_exit(lambda chain=chain: (chain.kill(), chain.wait()))
    return chains


def number_of(event):
    return int(event.process["arguments"].split()[0])


def check_chain(weir, pid, copies):
    images = weir.find("process_exec", lambda e: e.pid == pid)
    listed = [e for e in images if "procFS" in e.process["flags"].split()]
    seen = [e for e in images if e not in listed]
    check(len(listed) <= 1, f"times that {pid} is listed: {listed}")
    check(len(seen) > 1, f"execs of {pid}")
    for event in listed:
        if "binary" in event.process:
            check(event.process["binary"] != seen[0].process["binary"],
                  f"listed with the binary of the exec that followed:\n{event}\n{seen[0]}")
        if "arguments" in event.process:
            equal(number_of(event), number_of(seen[0]) + 1, "number of the image that is listed")
        equal(seen[0].process["parent_exec_id"], event.process["exec_id"], "the first one's parent")
    for before, event in zip(seen, seen[1:]):
        equal(number_of(event), number_of(before) - 1, "numbers without a gap")
        equal(event.process["parent_exec_id"], before.process["exec_id"], "parent")


def scenario(bench):
    copies = [bench.copy_act("exec_chain", "one"), bench.copy_act("exec_chain", "two")]
    chains = start_chains(bench, copies)
    for i in range(STARTS):
        weir = bench.weir(start=False, name=f"weir{i}")
        weir.config["sensor"] = {"tcp": False}
        weir.write_config(weir.config)
        weir.launch()
        weir.wait_started()
        weir.settle()
        weir.stop()
        for chain in chains:
            check_chain(weir, chain.pid, copies)


harness.main(scenario)
