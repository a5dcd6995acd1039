"""A program is started in the root, in a path of 250 components, in one with odd bytes in its name,
in a directory that was deleted, and under a chroot. The event says where, and when it can't say all
of it, it says that."""

import os
import shutil

import harness
from harness import act, equal

DEPTH = 250


def deep_directory(top):
    path = str(top)
    for i in range(DEPTH):
        path += f"/d{i}"
    os.makedirs(path)
    return path


def event_in(weir, directory, program=None, **options):
    word = harness.marker()
    done = harness.run_ok([program or act("noop"), word], cwd=directory, **options)
    return weir.exec_of(done.pid, word)


def check_root(weir):
    event = event_in(weir, "/")
    equal(event.process["cwd"], "/", "cwd at the root")
    equal(event.process["flags"], "execve rootcwd clone", "flags at the root")


def check_deep(weir, bench):
    deep = deep_directory(bench.directory)
    event = event_in(weir, deep)
    equal(event.process["cwd"], deep, "a deep cwd")
    equal(event.process["flags"], "execve clone", "flags of a deep cwd")

    # A relative name is made absolute with it.
    shutil.copy(act("noop"), deep + "/noop")
    event = event_in(weir, deep, "./noop")
    equal(event.process["binary"], deep + "/noop", "binary called by a relative name")


def check_odd_name(weir, bench):
    name = os.fsencode(str(bench.directory)) + b'/new\nline "\xff'
    os.mkdir(name)
    event = event_in(weir, name)
    equal(harness.text_of(event, "cwd"), name, "the bytes of the name")


def check_deleted(weir, bench):
    gone = bench.path("gone")
    gone.mkdir()

    def enter_and_delete():
        os.chdir(gone)
        os.rmdir(gone)

    event = event_in(weir, None, preexec_fn=enter_and_delete)
    harness.check(event.process["cwd"].startswith(str(gone)), f"a deleted cwd: "
                  f"{event.process['cwd']}")


def check_chroot(weir, bench):
    jail = bench.path("jail")
    (jail / "inside").mkdir(parents=True)
    shutil.copy(act("noop"), jail / "noop")

    def enter():
        os.chroot(jail)
        os.chdir("/inside")

    event = event_in(weir, None, "/noop", preexec_fn=enter)
    equal(event.process["cwd"], "/inside", "cwd seen from inside the chroot")
    equal(event.process["binary"], "/noop", "binary seen from inside the chroot")


def scenario(bench):
    weir = bench.weir()
    check_root(weir)
    check_deep(weir, bench)
    check_odd_name(weir, bench)
    check_deleted(weir, bench)
    check_chroot(weir, bench)
    weir.stop()


harness.main(scenario)
