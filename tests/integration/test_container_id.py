"""A process starts in a control group named as Docker and containerd name those of containers. Its
events carry the container's id, cut to 31 characters as Tetragon does; a process outside has
none."""

import os
from pathlib import Path

import harness
from harness import act, equal

IDENT = "0123456789abcdef" * 4


def cgroup2_root():
    for line in Path("/proc/mounts").read_text().splitlines():
        _, where, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(where)
    raise harness.Skip("no cgroup2 is mounted")


def make_group(bench, *names):
    path = cgroup2_root()
    for name in names:
        path = path / name
        try:
            path.mkdir()
        except OSError as error:
            raise harness.Skip(f"no control group can be made: {error}")
        bench.on_exit(path.rmdir)
    return path


def join(group):
    (group / "cgroup.procs").write_text(str(os.getpid()))


def scenario(bench):
    weir = bench.weir()
    own = f"weir-test-{os.getpid()}"
    for name in (f"docker-{IDENT}.scope", f"cri-containerd-{IDENT}.scope", IDENT):
        group = make_group(bench, f"{own}-{name[:8]}", name)
        word = harness.marker()
        with harness.Held([act("hold"), word], preexec_fn=lambda: join(group)) as held:
            event = weir.exec_of(held.pid, word)
        equal(event.process.get("docker"), IDENT[:31], f"container of {name}")
        equal(weir.exit_of(event).process["docker"], IDENT[:31], f"container at exit, {name}")

    for name in ("docker-short.scope", f"docker-{'z' * 64}.scope"):
        group = make_group(bench, f"{own}-not", name) if name == "docker-short.scope" else \
            make_group(bench, f"{own}-not2", name)
        word = harness.marker()
        done = harness.run_ok([act("noop"), word], preexec_fn=lambda: join(group))
        harness.check("docker" not in weir.exec_of(done.pid, word).process, f"{name} is none")
    weir.stop()


harness.main(scenario)
