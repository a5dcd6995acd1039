"""A receiver that is frozen in the middle of its answers, reached through a proxy that refuses at
first; and four requests at once to a slow one. Nothing waits for ever: a request that isn't answered
in time is sent again. What the proxy says is told as the proxy's. With several requests in the air
nothing is lost either, and the peer does see them together."""

import select
import socket
import socketserver
import threading

import harness
import http_peer
import tls_files
from harness import check, equal
from http_peer import Answer, Peer


class Proxy:
    """An HTTP proxy that asks for Basic joe:pw and passes a CONNECT on."""

    def __init__(self, bench):
        self.seen = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = b""
                while b"\r\n\r\n" not in head:
                    got = self.request.recv(4096)
                    if not got:
                        return
                    head += got
                proxy.seen.append(head.split(b"\r\n")[0].decode())
                if b"Proxy-Authorization: Basic am9lOnB3" not in head:
                    self.request.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                    return
                host, _, port = head.split()[1].decode().rpartition(":")
                with socket.create_connection((host, int(port))) as far:
                    self.request.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
                    self.pass_on(far)

            def pass_on(self, far):
                while True:
                    for ready in select.select([self.request, far], [], [])[0]:
                        got = ready.recv(65536)
                        if not got:
                            return
                        (far if ready is self.request else self.request).sendall(got)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        bench.on_exit(self.server.shutdown)


def ids(peer):
    return [http_peer.event_id(e) for r in peer.requests for e in r.lines()]


def frozen(bench):
    thaw = threading.Event()
    peer = Peer(bench, lambda r: Answer(200) if thaw.wait(60) else None)
    bench.on_exit(thaw.set)
    weir = http_peer.weir_with(bench, http_peer.output(url=peer.url, timeout="300ms"))
    seq = http_peer.act_often(weir, 10)
    weir.wait_output("http", "waiting")
    error = weir.output_status("http")["last_error"]
    check("timed out" in error and str(peer.port) in error, f"words: {error!r}")
    thaw.set()
    http_peer.wait_acked(weir, seq)
    http_peer.check_arrived(weir, seq, ids(peer), "thawed", doubles=True)
    weir.stop()


def several_at_once(bench):
    lock, state = threading.Lock(), {"now": 0, "most": 0}
    together = threading.Semaphore(0)

    def answer(request):
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
            if state["now"] > 1:
                together.release()
        together.acquire(timeout=0.05)
        with lock:
            state["now"] -= 1
        return Answer(200)

    peer = Peer(bench, answer)
    weir = http_peer.weir_with(bench, http_peer.output(
        url=peer.url, concurrency=4, batch={"max_events": 5, "max_age": "20ms"}))
    seq = http_peer.act_often(weir, 100)
    http_peer.wait_acked(weir, seq)
    http_peer.check_arrived(weir, seq, ids(peer), "several at once")
    harness.between(state["most"], 2, 4, "requests at once")
    weir.stop()


def through_a_proxy(bench):
    authority = tls_files.Authority(bench, "ours")
    peer = Peer(bench, lambda r: Answer(200), http_peer.server_context(
        *authority.issue("peer", "DNS:localhost")))
    proxy = Proxy(bench)
    tls = {"ca_file": str(authority.certificate)}
    through = {"url": peer.url, "tls": tls, "proxy": f"http://localhost:{proxy.port}"}
    weir = http_peer.weir_with(
        bench, http_peer.output("known", **through, proxy_user="joe", proxy_password="pw"),
        http_peer.output("unknown", **through), forwarder={"drain_timeout": "1s"})
    seq = http_peer.act_often(weir, 10)
    http_peer.wait_acked(weir, seq, "known")
    http_peer.check_arrived(weir, seq, ids(peer), "behind the proxy")
    equal(set(proxy.seen), {f"CONNECT localhost:{peer.port} HTTP/1.1"}, "asked of the proxy")
    weir.wait_output("unknown", "held")
    check("proxy_user" in weir.output_status("unknown")["last_error"], "words")
    weir.stop()


harness.main(frozen, several_at_once, through_a_proxy)
