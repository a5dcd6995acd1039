"""Certificates for a scenario, made with the openssl command: an authority, what it signs well and
badly, and its list of what it has revoked."""

import shutil
import time

import harness

DAY = 24 * 3600


class Authority:
    def __init__(self, bench, name):
        harness.require(shutil.which("openssl"), "there is no openssl command")
        self.directory = bench.path(name)
        self.directory.mkdir(mode=0o755)
        self.revoked = []
        self.certificate, self.key = self.directory / "ca.pem", self.directory / "ca.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "30",
                      "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def _openssl(self, *arguments):
        return harness.run_ok(["openssl", *map(str, arguments)])

    def issue(self, name, san, days=10):
        """(certificate, key); days below 0: it has expired."""
        request, certificate = self.directory / f"{name}.csr", self.directory / f"{name}.pem"
        key, extensions = self.directory / f"{name}.key", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san}\n")
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                      "-CAcreateserial", "-days", days, "-extfile", extensions,
                      "-out", certificate)
        key.chmod(0o644)  # a forwarder that is an ordinary user reads it
        return certificate, key

    def revoke(self, certificate):
        out = self._openssl("x509", "-in", certificate, "-noout", "-serial").out.decode()
        self.revoked.append(out.strip().split("=")[1])

    def crl(self):
        """The path of a fresh list."""
        config, index = self.directory / "crl.cnf", self.directory / "index.txt"
        stamp = lambda when: time.strftime("%y%m%d%H%M%SZ", time.gmtime(when))
        now = time.time()
        index.write_text("".join(
            f"R\t{stamp(now + 10 * DAY)}\t{stamp(now - DAY)}\t{serial}\tunknown\t/CN=revoked\n"
            for serial in self.revoked))
        config.write_text(f"[ca]\ndefault_ca=here\n[here]\ndatabase={index}\n"
                          "default_md=sha256\ndefault_crl_days=10\n")
        path = self.directory / "crl.pem"
        self._openssl("ca", "-gencrl", "-config", config, "-cert", self.certificate,
                      "-keyfile", self.key, "-out", path)
        return path
