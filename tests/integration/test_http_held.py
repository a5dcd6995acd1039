"""A receiver that does not know our token, has nothing at that URL, points elsewhere, or refuses every
single event: the configuration's fault. The output is held with words that say what to do, keeps what
it has, and goes on when the token was renewed. The token stands in no log, even though the receiver
repeats it."""

import harness
import http_peer
from harness import check, equal
from http_peer import Answer, Peer

TOKEN = "tok-5e4d3c2b1a"


def ids(requests):
    return [http_peer.event_id(event) for request in requests for event in request.lines()]


def holds(bench):
    """A configuration's fault is told with what to do, and nothing is lost by it."""
    answers = [Answer(401, f"token {TOKEN} is unknown"), Answer(404, "no such thing"),
               Answer(301, "", {"Location": "http://elsewhere.example/x?secret=1"})]
    for answer, words in zip(answers, ("check token", "check url", "http://elsewhere.example/x:")):
        peer = Peer(bench, lambda r: answer)
        weir = bench.weir(start=False, name=f"weir-{answer.status}")
        weir.config["outputs"].append(http_peer.output(url=peer.url, token=TOKEN))
        weir.config["forwarder"]["drain_timeout"] = "1s"
        weir.write_config(weir.config)
        weir.start()
        weir.wait_output("http", "held")
        error = weir.output_status("http")["last_error"]
        check(words in error and f"localhost:{peer.port}" in error, f"words: {error!r}")
        check("secret=1" not in error, "a query in the error")
        equal(int(weir.output_status("http")["rejected"]), 0, "rejected")
        check(TOKEN not in weir.log() + error, "the token in the log or the error")
        equal(len(peer.requests), 1, "requests while held")
        weir.stop()


def systematic_refusal_is_held(bench):
    """Where every event is refused, not all there is goes to the dead letters."""
    peer = Peer(bench, lambda r: Answer(400, "no"))
    weir = http_peer.weir_with(bench, http_peer.output(url=peer.url),
                               forwarder={"drain_timeout": "1s"})
    http_peer.act_often(weir, 20)
    weir.wait_output("http", "held")
    equal(len(http_peer.dead_letters(weir)), 3, "dead letters")
    check("looks like the configuration" in weir.output_status("http")["last_error"], "words")
    weir.stop()


def takes_a_new_token(bench):
    """A token that was revoked holds the output; the new one is read by `weir reload`."""
    peer = Peer(bench, lambda r: Answer(200 if r.headers["authorization"] == "Bearer new" else 403))
    token = bench.path("token")
    token.write_text("old\n")
    weir = http_peer.weir_with(bench, http_peer.output(url=peer.url, token={"file": str(token)}))
    weir.wait_output("http", "held")
    token.write_text("new\n")
    equal(weir.verb("reload", "--socket", weir.socket).status, 0, "reload")
    seq = http_peer.act_often(weir, 5)
    http_peer.wait_acked(weir, seq)
    arrived = [r for r in peer.requests if r.headers["authorization"] == "Bearer new"]
    http_peer.check_arrived(weir, seq, ids(arrived), "with the new token")
    weir.stop()


harness.main(holds, systematic_refusal_is_held, takes_a_new_token)
