"""Runs the real weir for a scenario, and says plainly what was expected and what came.

A scenario is one file, test_<behaviour>.py, that ends with `harness.main(scenario)`. It gets a
Bench: a private directory, and weirs started in it. Nothing sleeps to let something happen: every
wait is for a condition, with a deadline. When a weir is stopped, the loss equation is checked
against what really arrived, in every scenario.

Exit status: 0 passed, 1 failed (with the end of weir's log), 77 skipped (with the reason).
Environment: WEIR_BINARY, WEIR_ACTS (default: those under build/), WEIR_KEEP=1 keeps the directory.
"""

import atexit
import base64
import calendar
import collections
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("WEIR_BINARY", ROOT / "build" / "weir"))
ACTS = Path(os.environ.get("WEIR_ACTS", BINARY.parent / "tests" / "acts"))
BENCHES = ACTS.parent
WAIT_S = 30.0
NODE = "harness-node"

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_CONFIG = 0, 1, 2, 3
EXIT_UNSUPPORTED, EXIT_NOT_SOUND, EXIT_NOT_RUNNING = 4, 5, 6
EXIT_SKIPPED = 77


class Skip(Exception):
    """This machine can't run the scenario; the message says why."""


class Failure(AssertionError):
    """What was expected and what came instead."""


def require(condition, reason):
    if not condition:
        raise Skip(reason)


# --- comparing ---------------------------------------------------------------------------------

ABSENT = object()


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what}:\n  got  {got!r}\n  want {want!r}")


def between(got, low, high, what):
    if not low <= got <= high:
        raise Failure(f"{what}: got {got!r}, want {low!r} to {high!r}")


def fields(got, want, what):
    """Each field named in `want` is as said there; a callable judges, ABSENT means not there."""
    for name, value in want.items():
        if value is ABSENT:
            check(name not in got, f"{what}: {name} is there: {got.get(name)!r}")
            continue
        check(name in got, f"{what}: no {name} in {got!r}")
        if callable(value):
            check(value(got[name]), f"{what}: {name} is {got[name]!r}")
        else:
            equal(got[name], value, f"{what}: {name}")


def exactly(got, want, what):
    """As fields(), and nothing else is there."""
    fields(got, want, what)
    extra = sorted(set(got) - set(want))
    check(not extra, f"{what}: fields that were not expected: {extra} in {got!r}")


# --- events ------------------------------------------------------------------------------------

ENVELOPE = {"node_name", "time", "cluster_name", "weir"}


def _no_duplicates(pairs):
    members = dict(pairs)
    check(len(members) == len(pairs), f"a member twice in one object: {pairs!r}")
    return members


def parse_json(line):
    """Strict: valid UTF-8, one value, no member twice, no control character in the line."""
    text = line.decode("utf-8") if isinstance(line, bytes) else line
    return json.loads(text, object_pairs_hook=_no_duplicates)


class Event:
    """One line of output: its kind, the object under that name, and the envelope."""

    def __init__(self, line):
        self.line = line
        self.json = parse_json(line)
        kinds = [name for name in self.json if name not in ENVELOPE]
        equal(len(kinds), 1, f"kinds of event in {line!r}")
        self.kind = kinds[0]
        self.body = self.json[self.kind]
        self.time = self.json["time"]
        self.weir = self.json["weir"]
        # A notice to one output of what it did not get is not in the journal: it has an id instead.
        self.is_notice = "seq" not in self.weir
        self.seq = None if self.is_notice else int(self.weir["seq"])
        self.process = self.body.get("process", {})
        self.parent = self.body.get("parent", {})

    @property
    def id(self):
        return self.weir["id"] if self.is_notice else (self.weir["boot_id"], self.seq)

    @property
    def pid(self):
        return self.process.get("pid")

    def __repr__(self):
        return f"<{self.kind} {json.dumps(self.body)[:400]}>"


def argv_of(event):
    """The argument list of a process_exec, byte for byte: from weir.argv where the joined string
    says less, with the bytes of weir.raw where JSON can't carry them."""
    listed = event.weir.get("argv")
    if listed is None:
        joined = event.process.get("arguments", "")
        return [event.process["binary"].encode()] + (joined.encode().split(b" ") if joined else [])
    raw = event.weir.get("raw", {}).get("argv", {})
    return [base64.b64decode(raw[str(i)]) if str(i) in raw else element.encode()
            for i, element in enumerate(listed)]


def text_of(event, name):
    """A string of the process, byte for byte."""
    raw = event.weir.get("raw", {})
    return base64.b64decode(raw[name]) if name in raw else event.process.get(name, "").encode()


def exec_id_parts(exec_id):
    """(node name, start of the image in ns of the boot clock, pid)."""
    node, start, pid = base64.b64decode(exec_id, validate=True).decode().rsplit(":", 2)
    return node, int(start), int(pid)


def wall_seconds(timestamp):
    """Seconds since 1970 of an RFC 3339 time in UTC, with whatever fraction it has."""
    check(timestamp.endswith("Z"), f"time is not UTC: {timestamp}")
    whole, _, fraction = timestamp[:-1].partition(".")
    check(len(fraction) in (0, 3, 6, 9), f"fraction of {timestamp}")
    parsed = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(parsed) + (float("0." + fraction) if fraction else 0.0)


# --- waiting -----------------------------------------------------------------------------------

def wait_until(condition, what, timeout=WAIT_S):
    """Polls until condition() gives something true, and returns that."""
    deadline = time.monotonic() + timeout
    pause = 0.002
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise Failure(f"waited {timeout:g} s for {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


# --- acting ------------------------------------------------------------------------------------

def is_open_to_all(path):
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def bring_within_reach():
    """Some scenarios act as other users, and a clone often lies in root's home: then what they run
    is copied to where everybody may go."""
    global BINARY, ACTS
    if not BINARY.exists() or is_open_to_all(BINARY):
        return
    place = Path(tempfile.mkdtemp(prefix="weir-reach-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    place.chmod(0o755)
    BINARY = Path(shutil.copy2(BINARY, place))
    if ACTS.exists():
        ACTS = Path(shutil.copytree(ACTS, place / "acts"))


bring_within_reach()


def act(name):
    path = ACTS / name
    require(path.exists(), f"{path} is not built")
    return str(path)


_markers = iter(range(1, 1 << 30))


def marker(name="act"):
    """A word that occurs nowhere else on this machine's command lines."""
    return f"{name}-{os.getpid()}-{time.monotonic_ns():x}-{next(_markers)}"


Done = collections.namedtuple("Done", "pid status out err")


def run(argv, stdin=b"", timeout=WAIT_S, **options):
    """Runs to the end; status is as subprocess gives it (negative: a signal)."""
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, **options)
    try:
        out, err = child.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise Failure(f"{argv!r} did not end within {timeout:g} s")
    return Done(child.pid, child.returncode, out, err)


def run_ok(argv, **options):
    done = run(argv, **options)
    equal(done.status, 0, f"exit status of {argv!r} ({done.err.decode(errors='replace')})")
    return done


class Held:
    """The act `hold` under any name, alive until the with-block ends."""

    def __init__(self, argv, executable=None, **options):
        self.child = subprocess.Popen(argv, executable=executable, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, **options)
        self.pid = self.child.pid
        line = self.child.stdout.readline()
        check(line == b"ready\n", f"{argv!r} did not get ready: {line!r}")

    def __enter__(self):
        return self

    def end(self):
        if self.child.stdin:
            self.child.stdin.close()
            self.child.stdin = None
        self.child.stdout.close()
        return self.child.wait(timeout=WAIT_S)

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.end()


def free_port(family=socket.AF_INET, address="127.0.0.1"):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


# --- what /proc says ---------------------------------------------------------------------------

NAMESPACES = ("uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children",
              "cgroup", "user")


def proc_namespaces(pid):
    """{kind: inode number}, in Tetragon's order; kinds this kernel lacks are left out."""
    result = {}
    for kind in NAMESPACES:
        try:
            target = os.readlink(f"/proc/{pid}/ns/{kind}")
        except FileNotFoundError:
            continue
        if "[" in target:
            result[kind] = int(target.split("[")[1].rstrip("]"))
    return result


def proc_status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def proc_start_ticks(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def proc_children(pid):
    """Processes whose parent is pid."""
    children = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if proc_status(entry.name).get("PPid") == str(pid):
                children.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return children


CAPABILITIES = (
    "CAP_CHOWN DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID "
    "CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST "
    "CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO "
    "CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE "
    "CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE "
    "CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM "
    "CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE").split()


def capability_names(bits):
    return [name for i, name in enumerate(CAPABILITIES) if bits >> i & 1]


# --- weir --------------------------------------------------------------------------------------

def merged(base, over):
    """Maps are merged, anything else is replaced; None takes a key out."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class EventFile:
    """Reads the whole lines of a growing file, once each."""

    def __init__(self, path):
        self.path = Path(path)
        self.offset = 0
        self.events = []

    def poll(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                fresh = file.read()
        except FileNotFoundError:
            return self.events
        whole = fresh[:fresh.rfind(b"\n") + 1]
        self.offset += len(whole)
        self.events += [Event(line) for line in whole.split(b"\n") if line]
        return self.events


class Weir:
    """A weir in a directory: its configuration, its process, what came out of it."""

    def __init__(self, directory, config=None, output_path=None):
        self.directory = Path(directory)
        self.out = self.directory / "out"
        self.out.mkdir(exist_ok=True)
        self.out.chmod(0o1777)  # the forwarder writes there as another user
        self.output_path = Path(output_path or self.out / "events.json")
        self.port = free_port()
        self.config_path = self.directory / "weir.yaml"
        self.socket = self.directory / "control.sock"
        self.log_path = self.directory / "weir.log"
        self.journal = self.directory / "journal"
        self.state = self.directory / "state"
        self.config = merged(self._defaults(), config or {})
        self.file = EventFile(self.output_path)
        self.process = None
        self.session_from = 0
        self.damaged = False  # a scenario that takes events away says so; see check_session()
        self.write_config(self.config)

    def _defaults(self):
        return {
            "node_name": NODE,
            "journal": {"directory": str(self.journal)},
            "forwarder": {"state_directory": str(self.state)},
            "control": {"socket": str(self.socket)},
            "metrics": {"listen": f"127.0.0.1:{self.port}"},
            "outputs": [{"name": "events", "type": "file", "path": str(self.output_path),
                         "format": "json"}],
        }

    def write_config(self, config):
        """JSON is YAML too."""
        text = config if isinstance(config, str) else json.dumps(config, indent=1)
        self.config_path.write_text(text)
        self.config_path.chmod(0o644)

    # -- life

    def launch(self, *arguments, **options):
        """Starts the process without waiting for anything."""
        self.file.poll()
        self.session_from = len(self.file.events)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "run", "--config", str(self.config_path), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, **options)
        return self

    def start(self, *arguments, **options):
        """Starts, and waits until an act is seen from its beginning to its end."""
        self.launch(*arguments, **options)
        self.wait_started()
        self.settle()
        return self

    def wait_started(self):
        wait_until(lambda: self.alive() and self.find("weir_start"), "weir_start")

    def alive(self):
        status = self.process.poll()
        if status is not None:
            raise Failure(f"weir ended by itself with status {status}")
        return True

    def stop(self, sign=signal.SIGTERM, timeout=WAIT_S):
        """Ends it in good order and checks the books."""
        self.process.send_signal(sign)
        self.wait_ended(timeout)
        self.check_session()

    def wait_ended(self, timeout=WAIT_S, status=0):
        try:
            got = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"weir did not end within {timeout:g} s")
        equal(got, status, "exit status of weir")
        reports = [line for line in self.log().splitlines()
                   if "ERROR: " in line and "Sanitizer: " in line or "runtime error:" in line]
        equal(reports, [], "what the sanitizers said, of either process")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def discard(self):
        """Whatever happened: its processes are gone afterwards."""
        if not self.process or self.process.poll() is not None:
            return
        children = proc_children(self.process.pid)
        self.process.kill()
        self.process.wait()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def forwarder_pid(self):
        """The collector's only child."""
        children = wait_until(lambda: proc_children(self.process.pid), "a forwarder")
        equal(len(children), 1, "children of the collector")
        return children[0]

    # -- what came out

    def events(self):
        return self.file.poll()

    def session(self):
        """Events since the last launch."""
        return self.events()[self.session_from:]

    def find(self, kind, where=lambda event: True, events=None):
        found = []
        for event in self.session() if events is None else events:
            if event.kind == kind and where(event):
                found.append(event)
        return found

    def wait_event(self, kind, where=lambda event: True, what=None, timeout=WAIT_S):
        """The one event of that kind for which where() holds."""
        described = what or kind
        found = wait_until(lambda: self.alive() and self.find(kind, where), described, timeout)
        equal(len(found), 1, f"number of {described}")
        return found[0]

    def settle(self, timeout=WAIT_S):
        """What happened before this call has come out when it returns: a process runs, and its end
        is waited for. Start-up may not see the first one whole, so another is tried then."""
        deadline = time.monotonic() + timeout
        while True:
            word = marker("settle")
            run([act("noop"), word])
            mine = lambda event: event.process.get("arguments") == word
            try:
                wait_until(lambda: self.alive() and self.find("process_exit", mine),
                           f"the end of {word}", 5)
                return
            except Failure:
                if time.monotonic() > deadline:
                    raise

    def exec_of(self, pid, word=None):
        """The process_exec of a pid (and of a word in its arguments)."""
        def mine(event):
            return event.pid == pid and (word is None or word in line_of(event))
        return self.wait_event("process_exec", mine, f"process_exec of {pid} {word or ''}")

    def exit_of(self, event):
        """The process_exit that belongs to a process_exec."""
        ident = event.process["exec_id"]
        return self.wait_event("process_exit", lambda e: e.process.get("exec_id") == ident,
                               f"process_exit of {event.process['binary']} {ident}")

    # -- asking it

    def verb(self, *arguments, **options):
        return run([str(BINARY), *map(str, arguments)], **options)

    def status(self):
        done = self.verb("status", "--json", "--socket", self.socket)
        equal(done.status, 0, f"exit status of weir status ({done.err.decode()})")
        return parse_json(done.out)

    def output_status(self, name="events"):
        found = [output for output in self.status()["outputs"] if output["name"] == name]
        equal(len(found), 1, f"outputs called {name} in the status")
        return found[0]

    def wait_output(self, name, state):
        def reached():
            return any(output["name"] == name and output["state"] == state
                       for output in self.status()["outputs"])
        wait_until(lambda: self.alive() and reached(), f"output {name} to be {state}")

    def http(self, path):
        """(status, headers, body) from the metrics listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def metrics(self):
        """{'name{labels}': value}."""
        status, _, body = self.http("/metrics")
        equal(status, 200, "status of /metrics")
        lines = [line for line in body.decode().splitlines() if line and line[0] != "#"]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # -- the books

    def accounts(self):
        """{kind: {captured, journaled, filtered, limited, lost: {cause: n}}} at the last stop."""
        stops = self.find("weir_stop")
        equal(len(stops), 1, "number of weir_stop")
        return accounts_of_stop(stops[0])

    def check_session(self):
        """captured = journaled + filtered + limited + lost for each kind, and what was journaled
        is what arrived, each once and in order."""
        accounts = self.accounts()
        check_balance(accounts, "weir_stop")
        self.check_sequence()
        if self.damaged:
            return
        arrived = collections.Counter(event.kind for event in self.session())
        for kind, account in accounts.items():
            if kind.startswith("process_"):
                equal(arrived[kind], account["journaled"], f"{kind}: arrived against journaled")

    def check_sequence(self):
        numbers = [event.seq for event in self.session() if not event.is_notice]
        check(all(a < b for a, b in zip(numbers, numbers[1:])),
              "sequence numbers grow from line to line")
        if not self.damaged:
            equal(numbers[-1] - numbers[0] + 1, len(numbers), "numbers without a gap")


def line_of(event):
    return event.process.get("binary", "") + " " + event.process.get("arguments", "")


def accounts_of(events):
    """{kind: account} of the status, with what is left out filled in."""
    empty = {"captured": 0, "journaled": 0, "filtered": 0, "limited": 0, "lost": {}}
    return {kind: merged(empty, {
        name: {cause: int(n) for cause, n in value.items()} if name == "lost" else int(value)
        for name, value in account.items() if name in empty}) for kind, account in events.items()}


def accounts_of_stop(event):
    """The same of a weir_stop, which has a row per kind."""
    return accounts_of({row["kind"]: row for row in event.body["accounting"]})


def check_balance(accounts, where):
    check(accounts, f"{where}: accounts of at least one kind")
    for kind, account in accounts.items():
        went = (account["journaled"] + account["filtered"] + account["limited"]
                + sum(account["lost"].values()))
        equal(went, account["captured"], f"{where}: {kind} captured, against where it went "
              f"{account!r}")


def lost_total(accounts, kind=None):
    return sum(sum(account["lost"].values()) for name, account in accounts.items()
               if kind in (None, name))


# --- the scenario ------------------------------------------------------------------------------

class Bench:
    """Where one scenario happens."""

    def __init__(self, name):
        self.directory = Path(tempfile.mkdtemp(prefix=f"weir-{name}-"))
        self.directory.chmod(0o755)
        self.weirs = []
        self.undo = []

    def weir(self, config=None, start=True, name="weir", **options):
        directory = self.directory / name
        directory.mkdir(mode=0o755)
        weir = Weir(directory, config, **options)
        self.weirs.append(weir)
        return weir.start() if start else weir

    def on_exit(self, undo):
        self.undo.append(undo)

    def path(self, name):
        return self.directory / name

    def copy_act(self, name, to, mode=0o755):
        """A copy of an act in this directory, for what must not be done to the original."""
        path = self.path(to)
        shutil.copyfile(act(name), path)
        path.chmod(mode)
        return str(path)

    def print_logs(self):
        for weir in self.weirs:
            lines = weir.log().splitlines()[-40:]
            print(f"--- end of {weir.log_path}", *lines, sep="\n", file=sys.stderr)
            try:
                for event in weir.session()[-5:]:
                    print(f"last events: {event.line[:600]!r}", file=sys.stderr)
            except Exception as error:
                print(f"events can't be read: {error}", file=sys.stderr)

    def close(self):
        for weir in self.weirs:
            weir.discard()
        for undo in reversed(self.undo):
            try:
                undo()
            except OSError as error:
                print(f"clean-up: {error}", file=sys.stderr)
        if os.environ.get("WEIR_KEEP") == "1":
            print(f"kept: {self.directory}", file=sys.stderr)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


def check_machine():
    require(os.geteuid() == 0, "not root")
    require(Path("/sys/kernel/btf/vmlinux").exists(), "this kernel has no BTF")
    require(BINARY.exists(), f"{BINARY} is not built")


def main(*scenarios):
    name = Path(sys.argv[0]).stem.removeprefix("test_")
    bench = None
    try:
        check_machine()
        for scenario in scenarios:
            bench = Bench(name)
            scenario(bench)
            bench.close()
            bench = None
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(EXIT_SKIPPED)
    except Exception:
        traceback.print_exc()
        if bench:
            bench.print_logs()
        sys.exit(EXIT_FAILED)
    finally:
        if bench:
            bench.close()
    print(f"passed: {name}")
