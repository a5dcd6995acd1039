"""weir runs with an /etc of its own, and its receiver, rsyslog, is known by a name. The name goes and
the receiver is killed: the output waits, and says what can't be looked up. Then the name is back, in
a file that was put in the place of the old one, as administrators, editors and DHCP clients do, and
the receiver too: everything arrives. The same once more, with the files that say whom to ask gone."""

import ctypes
import shutil
from pathlib import Path

import harness
import receivers
import syslog_peer
from harness import check

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x00020000, 4096, 16384, 1 << 18
KEPT = ("passwd", "group", "ld.so.cache", "ld.so.conf", "localtime", "ssl")
NAME = "siem.weir.test"


class PrivateEtc:
    """A directory that a process has as its /etc."""

    def __init__(self, bench):
        self.directory = bench.path("etc")
        self.directory.mkdir(mode=0o755)
        for name in KEPT:
            here = Path("/etc", name)
            if here.is_dir():
                shutil.copytree(here, self.directory / name, symlinks=True,
                                ignore=shutil.ignore_patterns("private"))
            elif here.exists():
                shutil.copy2(here, self.directory / name)
        self.put("nsswitch.conf", "hosts: files dns\n")
        # Nobody answers there, and says so at once.
        self.put("resolv.conf", "nameserver 127.255.255.254\noptions timeout:1 attempts:1\n")

    def put(self, name, text):
        fresh = self.directory / f"{name}.new"
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(self.directory / name)

    def remove(self, name):
        (self.directory / name).unlink()

    def know(self, name):
        self.put("hosts", f"127.0.0.1 localhost {name}\n")

    def enter(self):
        """In the child, before it becomes weir."""
        libc = ctypes.CDLL(None, use_errno=True)
        for call in (lambda: libc.unshare(CLONE_NEWNS),
                     lambda: libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None),
                     lambda: libc.mount(bytes(self.directory), b"/etc", None, MS_BIND, None)):
            if call() != 0:
                raise OSError(ctypes.get_errno(), "a private /etc")


def scenario(bench):
    etc = PrivateEtc(bench)
    etc.know(NAME)
    port, output = harness.free_port(), bench.path("received.txt")
    peer = receivers.rsyslog(
        bench, 'module(load="imtcp" keepAlive="on")',
        f'input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="all")', port, output)
    weir = bench.weir(start=False)
    syslog_peer.add_output(weir, "siem", transport="tcp", address=f"{NAME}:{port}", grace="500ms")
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)
    weir.start(preexec_fn=etc.enter)

    with syslog_peer.Load() as load:
        for gone in ("name", "files"):
            load.wait(50)
            if gone == "name":
                etc.know("other.weir.test")
            else:
                for name in ("hosts", "resolv.conf", "nsswitch.conf"):
                    etc.remove(name)
            peer.kill()
            weir.wait_output("siem", "waiting")
            words = lambda: weir.output_status("siem")["last_error"]
            harness.wait_until(lambda: f"can't look up {NAME}: " in words(),
                               lambda: f"words about the name: {words()}")
            print(words())
            load.wait(50)
            if gone == "files":
                etc.put("nsswitch.conf", "hosts: files dns\n")
            etc.know(NAME)
            peer.start()
            weir.wait_output("siem", "up")
    weir.settle()
    seq = weir.session()[-1].seq
    syslog_peer.wait_for(weir, "siem", seq)
    again = syslog_peer.compare(weir, output, seq, may_repeat=True)
    print(f"{again} came again")
    weir.stop()


harness.main(scenario)
