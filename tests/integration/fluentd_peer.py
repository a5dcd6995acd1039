"""A scripted Fluentd server: takes messages of the Forward protocol, keeps each as it came, and does
with its answer what the scenario says. Its reader of MessagePack and its half of the handshake are
written from their specifications."""

import gzip
import hashlib
import os
import socket
import struct
import threading
from collections import Counter, namedtuple

import harness
import http_peer

Ext = namedtuple("Ext", "type data")
Entry = namedtuple("Entry", "seconds nanoseconds record")
Message = namedtuple("Message", "tag entries options connection")

ACK, IGNORE, LOSE = object(), object(), object()


# --- MessagePack --------------------------------------------------------------------------------

class Reader:
    """Values from a function that gives exactly n bytes; EOFError when there are no more."""

    def __init__(self, take):
        self.take = take

    def number(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(code)))[0]

    def text(self, n):
        raw = self.take(n)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw

    def array(self, n):
        return [self.value() for _ in range(n)]

    def map(self, n):
        pairs = [(self.value(), self.value()) for _ in range(n)]
        harness.equal(len(dict(pairs)), n, "keys of a map, each once")
        return dict(pairs)

    def ext(self, n):
        kind = self.number("b")
        return Ext(kind, self.take(n))

    def value(self):
        first = self.take(1)[0]
        if first < 0x80:
            return first
        if first >= 0xe0:
            return first - 256
        if first < 0x90:
            return self.map(first & 15)
        if first < 0xa0:
            return self.array(first & 15)
        if first < 0xc0:
            return self.text(first & 31)
        sized = {0xc4: (self.take, "B"), 0xc5: (self.take, "H"), 0xc6: (self.take, "I"),
                 0xc7: (self.ext, "B"), 0xc8: (self.ext, "H"), 0xc9: (self.ext, "I"),
                 0xd9: (self.text, "B"), 0xda: (self.text, "H"), 0xdb: (self.text, "I"),
                 0xdc: (self.array, "H"), 0xdd: (self.array, "I"),
                 0xde: (self.map, "H"), 0xdf: (self.map, "I")}
        if first in sized:
            read, code = sized[first]
            return read(self.number(code))
        fixed = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q",
                 0xd0: "b", 0xd1: "h", 0xd2: "i", 0xd3: "q"}
        if first in fixed:
            return self.number(fixed[first])
        if 0xd4 <= first <= 0xd8:
            return self.ext(1 << (first - 0xd4))
        return {0xc0: None, 0xc2: False, 0xc3: True}[first]


def pack(value):
    """What a server says: nothing large."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return struct.pack(">Bq", 0xd3, value)
    if isinstance(value, bytes):
        return struct.pack(">BB", 0xc4, len(value)) + value
    if isinstance(value, str):
        raw = value.encode()
        return struct.pack(">BH", 0xda, len(raw)) + raw
    if isinstance(value, dict):
        return bytes([0x80 | len(value)]) + b"".join(pack(k) + pack(v) for k, v in value.items())
    return bytes([0x90 | len(value)]) + b"".join(map(pack, value))


def entries_of(body):
    at = 0

    def take(n):
        nonlocal at
        if at + n > len(body):
            raise EOFError
        at += n
        return body[at - n:at]

    reader, entries = Reader(take), []
    while at < len(body):
        time, record = reader.value()
        harness.check(isinstance(time, Ext) and time.type == 0 and len(time.data) == 8,
                      f"an EventTime: {time!r}")
        harness.check(isinstance(record, dict), f"a record is a map: {record!r}")
        entries.append(Entry(*struct.unpack(">II", time.data), record))
    return entries


# --- the server ---------------------------------------------------------------------------------

def sha512(*parts):
    return hashlib.sha512(b"".join(p if isinstance(p, bytes) else p.encode()
                                   for p in parts)).hexdigest()


class Security:
    """The server's half of the handshake, or, by overriding, a bad one."""

    def __init__(self, key, users=None, hostname="receiver", nonce=None, keepalive=True):
        self.key, self.users, self.hostname = key, users, hostname
        self.nonce = nonce or os.urandom(16)
        self.auth = os.urandom(16) if users else b""
        self.keepalive = keepalive
        self.pings = []

    def helo(self):
        return pack(["HELO", {"nonce": self.nonce, "auth": self.auth,
                              "keepalive": self.keepalive}])

    def refusal(self, ping):
        """Why not, or None."""
        _, hostname, salt, digest, user, password = ping
        if digest != sha512(salt, hostname, self.nonce, self.key):
            return "shared_key mismatch"
        if self.users is None:
            return None if user == password == "" else "a user that was not asked for"
        if password != sha512(self.auth, user, self.users.get(user, os.urandom(8))):
            return "username/password mismatch"
        return None

    def pong(self, ping):
        reason = self.refusal(ping)
        if reason:
            return pack(["PONG", False, reason, "", ""])
        digest = sha512(ping[2], self.hostname, self.nonce, self.key)
        return pack(["PONG", True, "", self.hostname, digest])

    def shake(self, connection, reader):
        connection.sendall(self.helo())
        ping = reader.value()
        harness.equal((ping[0], len(ping)), ("PING", 6), "a PING")
        self.pings.append(ping)
        pong = self.pong(ping)
        if pong:
            connection.sendall(pong)
        return bool(pong) and not self.refusal(ping)


class Peer:
    """answer(message) gives ACK, IGNORE (say nothing), LOSE (close without a word), or bytes to send
    instead. Messages are kept in the order in which they were whole. It can be stopped, and started
    again on its port."""

    def __init__(self, bench, answer=lambda message: ACK, security=None, tls=None, path=None):
        self.answer, self.security, self.tls, self.path = answer, security, tls, path
        self.messages, self.faults, self.open = [], [], []
        self.connections = 0
        self.port = 0
        self.listener = None
        self.lock = threading.Lock()
        self.start()
        bench.on_exit(self.stop)

    @property
    def address(self):
        return str(self.path) if self.path else f"localhost:{self.port}"

    def start(self):
        if self.path:
            self.path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self.path))
            self.path.chmod(0o777)
        else:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            self.port = listener.getsockname()[1]
        listener.listen(16)
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self):
        listener, self.listener = self.listener, None
        if not listener:
            return
        # Wakes accept(), which close() alone does not.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in list(self.open):
            self._shut(connection)

    @staticmethod
    def _shut(connection):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections),
                             daemon=True).start()

    def _serve(self, connection, number):
        self.open.append(connection)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as file:
                self._converse(connection, file, number)
        except (OSError, EOFError):
            pass
        except Exception as fault:  # a check that failed: the scenario asks for them
            self.faults.append(fault)

    def _converse(self, connection, file, number):
        def take(n):
            data = file.read(n)
            if len(data) < n:
                raise EOFError
            return data

        reader = Reader(take)
        if self.security and not self.security.shake(connection, reader):
            return
        while True:
            message = self._message(reader.value(), number)
            answer = self.answer(message)
            with self.lock:
                self.messages.append(message)
            if answer is LOSE:
                self._shut(connection)
                return
            if answer is ACK and "chunk" in message.options:
                connection.sendall(pack({"ack": message.options["chunk"]}))
            elif isinstance(answer, bytes):
                connection.sendall(answer)

    @staticmethod
    def _message(value, number):
        harness.check(isinstance(value, list) and len(value) == 3, f"a PackedForward: {value!r}")
        tag, body, options = value
        harness.check(isinstance(body, bytes), "entries are bin")
        if options.get("compressed") == "gzip":
            body = gzip.decompress(body)
        entries = entries_of(body)
        harness.equal(len(entries), options["size"], "entries, against the option size")
        return Message(tag, entries, options, number)

    # -- looking at what came

    def check(self):
        """No check of the server's own has failed."""
        for fault in self.faults:
            raise fault

    def entries(self):
        with self.lock:
            return [entry for message in self.messages for entry in message.entries]

    def ids(self):
        return [http_peer.event_id(entry.record) for entry in self.entries()]


def check_doubles(messages):
    """An event comes twice only in a chunk that comes twice: under the same id with the same events,
    and no id stands for different ones."""
    chunks, holders = {}, {}
    for message in messages:
        chunk = message.options["chunk"]
        events = [http_peer.event_id(entry.record) for entry in message.entries]
        harness.equal(chunks.setdefault(chunk, events), events, f"events of chunk {chunk}")
        for event in events:
            holder = holders.setdefault(event, chunk)
            harness.equal(chunk, holder, f"chunk of event {event}, which comes again")
    return Counter(message.options["chunk"] for message in messages)


def output(*servers, name="fluentd", **settings):
    """A Fluentd output that doesn't wait long."""
    return {"name": name, "type": "fluentd", "servers": [str(s) for s in servers],
            "retry": {"initial": "20ms", "max": "200ms"},
            "batch": {"max_events": 20, "max_age": "20ms"}, **settings}
