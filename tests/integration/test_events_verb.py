"""The journal is read by hand while weir runs, and after: all of it, only what is newer, only what a
filter lets through, and following it as it grows. Each gives exactly the events that the file
output has, byte for byte."""

import subprocess

import harness
from harness import act, check, equal


def events_verb(weir, *arguments):
    done = weir.verb("events", "--journal", weir.journal, "--json", *arguments)
    equal(done.status, 0, f"weir events {arguments}: {done.err.decode()}")
    return [line for line in done.out.split(b"\n") if line]


class Follower:
    def __init__(self, bench, weir, *arguments):
        self.path = bench.path("followed")
        self.child = subprocess.Popen(
            [str(harness.BINARY), "events", "-f", "--json", "--journal", str(weir.journal),
             *arguments], stdout=open(self.path, "wb"))
        bench.on_exit(self.stop)

    def lines(self):
        return self.path.read_bytes().split(b"\n")[:-1]

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        return self.child.wait(harness.WAIT_S)


def scenario(bench):
    weir = bench.weir()
    follower = Follower(bench, weir)
    word = harness.marker()
    pids = [harness.run([act("exiter"), "status", str(i)]).pid for i in range(5)]
    harness.run_ok([act("noop"), word])
    weir.settle()
    wanted = [e.line for e in weir.session() if e.pid in pids]
    harness.wait_until(lambda: all(line in follower.lines() for line in wanted), "the follower")

    exits = events_verb(weir, "--filter", '{"event_set":["PROCESS_EXIT"],"binary_regex":["exiter$"]}')
    equal(exits, [e.line for e in weir.session() if e.kind == "process_exit"
                  and e.process["binary"].endswith("exiter")], "a filter as Tetragon writes it")
    check(any(word.encode() in line for line in events_verb(weir, "--since", "1h")), "--since 1h")
    equal(follower.stop() in (0, -15), True, "the follower ends when told")
    weir.stop()
    equal(events_verb(weir), [e.line for e in weir.session()], "the whole journal")
    equal(events_verb(weir, "--since", "2099-01-01T00:00:00Z"), [], "--since the future")
    equal(weir.verb("events", "--journal", weir.journal, "--filter", "{").status,
          harness.EXIT_USAGE, "a filter that is none")


harness.main(scenario)
