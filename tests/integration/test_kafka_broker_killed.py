"""A real Kafka takes what weir sends, by three partitions and keys. In the middle of it its only
broker is killed with -9: weir says that it waits and why, loses nothing, and goes on when the broker
is back. What a consumer reads is complete, unaltered, in order per key, and nothing came twice
under two ids. A topic that is deleted holds the output, in words that tell what to do."""

import harness
from harness import act, check, equal
from kafka_cluster import Kafka, check_complete, check_order, output, wait_acked

COUNT = 300


def make_events(weir, times=1):
    for _ in range(times):
        harness.run_ok([act("fork_storm"), str(COUNT), act("noop"), harness.marker()], timeout=60)
    weir.settle()
    return weir.session()[-1].seq


def scenario(bench):
    kafka = Kafka(bench)
    kafka.create("weir", 3)
    weir = bench.weir(start=False)
    weir.config["outputs"].append(output(
        kafka, key="{process.exec_id}", headers=["id", "sequence", "format", "content_type"],
        batch={"max_events": 100}))
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)
    weir.start()
    wait_acked(weir, make_events(weir))

    kafka.kill()
    during = make_events(weir, 2)
    weir.wait_output("kafka", "waiting")
    status = weir.output_status("kafka")
    check(status["last_error"], "it says why it waits")
    check(int(status["acked_seq"]) < during, "nothing is acknowledged by a broker that is dead")
    kafka.start()
    seq = make_events(weir)
    status = wait_acked(weir, seq)
    equal((status["state"], int(status["rejected"])), ("up", 0), "the output afterwards")

    records = kafka.read("weir")
    doubles = check_complete(weir, records, seq)
    equal(doubles, 0, "an idempotent producer that lives on writes nothing twice")
    check_order(records)
    equal({r["headers"]["content-type"] for r in records}, {"application/json"}, "content-type")
    equal({r["headers"]["weir.format"] for r in records}, {"json"}, "weir.format")
    equal({r["partition"] for r in records}, {0, 1, 2}, "partitions in use")

    kafka.run("delete", "weir")
    make_events(weir)
    weir.wait_output("kafka", "held")
    check("create the topic" in weir.output_status("kafka")["last_error"], "what would help")
    weir.stop()


harness.main(scenario)
