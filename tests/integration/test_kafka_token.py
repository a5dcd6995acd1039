"""A real Kafka that takes tokens (SASL OAUTHBEARER), which weir reads from a file that somebody else
renews. With a token that has expired the output is held, and no part of the token is in the log.
Once the file has a good one it is taken without a reload, and everything arrives."""

import base64
import json
import time

import harness
from harness import act, check
from kafka_cluster import Kafka, check_complete, output, wait_acked


def part(claims):
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


def write_token(path, lifetime_s):
    """An unsigned token, which this broker takes at its word."""
    now = int(time.time())
    claims = {"sub": "weir", "iat": now - 7200, "exp": now + lifetime_s}
    token = f"{part({'alg': 'none'})}.{part(claims)}."
    new = path.with_suffix(".new")
    new.write_text(token + "\n")
    new.chmod(0o644)
    new.rename(path)
    return token


def scenario(bench):
    kafka = Kafka(bench, users={"weir": "unused"})
    kafka.create("weir")
    kafka.run("grant", "weir", "weir")
    path = bench.path("tokens") / "token"
    path.parent.mkdir()
    path.parent.chmod(0o755)
    expired = write_token(path, -60)

    weir = bench.weir(start=False)
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.config["outputs"].append(output(
        kafka, sasl={"mechanism": "oauthbearer", "token_file": str(path)}))
    weir.write_config(weir.config)
    weir.start()
    weir.wait_output("kafka", "held")
    check("token" in weir.output_status("kafka")["last_error"], "it says what is wrong")

    good = write_token(path, 3600)
    harness.run_ok([act("noop"), harness.marker()])
    weir.settle()
    seq = weir.session()[-1].seq
    wait_acked(weir, seq)
    check_complete(weir, kafka.read("weir"), seq)
    check(not any(token.split(".")[1] in weir.log() for token in (expired, good)),
          "no token in the log")
    weir.stop()


harness.main(scenario)
