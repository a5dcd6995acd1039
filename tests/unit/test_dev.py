#!/usr/bin/env python3
"""The summary counts what happened and nothing else; the house rules find what they should."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
import lint  # noqa: E402


def testcase(name, status="run", inner="", output=""):
    return (f'<testcase name="{name}" classname="{name}" time="0.1" status="{status}">{inner}'
            f"<system-out>{output}</system-out></testcase>")


class Summary(unittest.TestCase):
    def summarize(self, cases=None, checks=None, xml=None):
        with tempfile.TemporaryDirectory() as directory:
            if cases is not None:
                xml = f"<testsuite>{''.join(cases)}</testsuite>"
            if xml is not None:
                Path(directory, "unit.xml").write_text(xml)
            if checks is not None:
                Path(directory, "checks.tsv").write_text(checks)
            run = subprocess.run([TESTS / "summary.py", directory], text=True,
                                 stdout=subprocess.PIPE, check=False)
        return run.returncode, run.stdout.splitlines()

    def test_all_passed(self):
        status, lines = self.summarize([testcase("a"), testcase("b")], "passed\tlint\t\n")
        self.assertEqual((status, lines), (0, ["3 passed, 0 failed, 0 skipped"]))

    def test_a_failure_is_named_and_fails(self):
        failure = '<failure message="Timeout"/>'
        status, lines = self.summarize([testcase("a"), testcase("b", "fail", failure)])
        self.assertEqual(status, 1)
        self.assertEqual(lines, ["failed:", "  unit: b: Timeout", "1 passed, 1 failed, 0 skipped"])

    def test_a_skip_is_named_with_its_own_reason_and_not_counted_as_passed(self):
        skip = testcase("s", "notrun", '<skipped message="SKIP_RETURN_CODE=77"/>',
                        "begin\nskipped: setcap is not installed\n")
        status, lines = self.summarize([testcase("a"), skip])
        self.assertEqual(status, 0)
        self.assertEqual(lines, ["skipped:", "  unit: s: setcap is not installed",
                                 "1 passed, 0 failed, 1 skipped"])

    def test_skipped_cases_inside_a_program_count(self):
        output = "skipped: not root\n[  SKIPPED ] test_x\n[  PASSED  ] 3 test(s).\n"
        self.assertEqual(self.summarize([testcase("a", output=output)])[1],
                         ["skipped:", "  unit: a/test_x: not root",
                          "1 passed, 0 failed, 1 skipped"])
        output = "[  SKIPPED ] test_x\n[  PASSED  ] 0 test(s).\n"
        self.assertEqual(self.summarize([testcase("a", output=output)])[1][-1],
                         "0 passed, 0 failed, 1 skipped")

    def test_a_program_that_is_not_there_is_a_failure(self):
        gone = testcase("gone", "notrun", '<skipped message="Unable to find executable"/>')
        status, lines = self.summarize([testcase("a"), gone])
        self.assertEqual(status, 1)
        self.assertEqual(lines, ["failed:", "  unit: gone: Unable to find executable",
                                 "1 passed, 1 failed, 0 skipped"])

    def test_what_was_not_run_is_not_passed(self):
        status, lines = self.summarize([testcase("off", "disabled")])
        self.assertEqual((status, lines[-1]), (1, "0 passed, 0 failed, 1 skipped"))
        self.assertEqual(self.summarize([testcase("odd", "surprise")])[0], 1)

    def test_no_tests_or_no_result_is_a_failure(self):
        self.assertEqual(self.summarize([])[0], 1)
        self.assertEqual(self.summarize(xml="<testsuite><testcase")[0], 1)
        self.assertEqual(self.summarize()[0], 1)

    def test_a_failed_check_fails(self):
        status, lines = self.summarize([testcase("a")], "failed\tlint\texit status 1\n")
        self.assertEqual((status, lines[1]), (1, "  lint: exit status 1"))


class Rules(unittest.TestCase):
    def broken(self, rule, path, text):
        return [number for number, _ in rule(Path(path), text.splitlines())]

    def test_rooms(self):
        text = '#include "outputs/output.h"\n#include "base/buf.h"\n#include <stdio.h>\n'
        self.assertEqual(self.broken(lint.wrong_rooms, "pipeline/x.c", text), [1])
        self.assertEqual(self.broken(lint.wrong_rooms, "outputs/x.c", text), [])
        self.assertEqual(self.broken(lint.wrong_rooms, "cli/x.c", text), [])
        self.assertEqual(self.broken(lint.wrong_rooms, "redaction/x.c",
                                     '#include "pipeline/event.h"\n'), [1])

    def test_redacted_is_made_in_one_room(self):
        for line in ("return (struct redacted){ text };", "struct redacted r = { text };"):
            self.assertEqual(self.broken(lint.made_redacted, "pipeline/x.c", line), [1])
            self.assertEqual(self.broken(lint.made_redacted, "redaction/x.c", line), [])
        self.assertEqual(self.broken(lint.made_redacted, "pipeline/x.c",
                                     "struct redacted r = redaction_exempt(t, b);"), [])

    def test_pragma_once(self):
        self.assertEqual(self.broken(lint.missing_pragma, "base/x.h", "int x;\n"), [1])
        self.assertEqual(self.broken(lint.missing_pragma, "base/x.h", "#pragma once\n"), [])

    def test_long_functions(self):
        def function(lines):
            return ["static int long_one(int a,", "\t\t    int b)", "{", *["\tx();"] * lines, "}"]

        self.assertEqual(list(lint.long_functions(function(60))), [])
        self.assertEqual(list(lint.long_functions(function(61))), [(3, "long_one has 61 lines")])

    def test_every_room_is_in_the_table(self):
        rooms = {path.relative_to(TESTS.parent).parts[0] for path in TESTS.parent.glob("*/*.c")}
        self.assertTrue(rooms)
        self.assertLessEqual(rooms, set(lint.ROOMS))


if __name__ == "__main__":
    unittest.main()
