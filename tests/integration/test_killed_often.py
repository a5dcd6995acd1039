"""Forwarder and collector are killed with SIGKILL at random moments while processes run without a pause,
again and again; a killed collector is started anew. In the end every event of the journal has arrived
at a file and at a syslog receiver over TCP: in the journal's order, none altered, and what came twice
came under one id and with the same bytes. The journal is whole.

WEIR_KILLS says how often (20), WEIR_SEED makes the choices the same again (it is printed)."""

import json
import os
import random
import signal
import socket
import threading
import time

import harness
from harness import check, equal
from syslog_peer import Load

KILLS = int(os.environ.get("WEIR_KILLS", "20"))
SEED = int(os.environ.get("WEIR_SEED", time.time_ns() % 1000000))


class Receiver:
    """Octet-counted syslog over TCP, one connection after the other. Keeps the whole messages."""

    def __init__(self, bench):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.messages = []
        self.cut = 0  # connections that ended within a message
        threading.Thread(target=self.serve, daemon=True).start()
        bench.on_exit(self.listener.close)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                self.read(stream)

    def read(self, stream):
        try:
            while count := self.read_count(stream):
                message = stream.read(count)
                if len(message) < count:
                    self.cut += 1
                    return
                self.messages.append(message)
        except ConnectionError:
            self.cut += 1

    def read_count(self, stream):
        digits = b""
        while (byte := stream.read(1)) not in (b"", b" "):
            digits += byte
        return int(digits) if byte else 0

    def lines(self):
        return [message[message.index(b"{"):] for message in list(self.messages)]


def more_events(weir, choice):
    """Until a random number of further events has come out."""
    until = len(weir.events()) + choice.randrange(1, 300)
    harness.wait_until(lambda: weir.alive() and len(weir.events()) >= until, "more events", 60)


def kill_forwarder(weir):
    os.kill(weir.forwarder_pid(), signal.SIGKILL)


def kill_collector(weir):
    """Its forwarder goes on by itself to the journal's end, if it is let."""
    weir.kill()
    weir.launch()
    harness.wait_until(lambda: weir.alive() and weir.socket.exists()
                       and weir.verb("status", "--socket", weir.socket).status == 0,
                       "the next collector", 60)


def sequence(line):
    return int(json.loads(line)["weir"].get("seq", 0))


def check_arrived(journal, lines, what):
    first = {}
    repeated = 0
    for line in lines:
        seq = sequence(line)
        if not seq:
            continue  # a notice
        repeated += seq in first
        equal(first.setdefault(seq, line), line, f"{what}: {seq}, when it came again")
    equal([seq for seq in journal if seq not in first], [], f"{what}: missing")
    for seq, line in journal.items():
        equal(first[seq], line, f"{what}: {seq}, against the journal")
    equal(list(first), sorted(first), f"{what}: order")
    return repeated


def scenario(bench):
    print(f"WEIR_SEED={SEED} WEIR_KILLS={KILLS}", flush=True)
    choice = random.Random(SEED)
    weir = bench.weir(start=False)
    receiver = Receiver(bench)
    weir.config["outputs"].append({
        "name": "syslog", "type": "syslog", "transport": "tcp",
        "address": f"127.0.0.1:{receiver.port}", "max_message_bytes": "1MiB",
        "batch": {"max_events": 50, "max_age": "5ms"}, "retry": {"initial": "10ms", "max": "50ms"}})
    weir.config["outputs"][0]["batch"] = {"max_events": 50, "max_age": "5ms"}
    weir.config["forwarder"]["drain_timeout"] = "20s"
    weir.write_config(weir.config)
    weir.start()
    killed = {"forwarder": 0, "collector": 0}
    in_a_row = 0  # a forwarder that dies again and again is started more and more slowly
    with Load():
        for _ in range(KILLS):
            more_events(weir, choice)
            whom = choice.choice(["forwarder", "collector"]) if in_a_row < 4 else "collector"
            in_a_row = in_a_row + 1 if whom == "forwarder" else 0
            (kill_forwarder if whom == "forwarder" else kill_collector)(weir)
            killed[whom] += 1
        more_events(weir, choice)
    weir.settle(60)
    weir.process.send_signal(signal.SIGTERM)
    weir.wait_ended(60)

    done = weir.verb("replay", "--journal", weir.journal)
    equal(done.status, 0, f"exit status of weir replay ({done.err.decode()})")
    journal = {sequence(line): line for line in done.out.splitlines()}
    numbers = sorted(journal)
    equal(numbers[-1] - numbers[0] + 1, len(numbers), "the journal's numbers without a gap")
    equal(weir.verb("verify", "--journal", weir.journal).status, 0, "weir verify")
    twice = {
        "file": check_arrived(journal, weir.output_path.read_bytes().splitlines(), "file"),
        "syslog": check_arrived(journal, receiver.lines(), "syslog"),
    }
    print(f"killed {killed}; {len(journal)} events, came twice: {twice}; connections cut within a "
          f"message: {receiver.cut}")
    check(sum(killed.values()) == KILLS, "kills")


harness.main(scenario)
