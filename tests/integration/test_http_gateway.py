"""The real nginx stands before a receiver: TLS 1.3, HTTP/2, bodies of at most 16 KiB, at most 30
requests a second, and it is stopped and started again in the middle. Everything arrives, over HTTP/2,
split where it must be and slower where it is asked for. Beside it are servers that show an expired
certificate, one for another name, one of an unknown authority, one that wants ours: each holds its
output and says why. Certificates of ours that are replaced are used with the next connection, and bad
ones are not."""

import harness
import http_peer
import receivers
import tls_files
from harness import check, equal
from http_peer import Answer, Peer


LIMIT = 16 * 1024


def server(certificate, more):
    return f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; {more}"


def limited(peer):
    return (f"client_max_body_size {LIMIT}; error_page 429 @slow; "
            f"location @slow {{ internal; add_header Retry-After 1 always; return 429; }} "
            f"location / {{ limit_req zone=z burst=3 nodelay; limit_req_status 429; "
            f"proxy_pass http://127.0.0.1:{peer.port}; }}")


def ids(peer):
    return [http_peer.event_id(e) for r in peer.requests for e in r.lines()]


def delivers(bench):
    ours = tls_files.Authority(bench, "ours")
    peer = Peer(bench, lambda r: Answer(200))
    nginx = receivers.Nginx(bench, [server(ours.issue("good", "DNS:localhost"), limited(peer))])
    weir = http_peer.weir_with(bench, http_peer.output(
        url=f"https://localhost:{nginx.ports[0]}/in", tls={"ca_file": str(ours.certificate)}))
    http_peer.wait_acked(weir, http_peer.act_often(weir))
    nginx.stop()
    seq = http_peer.act_often(weir)
    weir.wait_output("http", "waiting")
    nginx.start()
    http_peer.wait_acked(weir, seq)
    # Whatever else runs here may have a command line that is too large for nginx alone.
    large = {f"{e.id[0]}-{e.seq}" for e in weir.session() if len(e.line) >= LIMIT}
    letters = http_peer.dead_letters(weir)
    check({letter["id"] for letter in letters} <= large, f"dead letters: {letters!r}"[:2000])
    http_peer.check_arrived(weir, seq, ids(peer) + [letter["id"] for letter in letters],
                            "behind nginx", doubles=True)
    words = nginx.requests(0)
    equal({w[1] for w in words}, {"HTTP/2.0"}, "versions of HTTP")
    equal({w[0] for w in words}, {"TLSv1.3"}, "versions of TLS")
    check({"200", "413"} <= {w[2] for w in words}, f"statuses {sorted({w[2] for w in words})}")
    weir.stop()


def refuses_bad_certificates(bench):
    ours, theirs = tls_files.Authority(bench, "ours"), tls_files.Authority(bench, "theirs")
    good = ours.issue("good", "DNS:localhost")
    revoked = ours.issue("revoked", "DNS:localhost")
    ours.revoke(revoked[0])
    ok = "location / { return 200; }"
    nginx = receivers.Nginx(bench, [
        server(ours.issue("expired", "DNS:localhost", days=-1), ok),
        server(ours.issue("other", "DNS:other.example"), ok),
        server(theirs.issue("foreign", "DNS:localhost"), ok),
        server(revoked, ok),
        server(good, f"ssl_verify_client on; ssl_client_certificate {ours.certificate}; {ok}"),
        server(good, ok),
    ])
    tls = {"ca_file": str(ours.certificate)}
    cases = [("expired", 0, tls, "expired"), ("other", 1, tls, "other.example"),
             ("foreign", 2, tls, "authority"),
             ("revoked", 3, {**tls, "crl_file": str(ours.crl())}, "revoked"),
             ("shy", 4, tls, "tls.certificate"),
             ("pinned", 5, {**tls, "pins": ["sha256:" + "00" * 32]}, "its own pin would be"),
             ("plain", 5, None, "https")]
    weir = http_peer.weir_with(bench, *[http_peer.output(
        name, url=f"{'https' if settings else 'http'}://localhost:{nginx.ports[number]}",
        **({"tls": settings} if settings else {}), http_version="auto")
        for name, number, settings, _ in cases], forwarder={"drain_timeout": "1s"})
    for name, number, _, words in cases:
        weir.wait_output(name, "held")
        status = weir.output_status(name)
        check(words in status["last_error"] and f":{nginx.ports[number]}" in status["last_error"],
              f"{name}: {status['last_error']!r}")
        equal((int(status["delivered"]), int(status["rejected"])), (0, 0), f"{name}: counts")
        equal(http_peer.dead_letters(weir, name), [], f"{name}: dead letters")
    weir.stop()


def uses_new_certificates(bench):
    ours = tls_files.Authority(bench, "ours")
    peer = Peer(bench, lambda r: Answer(200))
    nginx = receivers.Nginx(bench, [server(
        ours.issue("good", "DNS:localhost"),
        f"ssl_verify_client on; ssl_client_certificate {ours.certificate}; "
        f"location / {{ proxy_pass http://127.0.0.1:{peer.port}; }}")])
    files = [bench.path("client.pem"), bench.path("client.key")]

    def install(pair):
        for source, target in zip(pair, files):
            fresh = target.with_suffix(".new")
            fresh.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
            fresh.chmod(0o644)
            fresh.rename(target)

    def serial_after_restart():
        nginx.restart()
        http_peer.wait_acked(weir, http_peer.act_often(weir, 3))
        return nginx.requests(0)[-1][3]

    install(ours.issue("first", "DNS:weir"))
    weir = http_peer.weir_with(bench, http_peer.output(
        url=f"https://localhost:{nginx.ports[0]}",
        tls={"ca_file": str(ours.certificate), "certificate": str(files[0]),
             "key": str(files[1])}))
    http_peer.wait_acked(weir, http_peer.act_often(weir, 3))
    first = nginx.requests(0)[-1][3]
    install((b"no certificate", b"no key"))
    equal(serial_after_restart(), first, "certificate while the new one is bad")
    check("the old ones stay" in weir.log(), "a line about the bad one")
    install(ours.issue("second", "DNS:weir"))
    check(serial_after_restart() != first, "the second certificate is used")
    weir.stop()


harness.main(delivers, refuses_bad_certificates, uses_new_certificates)
