"""What syslog scenarios share: reading what a receiver has written down, and holding it against the
journal's own file: complete, in order, unaltered."""

import json
import re
import threading

import harness
from harness import act, check, equal
from receivers import SYSLOG_PARTS

SD = re.compile(r'\[weir@32473 id="([^"\]\\]+)" seq="(\d+)" kind="(\w+)" time_ns="(\d+)"\]'
                r'(?:\[meta [^]]*\])?')  # which syslog-ng adds to what is local


class Message:
    def __init__(self, line):
        parts = line.split("\t")
        equal(len(parts), len(SYSLOG_PARTS), f"parts of {line!r}")
        self.__dict__.update(zip(SYSLOG_PARTS, parts))
        found = SD.fullmatch(self.sd)
        check(found, f"structured data: {self.sd!r}")
        self.id, seq, self.kind, ns = found.groups()
        self.seq, self.time_ns = int(seq), int(ns)
        self.is_notice = self.id.count("-") > 5


def received(path):
    """The messages in whole lines."""
    text = path.read_bytes().decode() if path.exists() else ""
    whole = text[:text.rfind("\n") + 1]
    return [Message(line) for line in whole.split("\n")[:-1]]  # an event may hold U+2028


def output(name, **settings):
    return {"name": name, "type": "syslog", "max_message_bytes": "64KiB",
            "retry": {"initial": "20ms", "max": "200ms"}, **settings}


def add_output(weir, name, **settings):
    weir.config["outputs"].append(output(name, **settings))
    weir.write_config(weir.config)


def wait_for(weir, name, seq, timeout=60):
    """Until that output has acknowledged so much."""
    def reached():
        status = weir.output_status(name)
        return int(status["acked_seq"]) >= seq
    harness.wait_until(reached, lambda: f"{name} to reach {seq}: {weir.output_status(name)}",
                       timeout)


class Load:
    """Processes run, one after the other, until it is told to stop."""

    def __init__(self):
        self.word = harness.marker()
        self.count = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stopping.is_set():
            harness.run_ok([act("noop"), f"{self.word}-{self.count}"])
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def wait(self, more):
        """Until so many more have run."""
        until = self.count + more
        harness.wait_until(lambda: self.count >= until, f"{more} more processes")

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


def compare(weir, path, seq, may_repeat=False):
    """All up to `seq` arrived, each as the file has it, in order; twice only when allowed, and then
    the same. Returns how many came again."""
    wanted = {e.seq: e for e in weir.session() if e.seq <= seq and not e.is_notice}
    lacks = lambda: sorted(set(wanted) - {m.seq for m in received(path)})
    harness.wait_until(lambda: not lacks(), lambda: f"{path.name}: {lacks()} of {len(wanted)}", 20)
    messages = [m for m in received(path) if not m.is_notice]
    first = {}
    for message in messages:
        known = first.setdefault(message.seq, message)
        equal((message.msg, message.id, message.time_ns), (known.msg, known.id, known.time_ns),
              f"{message.seq}, when it came again")
    again = len(messages) - len(first)
    if not may_repeat:
        equal(again, 0, f"{path.name}: messages that came twice")
    order = list(first)
    equal(order, sorted(order), f"{path.name}: order of arrival")
    for number, event in wanted.items():
        check_message(first[number], event)
    return again


def check_message(message, event):
    equal(json.loads(message.msg.lstrip()), event.json, f"message {event.seq}")
    equal(message.id, f"{event.weir['boot_id']}-{event.seq}", "its id")
    equal((message.kind, message.msgid, message.app), (event.kind, event.kind, "weir"), "its kind")
    check(abs(message.time_ns / 1e9 - harness.wall_seconds(event.time)) < 2e-6,
          f"{message.time_ns} is not {event.time}")
