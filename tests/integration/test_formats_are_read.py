"""Processes and connections, some with text made to forge fields and lines, are journaled; weir
replays them in each format, and each line is read by what others published: OCSF by its schema, ECS by
its field list, CEF by a parser, GELF and LEEF by the rules of their specifications. Every event is
there once in each, with its id and its text."""

import ipaddress
import json
import re
import socket
import subprocess

import harness
import receivers
from harness import act, check, equal
from tcp import Peer

HOSTILE = [b"a=b|c\\ \"q\"", b"x\n<34>1 - CEF:0|a|b|c|d|e|9| src=6.6.6.6", b"\ttab\tusrName=root",
           b"\x01\x1b[31m\x7f", b"\xff\xfe", "é\u0085\u2028\u202e\U0001f427".encode(), b"",
           b'{"process":{"pid":1}}', b"${jndi}"]


def act_hostile(bench):
    harness.run_ok([act("noop").encode(), *HOSTILE])
    directory = bench.path("dir=a|b\\\nsrc=6.6.6.6\t")
    directory.mkdir()
    harness.run_ok([act("noop"), "in a hostile directory"], cwd=directory)
    subprocess.run([act("exiter"), "signal", "9"], check=False)
    subprocess.run([act("exiter"), "status", "3"], check=False)


def act_connections(bench):
    for address in ("127.0.0.1", "::1"):
        server, client = Peer(bench), Peer(bench)
        listening = server("listen", address)
        client("connect", address, listening["port"])
        server("accept")
        client("send", 10)
        server("receive", 10)
        client("close")
        server("receive-end")
        server("close")
        server.exit()
        client.exit()
    with socket.socket() as refused:
        refused.bind(("127.0.0.1", 0))
        check(refused.connect_ex(refused.getsockname()) in (0, 111), "a connection to nobody")


def lines_in(weir, name):
    done = weir.verb("replay", "--journal", weir.journal, "--format", name)
    equal(done.status, 0, f"weir replay --format {name}: {done.err.decode()}")
    lines = done.out.split(b"\n")
    equal(lines.pop(), b"", f"{name} ends with a newline")
    return [line.decode() for line in lines]


def body(event):
    return event[next(iter(event))]


def event_id(event):
    return f"{event['weir']['boot_id']}-{event['weir']['seq']}"


def command_line(event):
    process = body(event)["process"]
    return " ".join(filter(None, (process.get("binary"), process.get("arguments"))))


def unseen(text):
    """What CEF and LEEF show of characters that move a line."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda c: f"\\u{ord(c[0]):04x}", text)


# --- OCSF ---

def check_ocsf(events, lines, _):
    from jsonschema import Draft202012Validator
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.5.0"))
    validators = {}
    for event, line in zip(events, lines, strict=True):
        record = harness.parse_json(line)
        profiles = record["metadata"]["profiles"]
        name = schema.lookup_class_name_from_uid(record["class_uid"])
        if name not in validators:
            text = schema.get_class_schema(name.replace(" ", "_").lower(), profiles)
            validators[name] = Draft202012Validator(text)
        problems = [f"{e.json_path}: {e.message}" for e in validators[name].iter_errors(record)]
        equal(problems, [], f"OCSF {name}: {line}")
        equal(record["type_uid"], record["class_uid"] * 100 + record["activity_id"], "type_uid")
        equal(record["metadata"]["uid"], event_id(event), "OCSF id")
        if "process_exec" in event:
            equal(record["process"].get("cmd_line", ""), command_line(event), "OCSF command line")


# --- ECS ---

KINDS = {"keyword": str, "wildcard": str, "match_only_text": str, "long": int, "boolean": bool,
         "date": str, "ip": str}


def flatten(value, path=""):
    if isinstance(value, dict):
        for name, member in value.items():
            yield from flatten(member, f"{path}.{name}" if path else name)
    else:
        yield path, value


def check_ecs_value(field, value, path):
    check(isinstance(value, KINDS[field["type"]]), f"ECS {path}: {value!r} is no {field['type']}")
    if field["type"] == "ip":
        ipaddress.ip_address(value)
    if field["type"] == "date":
        harness.wall_seconds(value)
    if "pattern" in field:
        check(re.fullmatch(field["pattern"], value), f"ECS {path}: {value!r}")
    if "allowed_values" in field:
        names = [allowed["name"] for allowed in field["allowed_values"]]
        check(value in names, f"ECS {path}: {value!r} is not among {names}")


def check_ecs_types(fields, record):
    """Types that ECS expects of an event's category."""
    for category in record["event"]["category"]:
        allowed = next(a for a in fields["event.category"]["allowed_values"]
                       if a["name"] == category)
        for kind in record["event"]["type"]:
            check(kind in allowed["expected_event_types"], f"ECS {category}: type {kind}")


def check_ecs(events, lines, place):
    fields = json.loads((place / "ecs_flat.json").read_text())
    for event, line in zip(events, lines, strict=True):
        record = harness.parse_json(line)
        for path, value in flatten(record):
            if path.startswith("weir."):
                continue
            check(path in fields, f"ECS has no field {path}")
            is_list = "array" in fields[path]["normalize"]
            equal(isinstance(value, list), is_list, f"ECS {path} is a list")
            for element in value if is_list else [value]:
                check_ecs_value(fields[path], element, path)
        check_ecs_types(fields, record)
        equal(record["event"]["id"], event_id(event), "ECS id")
        if "process_exec" in event:
            equal(record["process"].get("command_line", ""), command_line(event), "ECS command line")
        exact = event["weir"].get("argv")
        if exact:
            equal(record["process"]["args"], exact, "ECS arguments")


# --- GELF, after https://go2docs.graylog.org/current/getting_in_log_data/gelf.html ---

def check_gelf(events, lines, _):
    for event, line in zip(events, lines, strict=True):
        record = harness.parse_json(line)
        equal(record["version"], "1.1", "GELF version")
        check(record["host"] and record["short_message"], "GELF host and short_message")
        check(isinstance(record["timestamp"], float) and record["level"] in range(8), "GELF level")
        for name, value in record.items():
            if name not in ("version", "host", "short_message", "timestamp", "level"):
                check(re.fullmatch(r"_[\w.\-]+", name) and name != "_id", f"GELF field {name}")
            check(isinstance(value, (str, int, float)) and not isinstance(value, bool),
                  f"GELF {name}: {value!r} is neither text nor a number")
        equal(record["_event_id"], event_id(event), "GELF id")
        if "process_exec" in event:
            equal(record.get("_arguments"), body(event)["process"].get("arguments"), "GELF text")


# --- CEF and LEEF ---

def check_cef(events, lines, _):
    import pycef

    for event, line in zip(events, lines, strict=True):
        record = pycef.parse(line)
        check(record, f"CEF is not parsed: {line}")
        equal(record["DeviceVendor"] + record["DeviceProduct"], "weirweir", "CEF header")
        equal(record["DeviceEventClassID"], next(iter(event)), "CEF event class")
        check(0 <= int(record["DeviceSeverity"]) <= 10, "CEF severity")
        equal(record["externalId"], event_id(event), "CEF id")
        if not next(iter(event)).startswith("process_"):
            continue
        check(record.get("src") != "6.6.6.6", f"a forged field: {line}")
        cwd = body(event)["process"].get("cwd")
        if cwd and cwd.isprintable() and cwd.strip() == cwd and "\\" not in cwd:
            equal(record.get("WorkingDirectory") or record.get("cs4"), cwd, "CEF cwd")


def parse_leef(line):
    *header, rest = line.split("|", 6)
    equal(len(header), 6, f"LEEF header of {line}")
    equal((header[0], header[5]), ("LEEF:2.0", "x09"), "LEEF version and delimiter")
    pairs = [pair.split("=", 1) for pair in rest.split(chr(int(header[5][1:], 16)))]
    equal(len({key for key, _ in pairs}), len(pairs), f"a key twice: {line}")
    return header, dict(pairs)


def check_leef(events, lines, _):
    for event, line in zip(events, lines, strict=True):
        _, record = parse_leef(line)
        check(record["devTime"].isdigit() and record["sev"] in "123456789", "LEEF devTime, sev")
        equal(record["eventId"], event_id(event), "LEEF id")
        if "process_exec" not in event:
            continue
        equal(record.get("usrName"), body(event)["process"].get("user", {}).get("name"), "LEEF user")
        shown = (body(event)["process"].get("arguments", "").replace("\\", "\\\\")
                 .replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t"))
        equal(record.get("processArguments", ""), unseen(shown), "LEEF arguments")


CHECKS = {"ocsf": check_ocsf, "ecs": check_ecs, "gelf": check_gelf, "cef": check_cef,
          "leef": check_leef}


def scenario(bench):
    place = receivers.python_parsers()
    weir = bench.weir({"processes": {"credentials": "all", "namespaces": "all", "ancestors": 2},
                       "pipeline": [{"rate_limit": {"rate": "60/h", "key": ["binary"]}}]})
    act_hostile(bench)
    act_connections(bench)
    loud = bench.copy_act("noop", "loud")
    for _ in range(70):
        harness.run_ok([loud])
    weir.settle()
    weir.stop()
    lines = lines_in(weir, "json")
    events = [harness.parse_json(line) for line in lines]
    kinds = {next(iter(event)) for event in events}
    equal(kinds, {"weir_start", "weir_stop", "weir_loss", "process_exec", "process_exit",
                  "process_connect", "process_accept", "process_listen", "process_close"},
          "kinds of event in the journal")
    for name, look in CHECKS.items():
        look(events, lines_in(weir, name), place)


harness.main(scenario)
