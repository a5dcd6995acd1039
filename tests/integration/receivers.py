"""The real receivers that the outputs are tested against. Each function finds one, starts it for a
scenario and ends it with the scenario; without it the scenario is skipped (`./dev receivers NAME`
installs it)."""

import os
import shutil
import sys
import subprocess
from pathlib import Path

import harness
from harness import Skip

CACHE = Path(os.environ.get("WEIR_CACHE", Path.home() / ".cache/weir")) / "receivers"


def program(name, receiver):
    """The path of an installed program that belongs to a receiver."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed; ./dev receivers {receiver} does that")
    return path


def cached(receiver, *names):
    """A file of a receiver that was downloaded or built."""
    path = CACHE.joinpath(receiver, *names)
    if not path.exists():
        raise Skip(f"{receiver} is not there; ./dev receivers {receiver} gets it")
    return path


class Daemon:
    """A receiver's process, in the foreground; it may be killed and started again."""

    def __init__(self, bench, name, argv, environment, port):
        self.argv, self.environment, self.port = argv, environment, port
        self.log_path = bench.path(f"{name}.log")
        self.process = None
        bench.on_exit(self.kill)

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, env={**os.environ, **self.environment},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_until(self.listens, lambda: f"{self.argv[0]} to listen: {self.log()}")
        return self

    def listens(self):
        harness.equal(self.process.poll(), None, f"exit status of the receiver: {self.log()}")
        return f":{self.port:04X} " in Path("/proc/net/tcp").read_text() + \
            Path("/proc/net/udp").read_text()

    def log(self):
        return self.log_path.read_text(errors="replace")[-2000:]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _unpacked(receiver, program):
    """A program of packages that were unpacked, and where its libraries are."""
    root = cached(receiver)
    libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/syslog-ng"]
    return (str(cached(receiver, *program.split("/"))),
            {"LD_LIBRARY_PATH": ":".join(str(root / name) for name in libraries)})


# What a message was, its parts separated by tabs; the receivers write control characters escaped.
SYSLOG_PARTS = ("pri", "time", "host", "app", "procid", "msgid", "sd", "msg")


def rsyslog(bench, module, listener, port, output, options=""):
    """rsyslog with one listener, started; writes to `output` what it has parsed."""
    program, environment = _unpacked("rsyslog", "usr/sbin/rsyslogd")
    modules = cached("rsyslog", "usr", "lib", "x86_64-linux-gnu", "rsyslog")
    work = bench.path(f"rsyslog-{port}")
    work.mkdir(exist_ok=True)
    names = ("PRI", "TIMESTAMP:::date-rfc3339", "HOSTNAME", "APP-NAME", "PROCID", "MSGID",
             "STRUCTURED-DATA", "msg")
    template = "\\t".join(f"%{name}%" for name in names) + "\\n"
    config = work / "rsyslog.conf"
    config.write_text(
        f'global(workDirectory="{work}" maxMessageSize="64k" {options})\n'
        f'{module}\n'
        f'template(name="parts" type="string" string="{template}")\n'
        f'ruleset(name="all") {{ action(type="omfile" file="{output}" template="parts") }}\n'
        f'{listener}\n')
    argv = [program, "-n", "-f", str(config), "-i", str(work / "pid"), "-M", str(modules)]
    return Daemon(bench, work.name, argv, environment, port).start()


def syslog_ng(bench, source, port, output):
    """syslog-ng with one source, started; writes to `output` what it has parsed."""
    program, environment = _unpacked("syslog-ng", "usr/sbin/syslog-ng")
    modules = cached("syslog-ng", "usr", "lib", "syslog-ng", "3.38")
    work = bench.path(f"syslog-ng-{port}")
    work.mkdir(exist_ok=True)
    names = ("PRI", "S_ISODATE", "HOST", "PROGRAM", "PID", "MSGID", "SDATA", "MSG")
    template = "\\t".join("${%s}" % name for name in names) + "\\n"
    config = work / "syslog-ng.conf"
    config.write_text(
        f'@version: 3.38\n'
        f'options {{ log-msg-size(65536); keep-hostname(yes); use-dns(no); flush-lines(1);\n'
        f'  stats-freq(0); }};\n'
        f'source s {{ {source} }};\n'
        f'destination d {{ file("{output}" template("{template}")); }};\n'
        f'log {{ source(s); destination(d); }};\n')
    argv = [program, "-F", "--no-caps", "-f", str(config), "--module-path", str(modules),
            "-R", str(work / "persist"), "-p", str(work / "pid"), "-c", str(work / "control")]
    return Daemon(bench, work.name, argv, environment, port).start()


def python_parsers():
    """Other people's parsers and schemas: makes their packages importable, returns their place."""
    if not (CACHE / "python" / "stamp").exists():
        raise Skip("python-parsers are not there; ./dev receivers python-parsers gets them")
    sys.path.insert(0, str(CACHE / "python" / "packages"))
    return CACHE / "python"
