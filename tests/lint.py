#!/usr/bin/env python3
"""The house rules that a machine can check, over the tracked sources. Prints what is wrong as
FILE:LINE: rule, then warnings; exits 1 when anything is wrong. Called by `./dev lint`."""

import re
import subprocess
import sys
from pathlib import Path

# DESIGN's rooms: what each may include. `base` is for all; cli and tests may use all.
ROOMS = {
    "base": {"base"},
    "bpf": {"bpf"},
    "config": {"base", "config"},
    "redaction": {"base", "redaction"},
    "pipeline": {"base", "config", "redaction", "pipeline"},
    "collector": {"base", "bpf", "config", "redaction", "pipeline", "collector"},
    "outputs": {"base", "config", "pipeline", "outputs"},
    "cli": None,
    "tests": None,
}
# Headers that belong to a room but are contracts for others as well, and why.
SHARED_HEADERS = {
    "cli/exit_code.h": "what a process exits with; the forwarder and the agent return it",
    "outputs/forwarder.h": "what the collector says to the forwarder and checks for it",
}
LONGEST_FUNCTION = 60

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
REDACTED_LITERAL = re.compile(r"\(\s*struct\s+redacted\s*\)|\bstruct\s+redacted\s+\w+\s*=\s*\{")
MARKER = re.compile(r"\b(TODO|FIXME|XXX)\b")


def tracked():
    """The tracked C sources that are there; a file that was just removed is not."""
    command = ["git", "-c", f"safe.directory={Path.cwd()}", "ls-files", "-z", "*.c", "*.h"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return [Path(name) for name in names if name and Path(name).exists()]


def includes(lines):
    for number, line in enumerate(lines, 1):
        if found := INCLUDE.match(line):
            yield number, found[1]


def wrong_rooms(path, lines):
    """Includes of a room that DESIGN's table does not give to this one."""
    allowed = ROOMS.get(path.parts[0])
    for number, header in includes(lines):
        room = header.split("/")[0]
        if allowed is None or "/" not in header or room not in ROOMS or room in allowed:
            continue
        if header not in SHARED_HEADERS:
            yield number, f"{path.parts[0]}/ may not use {room}/ ({header})"


def wrong_first_include(path, lines):
    """A source includes its own header first (or the one that only its module shares, which does),
    so that the header is known to stand alone."""
    own = path.with_suffix(".h")
    if path.suffix != ".c" or not own.exists():
        return
    first = next(includes(lines), None)
    if first and first[1] not in (str(own), own.name, str(own).replace(".h", "_internal.h")):
        yield first[0], f"includes {first[1]} before its own {own}"


def made_redacted(path, lines):
    if path.parts[0] in ("redaction", "tests"):
        return
    for number, line in enumerate(lines, 1):
        if REDACTED_LITERAL.search(line):
            yield number, "makes a struct redacted; only redaction/ may"


def missing_pragma(path, lines):
    if path.suffix == ".h" and "#pragma once" not in (line.strip() for line in lines):
        yield 1, "no #pragma once"


def markers(path, lines):
    for number, line in enumerate(lines, 1):
        if MARKER.search(line):
            yield number, "a note to do later: an issue is the place for it"


RULES = (wrong_rooms, wrong_first_include, made_redacted, missing_pragma, markers)


def long_functions(lines):
    """Functions in kernel layout: a brace in the first column opens and closes them."""
    name, start = "", None
    for number, line in enumerate(lines, 1):
        if start is None and re.match(r"[A-Za-z_].*\(", line) and not line.rstrip().endswith(";"):
            name = re.split(r"[ *]+", line.split("(")[0])[-1]
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > LONGEST_FUNCTION:
                yield start, f"{name} has {number - start - 1} lines"
            start = None


def main():
    wrong = 0
    warnings = []
    for path in tracked():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for rule in RULES:
            for number, what in rule(path, lines):
                print(f"{path}:{number}: {what}")
                wrong += 1
        warnings += [f"{path}:{number}: {what}" for number, what in long_functions(lines)]
    for warning in warnings:
        print(f"warning: {warning}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
