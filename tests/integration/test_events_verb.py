"""The journal is read by hand while weir runs, and after: all of it, only what is newer, only what a
filter lets through, and following it as it grows. Each gives exactly the events that the file
output has, byte for byte."""

import subprocess

import harness
from harness import act, check, equal


def events_verb(weir, *arguments):
    done = weir.verb("events", "--journal", weir.journal, "--format", "json",
                     *arguments)
    equal(done.status, 0, f"weir events {arguments}: {done.err.decode()}")
    return [line for line in done.out.split(b"\n") if line]


class Follower:
    def __init__(self, bench, weir, *arguments):
        self.path = bench.path("followed")
        self.child = subprocess.Popen(
            [str(harness.BINARY), "events", "-f", "--format", "json", "--journal", str(weir.journal),
             *arguments], stdout=open(self.path, "wb"))
        bench.on_exit(self.stop)

    def lines(self):
        return self.path.read_bytes().split(b"\n")[:-1]

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        return self.child.wait(harness.WAIT_S)


def wait_following(weir, follower):
    """It begins with what is new; what is new when it is ready?"""
    def sees_one():
        word = harness.marker()
        harness.run_ok([act("noop"), word])
        weir.settle()
        return any(word.encode() in line for line in follower.lines())
    harness.wait_until(sees_one, "the follower")


def scenario(bench):
    weir = bench.weir()
    follower = Follower(bench, weir)
    wait_following(weir, follower)
    word = harness.marker()
    pids = [harness.run([act("exiter"), "status", str(i)]).pid for i in range(5)]
    harness.run_ok([act("noop"), word])
    weir.settle()
    wanted = [e.line for e in weir.session() if e.pid in pids and "exiter" in str(e.body)]
    harness.wait_until(lambda: all(line in follower.lines() for line in wanted), "all followed")

    exits = events_verb(weir, "--filter", "event=process_exit", "--filter", "binary=/exiter$")
    equal(exits, [e.line for e in weir.session() if e.kind == "process_exit"
                  and e.process.get("binary", "").endswith("/exiter")], "what two filters let by")
    mine = events_verb(weir, "--filter", f"arguments=^{word}$")
    equal([harness.Event(line).kind for line in mine], ["process_exec", "process_exit"],
          "a filter on arguments")
    without = events_verb(weir, "--filter", "event!=process_exit")
    check(without and not any(line.startswith(b'{"process_exit"') for line in without), "!=")
    check(any(word.encode() in line for line in events_verb(weir, "--since", "1h")), "--since 1h")
    follower.stop()
    weir.stop()

    everything = [e.line for e in weir.session()]
    equal(events_verb(weir), everything, "the whole journal")
    equal(events_verb(weir, "-n", "3"), everything[-3:], "the last three")
    middle = weir.session()[len(everything) // 2].seq
    equal(events_verb(weir, "--since", str(middle)), everything[len(everything) // 2:],
          "from a sequence number on")
    equal(weir.verb("events", "--journal", weir.journal, "--filter", "nonsense").status,
          harness.EXIT_USAGE, "a filter that is none")


harness.main(scenario)
