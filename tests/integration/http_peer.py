"""A scripted HTTP receiver: the scenario says what each request is answered, and looks at what came.
It does what a real receiver won't on demand: lose an answer, answer garbage, refuse one item."""

import gzip
import http.server
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

import harness


@dataclass
class Request:
    method: str
    path: str
    headers: dict  # names in small letters
    body: bytes
    at: float = field(default_factory=time.monotonic)

    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Answer:
    status: int = 200
    body: object = b""  # bytes or text as they are, else JSON
    headers: dict = field(default_factory=dict)

    def bytes(self):
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


LOSE = object()  # take the request and break the connection without an answer


class Peer:
    """answer(request) gives an Answer or LOSE; it may wait. Requests are kept in the order in which
    they were whole."""

    def __init__(self, bench, answer, tls=None, port=0):
        self.answer = answer
        self.requests = []
        self.connections = 0
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                peer.connections += 1
                super().setup()

            def do_POST(self):
                peer._take(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # weir was stopped or killed

        self.server = Server(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.scheme = "https" if tls else "http"
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        bench.on_exit(self.close)

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, handler.path, headers, body)
        answer = self.answer(request)
        self.requests.append(request)
        if answer is LOSE:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        payload = answer.bytes()
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(payload)))
        handler.end_headers()
        handler.wfile.write(payload)


def server_context(certificate, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


# --- weir's side -------------------------------------------------------------------------------

def output(name="http", **settings):
    """An HTTP output that doesn't wait long."""
    return {"name": name, "type": "http", "retry": {"initial": "20ms", "max": "200ms"},
            "batch": {"max_events": 50, "max_age": "20ms"}, **settings}


def weir_with(bench, *outputs, **settings):
    """A weir with these outputs beside the file, running."""
    weir = bench.weir(start=False)
    weir.config["outputs"] += outputs
    weir.config["forwarder"]["drain_timeout"] = "10s"
    weir.write_config(harness.merged(weir.config, settings))
    return weir.start()


def act_often(weir, count=50):
    """Processes run; returns the last sequence number that the file has of it."""
    word = harness.marker()
    for i in range(count):
        harness.run_ok([harness.act("noop"), f"{word}-{i}"])
    weir.settle()
    seen = weir.find("process_exec", lambda e: e.process.get("arguments", "").startswith(word))
    harness.equal(len(seen), count, "execs in the file")
    return weir.session()[-1].seq


def dead_letters(weir, name="http"):
    return [json.loads(line) for path in sorted(weir.state.rglob(f"*{name}*dead*"))
            for line in path.read_text().split("\n")[:-1]]


def wait_acked(weir, seq, name="http", timeout=60):
    """Until the output has acknowledged what the file had by then; its status."""
    def reached():
        status = weir.output_status(name)
        return status if int(status["acked_seq"]) >= seq else None
    return harness.wait_until(lambda: weir.alive() and reached(), f"{name} to reach {seq}", timeout)


def check_arrived(weir, seq, ids, what, doubles=False):
    """Each event of the file up to seq arrived, and only these; once, unless doubles are right."""
    wanted = [f"{e.id[0]}-{e.seq}" for e in weir.events() if e.seq <= seq]
    have = [i for i in ids if i.rpartition("-")[2].isdigit() and int(i.rpartition("-")[2]) <= seq]
    harness.equal(sorted(set(wanted) - set(have)), [], f"{what}: missing")
    harness.equal(sorted(set(have) - set(wanted)), [], f"{what}: never in the file")
    if not doubles:
        harness.equal(len(have), len(set(have)), f"{what}: each once")


def event_id(event):
    """Of an event as JSON; the notice of a loss is no event of the journal and has no number."""
    return f"{event['weir']['boot_id']}-{event['weir'].get('seq', 'notice')}"
