"""Three real brokers hold three copies of a topic with two partitions. While weir sends, the broker
that leads is killed with -9, and another one later, after the first is back: the partitions get other leaders. Nothing is
missing for a consumer, the order per key holds, and what came twice came under the same id."""

import harness
from harness import act, check, equal
from kafka_cluster import Kafka, check_complete, check_order, output, wait_acked

COUNT = 200


def make_events(weir):
    harness.run_ok([act("fork_storm"), str(COUNT), act("noop"), harness.marker()], timeout=60)
    weir.settle()
    return weir.session()[-1].seq


def new_leader(kafka, old):
    leader = int(kafka.run("leader", "weir"))
    return leader if leader not in (-1, old) else None


def scenario(bench):
    kafka = Kafka(bench, brokers=3)
    kafka.create("weir", 2, 3, "min.insync.replicas=2")
    weir = bench.weir(start=False)
    weir.config["outputs"].append(output(
        kafka, key="{process.exec_id}", headers=["id", "sequence"], batch={"max_events": 50}))
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.write_config(weir.config)
    weir.start()
    wait_acked(weir, make_events(weir))

    for _ in range(2):
        leader = int(kafka.run("leader", "weir"))
        kafka.kill(leader)
        seq = make_events(weir)
        harness.wait_until(lambda: new_leader(kafka, leader), "another leader", 60)
        wait_acked(weir, seq)
        kafka.start(leader)
        kafka.run("wait", 3)
        seq = make_events(weir)
        wait_acked(weir, seq)

    records = kafka.read("weir")
    check_complete(weir, records, seq)
    check_order(records)
    equal(int(weir.output_status("kafka")["rejected"]), 0, "refused")
    check(len({r["partition"] for r in records}) == 2, "both partitions were used")
    weir.stop()


harness.main(scenario)
