"""A scripted receiver of syslog over TCP and over RELP resets each of its first connections in the
middle of a frame, after a number of bytes that is drawn anew each time; what it had read whole until
then it keeps. Then it reads on. Every event is there, in order, unaltered, and what came twice is
the same: half a frame never becomes an event, nor makes one disappear."""

import json
import random
import re
import socket
import struct
import threading

import harness
import syslog_peer
from harness import check, equal

RESETS = 12
FRAME = {"tcp": re.compile(rb"(\d{1,9}) "),
         "relp": re.compile(rb"(\d{1,9}) ([a-z]+) (\d{1,9})[ \n]")}
EVENT_ID = re.compile(rb'\[weir@32473 id="([^"]+)" seq="(\d+)"')


class Receiver(threading.Thread):
    def __init__(self, kind, rng):
        super().__init__(daemon=True)
        self.kind, self.rng = kind, rng
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.messages, self.resets, self.halves, self.fault = [], 0, 0, None
        self.start()

    def run(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                self.converse(connection)
        except Exception as fault:  # told by the scenario
            self.fault = fault

    def converse(self, connection):
        quota = self.rng.randrange(1, 60000) if self.resets < RESETS else None
        pending = b""
        while quota is None or quota > 0:
            got = connection.recv(min(65536, quota or 65536))
            if not got:
                return
            pending = self.take_frames(connection, pending + got)
            if quota is not None:
                quota -= len(got)
        self.resets += 1
        self.halves += bool(pending)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def take_frames(self, connection, pending):
        """Returns what is not whole yet."""
        while head := FRAME[self.kind].match(pending):
            end = head.end() + int(head.group(head.lastindex)) + (self.kind == "relp")
            if self.kind == "relp" and head.group(3) == b"0":
                end = head.end()
            if len(pending) < end:
                break
            self.take(connection, head, pending[head.end():end])
            pending = pending[end:]
        return pending

    def take(self, connection, head, body):
        if self.kind == "tcp":
            self.messages.append(body)
            return
        number, command = head.group(1), head.group(2)
        answer = b"200 OK"
        if command == b"open":
            answer += b"\nrelp_version=0\nrelp_software=test\ncommands=syslog"
        elif command == b"syslog":
            equal(body[-1:], b"\n", "end of a RELP frame")
            self.messages.append(body[:-1])
        connection.sendall(b"%s rsp %d %s\n" % (number, len(answer), answer))


def check_arrived(weir, receiver, seq):
    wanted = {e.seq: e for e in weir.session() if e.seq <= seq and not e.is_notice}
    first = {}
    for message in receiver.messages:
        found = EVENT_ID.search(message)
        check(found, f"not an event of weir's: {message[:200]!r}")
        known = first.setdefault(int(found.group(2)), message)
        equal(message.split(b"] ", 1)[1], known.split(b"] ", 1)[1], "an event that came again")
    equal(sorted(set(wanted) - set(first)), [], f"missing over {receiver.kind}")
    equal(list(first), sorted(first), f"order over {receiver.kind}")
    for number, event in wanted.items():
        equal(json.loads(first[number].split(b"] ", 1)[1]), event.json, f"event {number}")
    print(f"{receiver.kind}: {receiver.halves} of {receiver.resets} resets in the middle of a frame,"
          f" {len(receiver.messages) - len(first)} came again")


def scenario(bench):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    receivers = [Receiver(kind, random.Random(seed)) for kind in FRAME]
    weir = bench.weir(start=False)
    for receiver in receivers:
        syslog_peer.add_output(weir, receiver.kind, transport=receiver.kind, grace="2s",
                               address=f"127.0.0.1:{receiver.port}")
    weir.start()
    with syslog_peer.Load() as load:
        for receiver in receivers:
            harness.wait_until(lambda: receiver.fault or receiver.resets == RESETS,
                               lambda: f"{receiver.resets} of {RESETS} resets")
        load.wait(20)
    weir.settle()
    seq = weir.session()[-1].seq
    for receiver in receivers:
        syslog_peer.wait_for(weir, receiver.kind, seq)
        equal(receiver.fault, None, "what went wrong at the receiver")
        check(receiver.halves > 0, "frames were cut")
        check_arrived(weir, receiver, seq)
    weir.stop()


harness.main(scenario)
