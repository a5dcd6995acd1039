"""A real Kafka behind TLS. Of an authority that weir doesn't trust the broker's certificate is refused:
the output is held, says so, and nothing reaches the broker. Then the file of authorities is
replaced by the right one while weir runs: it is taken without a reload, and everything arrives."""

import shutil

import harness
from harness import act, check, equal
from kafka_cluster import Kafka, check_complete, make_certificates, output, wait_acked


def scenario(bench):
    kafka = Kafka(bench, tls=True)
    kafka.create("weir")
    other = bench.path("other")
    make_certificates(other)
    trusted = bench.path("trusted.pem")
    shutil.copyfile(other / "ca.pem", trusted)
    trusted.chmod(0o644)

    weir = bench.weir(start=False)
    weir.config["forwarder"]["drain_timeout"] = "1s"
    weir.config["outputs"].append(output(kafka, transport="tls", tls={"ca_file": str(trusted)}))
    weir.write_config(weir.config)
    weir.start()
    weir.wait_output("kafka", "held")
    status = weir.output_status("kafka")
    check("certificate" in status["last_error"], f"it says why: {status['last_error']}")
    equal((int(status["delivered"]), kafka.read("weir")), (0, []), "what has arrived by then")

    shutil.copyfile(kafka.tls / "ca.pem", bench.path("new.pem"))
    bench.path("new.pem").chmod(0o644)
    bench.path("new.pem").rename(trusted)
    harness.run_ok([act("noop"), harness.marker()])
    weir.settle()
    seq = weir.session()[-1].seq
    wait_acked(weir, seq)
    check_complete(weir, kafka.read("weir"), seq)
    weir.stop()


harness.main(scenario)
