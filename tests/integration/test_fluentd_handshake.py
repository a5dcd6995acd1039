"""weir and a server prove to each other that they know the shared key. A key or user that is wrong on
either side, a server that can't prove it, one that bears our own name, one that asks for a key when
there is none: each holds the output and says what to do, and no event goes out. When the server's side
is put right, all events arrive. A server that says nothing, or ends before it has said who it is, is
tried again as one that is down."""

import fluentd_peer
import harness
import http_peer
import receivers
from fluentd_peer import Peer, Security, pack, sha512
from harness import check, equal

KEY = "sh4red-key-0815"
PASSWORD = "pw-4711-xyz"


class Silent(Security):
    """As Fluent Bit: closes without a PONG."""

    def pong(self, ping):
        return b""


class Impostor(Security):
    def pong(self, ping):
        return pack(["PONG", True, "", "receiver", sha512("no", "key")])


class Raw(Security):
    def __init__(self, helo):
        super().__init__(KEY)
        self.said = helo

    def helo(self):
        return self.said

    def pong(self, ping):
        return b""


def hold_all(bench, cases, state="held", **common):
    """Each case has an output of its own: it is held with these words, and no event goes out."""
    peers = [Peer(bench, security=security) for security, _, _ in cases]
    outputs = []
    for i, (peer, (_, _, settings)) in enumerate(zip(peers, cases)):
        settings = {"shared_key": KEY, "self_hostname": "sensor-1", **common, **settings}
        outputs.append(fluentd_peer.output(peer.address, name=f"case-{i}", **{
            key: value for key, value in settings.items() if value}))
    weir = http_peer.weir_with(bench, *outputs, forwarder={"drain_timeout": "100ms"})
    http_peer.act_often(weir, 5)
    for i, (peer, (_, words, _)) in enumerate(zip(peers, cases)):
        weir.wait_output(f"case-{i}", state)
        error = weir.output_status(f"case-{i}")["last_error"]
        check(words in error and peer.address in error, f"case {i}: words: {error!r}")
        equal(peer.messages, [], "events that went out")
    for secret in (KEY, PASSWORD):
        check(secret not in weir.log() + str(weir.status()), "a secret in words")
    return weir, peers


def refusals(bench):
    cases = [
        (Security("other"), "refused us: \"shared_key mismatch\": check shared_key", {}),
        (Silent("other"), "shared_key, username or password", {}),
        (Impostor(KEY), "has not proven that it knows shared_key", {}),
        (Security(KEY, hostname="sensor-1"), "set self_hostname", {}),
        (Security(KEY, {"joe": PASSWORD}), "set username and password", {}),
        (Security(KEY, {"joe": "other"}), "check shared_key, username and password",
         {"username": "joe", "password": PASSWORD}),
        (Security(KEY), "set shared_key", {"shared_key": None}),
        (Raw(b"HTTP/1.1 400 Bad Request\r\n"), "the HELO of a Fluentd server", {}),
        (Raw(pack(["HELO"])), "the HELO of a Fluentd server", {}),
        (Raw(pack(["HELO", {"nonce": 5}])), "the HELO of a Fluentd server", {}),
        (Raw(b"\xc1"), "is no MessagePack", {}),
        (Raw(pack(["HELO", {"nonce": "x" * 200, "auth": ""}]) + pack(["PANG", True])),
         "something else than a PONG", {}),
        (Raw(pack(["HELO", {"nonce": ""}]) + pack(["PONG", False, "\x1b[31mno\n\x00" * 99])),
         "refused us: \"?[31mno??", {}),
    ]
    weir, _ = hold_all(bench, cases)
    weir.stop()


def unused_user(bench):
    """A user is proven only to a server that asks for one."""
    peer = Peer(bench, security=Security(KEY))
    weir = http_peer.weir_with(bench, fluentd_peer.output(
        peer.address, shared_key=KEY, username="joe", password=PASSWORD))
    seq = http_peer.act_often(weir, 20)
    http_peer.wait_acked(weir, seq, "fluentd")
    peer.check()
    http_peer.check_arrived(weir, seq, peer.ids(), "events")
    _, hostname, salt, digest, user, password = peer.security.pings[0]
    equal((user, password), ("", ""), "user and digest")
    check(hostname and len(salt) == 32 and digest == digest.lower(), "PING")
    weir.stop()


def one_batch_a_connection(bench):
    """keepalive false in the HELO."""
    peer = Peer(bench, security=Security(KEY, keepalive=False))
    weir = http_peer.weir_with(bench, fluentd_peer.output(peer.address, shared_key=KEY,
                                                          batch={"max_events": 10}))
    seq = http_peer.act_often(weir, 40)
    http_peer.wait_acked(weir, seq, "fluentd")
    peer.check()
    http_peer.check_arrived(weir, seq, peer.ids(), "events")
    connections = [message.connection for message in peer.messages]
    equal(len(connections), len(set(connections)), "one message a connection")
    weir.stop()


def says_nothing(bench):
    weir, peers = hold_all(bench, [(Raw(b""), "no HELO in time", {})], state="waiting",
                           connect_timeout="200ms")
    peers[0].security = Security(KEY)
    seq = http_peer.act_often(weir, 20)
    http_peer.wait_acked(weir, seq, "case-0")
    peers[0].check()
    http_peer.check_arrived(weir, seq, peers[0].ids(), "after it came to itself")
    weir.stop()


def real_server(bench):
    """The real one refuses too; with the right key it takes all."""
    server = receivers.FluentServer(bench, "keyed", sharedKey=KEY, users={"joe": PASSWORD})
    wrong = dict(shared_key="wrong", username="joe", password=PASSWORD)
    weir = http_peer.weir_with(
        bench, fluentd_peer.output(server.address, name="wrong", **wrong),
        fluentd_peer.output(server.address, name="right", **{**wrong, "shared_key": KEY}),
        forwarder={"drain_timeout": "100ms"})
    seq = http_peer.act_often(weir, 20)
    http_peer.wait_acked(weir, seq, "right")
    weir.wait_output("wrong", "held")
    lines = harness.wait_until(lambda: server.has(weir, seq), "the receiver to write all")
    ids = [http_peer.event_id(line["record"]) for line in lines]
    http_peer.check_arrived(weir, seq, ids, "events")
    weir.stop()


harness.main(refusals, unused_user, one_batch_a_connection, says_nothing, real_server)
