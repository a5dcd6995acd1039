"""The real receivers that the outputs are tested against. Each function finds one, starts it for a
scenario and ends it with the scenario; without it the scenario is skipped (`./dev receivers NAME`
installs it)."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
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
        tables = Path(f"/proc/{self.process.pid}/net")  # of its own network namespace
        return f":{self.port:04X} " in (tables / "tcp").read_text() + (tables / "udp").read_text()

    def log(self):
        return self.log_path.read_text(errors="replace")[-2000:]

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def unpacked(receiver, program):
    """A program of packages that were unpacked, and where its libraries are."""
    root = cached(receiver)
    libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/syslog-ng"]
    return (str(cached(receiver, *program.split("/"))),
            {"LD_LIBRARY_PATH": ":".join(str(root / name) for name in libraries)})


# What a message was, its parts separated by tabs; the receivers write control characters escaped.
SYSLOG_PARTS = ("pri", "time", "host", "app", "procid", "msgid", "sd", "msg")


def rsyslog(bench, module, listener, port, output, namespace=None):
    """rsyslog with one listener, started (in a network namespace); writes to `output` what it has
    parsed."""
    program, environment = unpacked("rsyslog", "usr/sbin/rsyslogd")
    modules = cached("rsyslog", "usr", "lib", "x86_64-linux-gnu", "rsyslog")
    work = bench.path(f"rsyslog-{port}")
    work.mkdir(exist_ok=True)
    names = ("PRI", "TIMESTAMP:::date-rfc3339", "HOSTNAME", "APP-NAME", "PROCID", "MSGID",
             "STRUCTURED-DATA", "msg")
    template = "\\t".join(f"%{name}%" for name in names) + "\\n"
    config = work / "rsyslog.conf"
    config.write_text(
        f'global(workDirectory="{work}" maxMessageSize="64k")\n'
        f'{module}\n'
        f'template(name="parts" type="string" string="{template}")\n'
        f'ruleset(name="all") {{ action(type="omfile" file="{output}" template="parts") }}\n'
        f'{listener}\n')
    argv = [program, "-n", "-f", str(config), "-i", str(work / "pid"), "-M", str(modules)]
    if namespace:
        argv = ["ip", "netns", "exec", namespace, *argv]
    return Daemon(bench, work.name, argv, environment, port).start()


def syslog_ng(bench, source, port, output):
    """syslog-ng with one source, started; writes to `output` what it has parsed."""
    program, environment = unpacked("syslog-ng", "usr/sbin/syslog-ng")
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


class VictoriaLogs:
    """Takes Elasticsearch's _bulk, Loki's push and JSON lines; answers what it has. An account per
    output keeps them apart."""

    def __init__(self, bench):
        self.program = cached("victorialogs", "victoria-logs")
        self.data = bench.path("victorialogs")
        self.log = bench.path("victorialogs.log")
        self.port = harness.free_port()
        self.process = None
        bench.on_exit(self.stop)
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), f"-storageDataPath={self.data}", "-retentionPeriod=100y",
                 f"-httpListenAddr=127.0.0.1:{self.port}", "-loggerLevel=WARN"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_until(self._is_up, "VictoriaLogs to answer", 60)

    def _is_up(self):
        try:
            return self._get("/health", 0)
        except OSError:
            return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def _get(self, path, account):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}",
                                         headers={"AccountID": str(account)})
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.read()

    def events(self, account):
        """All that an account has, each a flat object."""
        self._get("/internal/force_flush", account)
        query = urllib.parse.urlencode({"query": "* | limit 100000"})
        lines = self._get(f"/select/logsql/query?{query}", account).splitlines()
        return [json.loads(line) for line in lines]


class Collector:
    """The OpenTelemetry Collector: what its receivers take stands in a file, a line per request.
    `receivers` is their part of its configuration; {port} in it is the port."""

    def __init__(self, bench, receivers, name="otelcol"):
        self.program = cached("otelcol", "otelcol")
        self.directory = bench.path(name)
        self.directory.mkdir()
        self.port = harness.free_port()
        self.out = self.directory / "out.json"
        self.log = self.directory / "log"
        self.process = None
        config = {
            "receivers": json.loads(json.dumps(receivers).replace("{port}", str(self.port))),
            "exporters": {"file": {"path": str(self.out), "flush_interval": "100ms",
                                   "append": True}},
            "service": {"pipelines": {"logs": {"receivers": list(receivers),
                                               "exporters": ["file"]}},
                        "telemetry": {"metrics": {"level": "none"}}},
        }
        (self.directory / "config.yaml").write_text(json.dumps(config))
        bench.on_exit(self.stop)
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "--config", str(self.directory / "config.yaml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        started = self.log.read_text().count("Everything is ready")
        harness.wait_until(lambda: self._is_up(started), "the collector to be ready", 60)

    def _is_up(self, before):
        if self.process.poll() is not None:
            raise harness.Failure(f"the collector ended: {self.log.read_text()[-2000:]}")
        return self.log.read_text().count("Everything is ready") > before

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def records(self):
        """Log records as OTLP has them in JSON."""
        if not self.out.exists():
            return []
        found = []
        for line in self.out.read_text().split("\n")[:-1]:  # the last one is being written
            for resource in json.loads(line).get("resourceLogs", []):
                for scope in resource["scopeLogs"]:
                    found += scope["logRecords"]
        return found


class FluentServer:
    """FluentServer of @fluent-org/logger: what it takes stands in a file, a line per entry. The
    settings are those of fluentd_server.js."""

    def __init__(self, bench, name, **settings):
        self.module = cached("fluentd-logger", "node_modules", "@fluent-org", "logger")
        self.node = program("node", "fluentd-logger")
        self.out, self.log = bench.path(f"{name}.jsonl"), bench.path(f"{name}.log")
        self.settings = settings if "path" in settings else {"port": harness.free_port(), **settings}
        self.process = None
        bench.on_exit(self.kill)
        self.start()

    @property
    def address(self):
        return self.settings.get("path") or f"localhost:{self.settings['port']}"

    def start(self):
        script = Path(__file__).with_name("fluentd_server.js")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.node, str(script), str(self.module), str(self.out),
                 json.dumps(self.settings)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=log)
        harness.check(self.process.stdout.readline(), f"FluentServer listens: {self.log}")
        if "path" in self.settings:
            os.chmod(self.settings["path"], 0o777)

    def end(self):
        self.process.terminate()
        self.process.wait()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def lines(self):
        text = self.out.read_text() if self.out.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def has(self, weir, seq):
        """Its lines, once as many events of the journal are there as the file has up to seq."""
        lines = self.lines()
        have = {line["record"]["weir"].get("seq") for line in lines}
        wanted = {str(event.seq) for event in weir.events() if event.seq and event.seq <= seq}
        return lines if wanted <= have else None


class Nginx:
    """A gateway: `servers` are bodies of server blocks, {0} and so on in them their ports. Each
    request stands in its log as words separated by spaces."""

    LOG = "$server_port $ssl_protocol $server_protocol $status $ssl_client_serial"

    def __init__(self, bench, servers):
        self.program = program("nginx", "nginx")
        self.directory = bench.path("nginx")
        self.directory.mkdir()
        self.access = self.directory / "access.log"
        self.ports = [harness.free_port() for _ in servers]
        blocks = "\n".join(f"server {{ listen 127.0.0.1:{port} ssl http2; {body} }}"
                           for port, body in zip(self.ports, servers))
        temp = " ".join(f"{name}_temp_path {self.directory}/{name};" for name in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.directory / "nginx.conf").write_text(
            f"daemon off; user root; worker_processes 1; pid {self.directory}/pid;\n"
            f"error_log {self.directory}/error.log; events {{}}\n"
            f"http {{ {temp} ssl_protocols TLSv1.2 TLSv1.3; log_format words '{self.LOG}';\n"
            f"access_log {self.access} words; limit_req_zone $server_name zone=z:1m rate=30r/s;\n"
            f"{blocks} }}\n")
        self.process = None
        bench.on_exit(self.stop)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "-p", str(self.directory), "-c", str(self.directory / "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for port in self.ports:
            harness.wait_until(lambda: self._is_open(port), f"nginx on port {port}")

    def _is_open(self, port):
        if self.process.poll() is not None:
            raise harness.Failure((self.directory / "error.log").read_text()[-2000:])
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def restart(self):
        self.stop()
        self.start()

    def requests(self, number):
        """Words of each request to that server."""
        if not self.access.exists():
            return []
        lines = [line.split() for line in self.access.read_text().splitlines()]
        return [line[1:] for line in lines if line[0] == str(self.ports[number])]
