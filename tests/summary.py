#!/usr/bin/env python3
"""Sums up a test run from what it left in a directory: NAME.xml, written by `ctest --output-junit`,
and checks.tsv, a line for each check that is no ctest test (passed|failed|skipped, name, reason).

Names every failed and every skipped test, with the reason, and ends with one line that counts. A
skip never counts as passed: a test program that passed and skipped some of its cases counts once
as passed and once for each case that it skipped; one that ran no case does not count as passed.
Exits 1 when something failed or nothing ran."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SKIP_REASON = re.compile(r"^skipped:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
SKIPPED_CASE = re.compile(r"^(?:skipped: (.+)\n)?\[  SKIPPED \] (\w+)$", re.MULTILINE)
PASSED_NONE = re.compile(r"^\[  PASSED  \] 0 test\(s\)", re.MULTILINE)


def message_of(case, kind):
    node = case.find(kind)
    return "" if node is None else node.get("message", "")


def is_skip(case):
    """By the test's own word (SKIP_RETURN_CODE and the like) or switched off. A test that could not
    be started, a missing program, is "notrun" for ctest too: that is a failure."""
    return message_of(case, "skipped").startswith("SKIP_") or case.get("status") == "disabled"


def results_of_case(part, case):
    """Yields (outcome, name, reason) for one ctest test."""
    name = f"{part}: {case.get('name')}"
    output = case.findtext("system-out") or ""
    if is_skip(case):
        said = SKIP_REASON.search(output)
        yield "skipped", name, said[1].strip() if said else message_of(case, "skipped")
        return
    if case.get("status") != "run":
        yield "failed", name, message_of(case, "failure") or message_of(case, "skipped")
        return
    skipped = SKIPPED_CASE.findall(output)
    for reason, test in skipped:
        yield "skipped", f"{name}/{test}", reason or "gave no reason"
    if not (skipped and PASSED_NONE.search(output)):
        yield "passed", name, ""


def results_of_junit(path):
    try:
        cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    except ElementTree.ParseError as error:
        return [("failed", path.stem, f"ctest left no readable result: {error}")]
    if not cases:
        return [("failed", path.stem, "ctest found no test")]
    return [result for case in cases for result in results_of_case(path.stem, case)]


def results_of_checks(path):
    if not path.exists():
        return []
    rows = (line.split("\t") for line in path.read_text().splitlines())
    return [(outcome, name, reason) for outcome, name, reason in rows]


def main():
    directory = Path(sys.argv[1])
    results = results_of_checks(directory / "checks.tsv")
    for path in sorted(directory.glob("*.xml")):
        results += results_of_junit(path)
    by_outcome = {"passed": [], "failed": [], "skipped": []}
    for outcome, name, reason in results:
        by_outcome[outcome].append(f"  {name}: {reason}" if reason else f"  {name}")
    for outcome in ("skipped", "failed"):
        if by_outcome[outcome]:
            print(f"{outcome}:", *by_outcome[outcome], sep="\n")
    print(", ".join(f"{len(by_outcome[k])} {k}" for k in ("passed", "failed", "skipped")))
    return 1 if by_outcome["failed"] or not by_outcome["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
