"""Several servers share the batches by weight. One is ended: the others get all, also what it had not
confirmed, and the output stays up; it comes back and has its share again. A server that stands by gets
nothing until another is down, and nothing more when that is back. One with a wrong key is told of in
the log while the other delivers. When all are down the output waits. A server that is dead in a way
its connection does not show is found by heartbeats, over TCP and UDP. Nothing is missing in any of it,
and what comes twice comes in the same chunk."""

import socket
import threading

import fluentd_peer
import harness
import http_peer
from fluentd_peer import ACK, IGNORE, Peer, Security
from harness import check, equal


def act(weir, count=30):
    seq = http_peer.act_often(weir, count)
    http_peer.wait_acked(weir, seq, "fluentd")
    return seq


def check_all(weir, seq, *peers):
    for peer in peers:
        peer.check()
    ids = [i for peer in peers for i in peer.ids()]
    http_peer.check_arrived(weir, seq, ids, "events", doubles=True)
    fluentd_peer.check_doubles([m for peer in peers for m in peer.messages])


def gets_more(weir, peer, what):
    """Acts until the peer has another message."""
    before = len(peer.messages)

    def has_more():
        act(weir, 5)
        return len(peer.messages) > before
    harness.wait_until(has_more, what)


def output(*servers, **settings):
    return fluentd_peer.output(*servers, **{"batch": {"max_events": 4, "max_age": "5ms"}, **settings})


def shares_by_weight(bench):
    big, small = Peer(bench), Peer(bench)
    weir = http_peer.weir_with(bench, output(big.address, f"{small.address} weight=20"))
    gets_more(weir, big, "the first server to be used")
    gets_more(weir, small, "the second server to be used")
    start = len(big.messages), len(small.messages)
    seq = act(weir, 100)
    shares = len(big.messages) - start[0], len(small.messages) - start[1]
    harness.between(shares[0] / shares[1], 2, 4, f"60 to 20: {shares!r}")
    check_all(weir, seq, big, small)
    equal(len(big.ids()) + len(small.ids()), len(set(big.ids() + small.ids())), "each once")

    big.stop()
    taken = len(small.messages)
    seq = act(weir)
    check(len(small.messages) > taken, "the other goes on")
    check("server is down: " in weir.log() and big.address in weir.log(), "words about it")
    equal(weir.output_status("fluentd")["state"], "up", "state with one server")
    check_all(weir, seq, big, small)
    big.start()
    gets_more(weir, big, "the first server to be used again")
    check(f"server {big.address} is up again" in weir.log(), "words about its return")

    big.stop()
    small.stop()
    http_peer.act_often(weir, 20)
    weir.wait_output("fluentd", "waiting")
    error = weir.output_status("fluentd")["last_error"]
    check("none of 2 servers" in error, f"words when all are down: {error!r}")
    small.start()
    check_all(weir, act(weir), big, small)
    weir.stop()


def moves_what_was_unconfirmed(bench):
    """The first one takes everything and confirms nothing, until it dies."""
    dead, alive = Peer(bench, lambda m: IGNORE), Peer(bench)
    weir = http_peer.weir_with(bench, output(dead.address, f"{alive.address} standby"))
    http_peer.act_often(weir, 20)
    harness.wait_until(lambda: dead.messages, "chunks at the first server")
    equal(alive.messages, [], "nothing to the one that stands by")
    dead.stop()
    seq = act(weir)
    http_peer.check_arrived(weir, seq, alive.ids(), "events at the second")
    check_all(weir, seq, dead, alive)
    dead.answer = lambda message: ACK
    dead.start()
    gets_more(weir, dead, "the first server to be used again")
    act(weir)
    before = len(alive.messages)
    act(weir, 50)
    equal(len(alive.messages), before, "messages to the one that stands by again")
    weir.stop()


def one_is_misconfigured(bench):
    wrong, right = Peer(bench, security=Security("other")), Peer(bench, security=Security("k3y"))
    weir = http_peer.weir_with(bench, output(wrong.address, right.address, shared_key="k3y"))
    check_all(weir, act(weir), right)
    equal(weir.output_status("fluentd")["state"], "up", "state")
    check("refused us" in weir.log() and wrong.address in weir.log(), "words about the other")
    weir.stop()


def heartbeat_by_tcp(bench):
    """Its connection stays, but it takes no more: as behind a path that swallows packets."""
    frozen, alive = Peer(bench), Peer(bench)
    weir = http_peer.weir_with(bench, output(
        frozen.address, f"{alive.address} standby", heartbeat="tcp", heartbeat_interval="50ms",
        heartbeat_timeout="500ms"))
    gets_more(weir, frozen, "the first server to be used")
    harness.wait_until(lambda: frozen.connections > 3, "heartbeats")
    frozen.answer = lambda message: IGNORE
    frozen.listener.shutdown(socket.SHUT_RDWR)
    frozen.listener.close()
    frozen.listener = None
    check_all(weir, act(weir), frozen, alive)
    check("no answer to tcp heartbeats" in weir.log(), "words")
    check(alive.messages, "chunks at the other")
    weir.stop()


class Beating(Peer):
    """Answers heartbeats on its port over UDP as long as `beats`."""

    def start(self):
        super().start()
        self.beats, self.beaten = True, 0
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self):
        while True:
            data, sender = self.udp.recvfrom(64)
            harness.equal(data, b"\0", "heartbeat")
            self.beaten += 1
            if self.beats:
                self.udp.sendto(b"\0", sender)


def heartbeat_by_udp(bench):
    mute, alive = Beating(bench), Beating(bench)
    weir = http_peer.weir_with(bench, output(
        mute.address, f"{alive.address} standby", heartbeat="udp", heartbeat_interval="50ms",
        heartbeat_timeout="500ms"))
    gets_more(weir, mute, "the first server to be used")
    harness.wait_until(lambda: mute.beaten > 20, "heartbeats for longer than the timeout")
    check("heartbeat" not in weir.log(), "no complaint while it beats")
    mute.beats, mute.answer = False, lambda message: IGNORE
    check_all(weir, act(weir), mute, alive)
    check("no answer to udp heartbeats" in weir.log(), "words")
    check(alive.messages, "chunks at the other")
    weir.stop()


harness.main(shares_by_weight, moves_what_was_unconfirmed, one_is_misconfigured, heartbeat_by_tcp,
             heartbeat_by_udp)
