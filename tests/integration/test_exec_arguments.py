"""Programs are executed with argument lists that are hard to write down: two hundred arguments,
empty ones, spaces, quotes, backslashes, newlines, control characters, and bytes that are not
UTF-8. Each event is one valid line of JSON, and each list can be had back byte for byte."""

import harness
from harness import act, argv_of, equal


LISTS = {
    "two hundred": [b"%d" % i for i in range(200)],
    "none": [],
    "one empty": [b""],
    "empty ones between": [b"", b"a", b"", b"", b"b", b""],
    "spaces": [b"two words", b" leading", b"trailing ", b" ", b"tab\there"],
    "quotes": [b'"', b"'", b'say "no"', b'"quoted whole"', b'a"b c"d', b"\\", b'\\"', b"`$x`"],
    "lines": [b"first\nsecond", b"\n", b"\r\n", b'\n{"process_exec":{}}'],
    "control characters": [bytes(range(1, 32)), b"\x7f", b"\x1b[31mred\x1b[0m", b"\x08\x08"],
    "valid UTF-8": ["zażółć".encode(), "日本語".encode(), "🦫".encode(), "\u2028\u202e".encode()],
    "not UTF-8": [b"\xff", b"a\xfe\xffb", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
                  b"\xf0\x9f\xa6", bytes(range(128, 256))],
    "the replacement character itself": ["\ufffd".encode(), b"\xef\xbf"],
}


def joined(arguments):
    """As Tetragon joins them, with its quirk of a space before a quoted first one."""
    words = [f'"{a.decode()}"' if b" " in a else a.decode() for a in arguments]
    return (" " if words[0].startswith('"') and b" " in arguments[0] else "") + " ".join(words)


def scenario(bench):
    weir = bench.weir()
    for name, arguments in LISTS.items():
        argv = [act("noop").encode(), *arguments]
        done = harness.run_ok(argv)
        event = weir.exec_of(done.pid)
        equal(argv_of(event), argv, f"arguments: {name}")
        if name in ("two hundred", "spaces", "quotes", "valid UTF-8"):
            equal(event.process["arguments"], joined(arguments), f"joined: {name}")
        if name in ("two hundred", "none"):
            harness.check("argv" not in event.weir, f"a list nobody needs: {name}")
        harness.fields(event.process, {"flags": lambda f: "truncArgs" not in f}, name)
        end = weir.exit_of(event)
        equal(end.process.get("arguments"), event.process.get("arguments"), f"at exit: {name}")

    # Element 0 need not be the program's name.
    done = harness.run_ok([b"not\nthe \xff name", b"x"], executable=act("noop"))
    event = weir.exec_of(done.pid)
    equal(event.process["binary"], act("noop"), "binary with another element 0")
    equal(argv_of(event), [b"not\nthe \xff name", b"x"], "element 0")
    weir.stop()


harness.main(scenario)
