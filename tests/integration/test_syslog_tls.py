"""syslog-ng receives over TLS from several outputs at once. With the right authority, the right name
and a certificate of our own everything arrives. Each of the others finds something wrong with the
certificate that it is shown (another name, expired, revoked, of another authority, not the pinned
one) or with what it shows itself: it is held, says which check failed, and nothing of it arrives."""

import harness
import receivers
import syslog_peer
import tls_files
from harness import check, equal

HELD = {  # output: what its last error must say
    "name": "it is for siem.example, not for 127.0.0.1",
    "expired": "it expired on",
    "revoked": "it is revoked",
    "foreign": 'its authority "other" is not trusted',
    "pin": "none of tls.pins",
    "anonymous": "certificate",
}


def source(certificate, key, ca, port):
    return (f'syslog(transport("tls") port({port}) ip("127.0.0.1") tls(cert-file("{certificate}")'
            f' key-file("{key}") ca-file("{ca}") peer-verify(required-trusted)));')


def make_certificates(bench):
    ca, other = tls_files.Authority(bench, "ca"), tls_files.Authority(bench, "other")
    here = "IP:127.0.0.1"
    issued = {"good": ca.issue("good", here), "name": ca.issue("name", "DNS:siem.example"),
              "expired": ca.issue("expired", here, days=-1),
              "revoked": ca.issue("revoked", here), "foreign": other.issue("foreign", here)}
    ca.revoke(issued["revoked"][0])
    return ca, issued, ca.issue("client", "DNS:client.example")


def scenario(bench):
    ca, issued, client = make_certificates(bench)
    ports = {name: harness.free_port() for name in issued}
    sources = "\n".join(source(*issued[name], ca.certificate, ports[name]) for name in issued)
    output = bench.path("received.txt")
    receivers.syslog_ng(bench, sources, ports["good"], output)

    tls = {"ca_file": str(ca.certificate), "certificate": str(client[0]), "key": str(client[1]),
           "crl_file": str(ca.crl())}
    weir = bench.weir(start=False)
    for name, port in ports.items():
        syslog_peer.add_output(weir, name, transport="tls", address=f"127.0.0.1:{port}", tls=tls)
    good = f"127.0.0.1:{ports['good']}"
    syslog_peer.add_output(weir, "pin", transport="tls", address=good,
                           tls=tls | {"pins": ["sha256:" + "00" * 32]})
    syslog_peer.add_output(weir, "anonymous", transport="tls", address=good,
                           tls={"ca_file": str(ca.certificate)})
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)
    weir.start()
    with syslog_peer.Load() as load:
        load.wait(100)
    weir.settle()
    seq = weir.session()[-1].seq
    syslog_peer.wait_for(weir, "good", seq)
    syslog_peer.compare(weir, output, seq)

    for name, words in HELD.items():
        weir.wait_output(name, "held")
        status = weir.output_status(name)
        check(words in status["last_error"], f"{name}: {status['last_error']}")
        check("127.0.0.1:" in status["last_error"], f"{name} tells which peer")
        equal(int(status["delivered"]), 0, f"delivered by {name}")
    weir.stop()


harness.main(scenario)
