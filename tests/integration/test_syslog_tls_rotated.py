"""The certificates of an output change while it runs, with syslog-ng at the other end, which is
killed after each change. First the new files are bad: the old ones stay in use, on a connection
that is made anew, and the log says why, once. Then they are good, of another authority for both
sides: from the next connection on weir shows the new certificate and trusts the new authority only.
Nothing is missing at any time."""

import harness
import receivers
import syslog_peer
import tls_files
from harness import check, equal

HERE = "IP:127.0.0.1"


class Files:
    """What weir's configuration names: links to the newest of the files in another directory, as
    certbot keeps them."""

    def __init__(self, bench):
        self.directory, self.archive = bench.path("live"), bench.path("archive")
        self.directory.mkdir(mode=0o755)
        self.archive.mkdir(mode=0o755)
        self.count = 0

    def put(self, name, content):
        self.count += 1
        fresh, link = self.archive / f"{self.count}-{name}", self.directory / f"{name}.new"
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        link.symlink_to(f"../archive/{fresh.name}")
        link.rename(self.directory / name)

    def put_good(self, authority):
        certificate, key = authority.issue("client", "DNS:client.example")
        self.put("ca.pem", authority.certificate.read_bytes())
        self.put("client.pem", certificate.read_bytes())
        self.put("client.key", key.read_bytes())

    def settings(self):
        return {key: str(self.directory / name) for key, name in
                {"ca_file": "ca.pem", "certificate": "client.pem", "key": "client.key"}.items()}


def source(authority, port):
    certificate, key = authority.issue("server", HERE)
    return (f'syslog(transport("tls") port({port}) ip("127.0.0.1") tls(cert-file("{certificate}")'
            f' key-file("{key}") ca-file("{authority.certificate}")'
            f' peer-verify(required-trusted)));')


def reach_end(weir):
    """All that has happened until now has arrived."""
    weir.settle()
    syslog_peer.wait_for(weir, "siem", weir.session()[-1].seq)


def scenario(bench):
    first, second = tls_files.Authority(bench, "first"), tls_files.Authority(bench, "second")
    files = Files(bench)
    files.put_good(first)
    port, output = harness.free_port(), bench.path("received.txt")
    peer = receivers.syslog_ng(bench, source(first, port), port, output)

    weir = bench.weir(start=False)
    syslog_peer.add_output(weir, "siem", transport="tls", address=f"127.0.0.1:{port}",
                           tls=files.settings())
    weir.start()
    with syslog_peer.Load() as load:
        load.wait(50)
        reach_end(weir)

        for name in ("ca.pem", "client.pem", "client.key"):
            files.put(name, b"this is no certificate\n")
        for _ in range(2):
            peer.kill()
            load.wait(50)
            peer.start()
            reach_end(weir)
        refusals = weir.log().count("the new TLS files are not used, the old ones stay")
        equal(refusals, 1, "how often the log says that the files are bad")
        check(str(files.directory) in weir.log(), "and which of them")

        peer.kill()
        files.put_good(second)
        peer = receivers.syslog_ng(bench, source(second, port), port, output)
        load.wait(50)
        reach_end(weir)
        check("output siem: TLS files read again" in weir.log(), "the good files are used")
    reach_end(weir)
    seq = weir.session()[-1].seq
    check(int(weir.output_status("siem")["reconnects"]) >= 3, "connected again each time")
    syslog_peer.compare(weir, output, seq, may_repeat=True)
    weir.stop()


harness.main(scenario)
