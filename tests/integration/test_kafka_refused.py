"""A real Kafka with SASL PLAIN and access lists. With a wrong password weir is held, in words that
name the user; with the right one and no right on the topic it is held, in words that name the
right; for a topic that isn't there it is held until somebody makes it. Nothing is dropped on the
way: once all is right, everything arrives, by PLAIN as by SCRAM."""

import harness
from harness import act, check
from kafka_cluster import Kafka, check_complete, output, wait_acked

PASSWORD = "right-one-7631"


def use(weir, kafka, password, topic="weir", mechanism="plain"):
    weir.config["outputs"] = [weir.config["outputs"][0], output(
        kafka, topic=topic, headers=["id"],
        sasl={"mechanism": mechanism, "user": "weir", "password": password})]
    weir.write_config(weir.config)


def reload(weir):
    done = weir.verb("reload", "--socket", weir.socket)
    harness.equal(done.status, 0, f"status of weir reload: {done.err.decode()}")


def make_event(weir):
    harness.run_ok([act("noop"), harness.marker()])
    weir.settle()
    return weir.session()[-1].seq


def wait_held(weir, words):
    def is_held():
        status = weir.output_status("kafka")
        return status["state"] == "held" and words in status["last_error"]
    harness.wait_until(is_held, lambda: f"held with {words!r}: {weir.output_status('kafka')}", 60)


def scenario(bench):
    kafka = Kafka(bench, users={"weir": PASSWORD})
    kafka.create("weir")
    weir = bench.weir(start=False)
    weir.config["forwarder"]["drain_timeout"] = "1s"
    use(weir, kafka, "wrong-one-2209")
    weir.start()
    wait_held(weir, "Authentication failed")
    check("wrong-one-2209" not in weir.log(), "the log does not show the password")

    use(weir, kafka, PASSWORD)
    reload(weir)
    wait_held(weir, "grant weir's user WRITE")

    use(weir, kafka, PASSWORD, topic="later")
    kafka.run("grant", "weir", "later")
    reload(weir)
    wait_held(weir, "create the topic")

    kafka.run("grant", "weir", "weir")
    use(weir, kafka, PASSWORD)
    reload(weir)
    wait_acked(weir, make_event(weir))

    use(weir, kafka, "wrong-one-2209", mechanism="scram-sha-256")
    reload(weir)
    make_event(weir)
    wait_held(weir, "Authentication failed")
    use(weir, kafka, PASSWORD, mechanism="scram-sha-256")
    reload(weir)
    seq = make_event(weir)
    wait_acked(weir, seq)
    check_complete(weir, kafka.read("weir"), seq)
    check(PASSWORD not in weir.log(), "the log does not show the password")
    weir.stop()


harness.main(scenario)
