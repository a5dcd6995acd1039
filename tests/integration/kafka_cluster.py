"""A real Kafka in KRaft mode for a scenario: brokers as processes of this machine that can be
killed and started again, and a client (the act kafka_client) that reads back what they have."""

import json
import os
import subprocess
from pathlib import Path

import harness
import receivers

ADMIN, ADMIN_PASSWORD = "admin", "admin-secret"
CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"


def make_certificates(directory):
    """An authority (ca.pem), and a broker's key and certificate for 127.0.0.1 (server.pem)."""
    def openssl(*arguments):
        harness.run_ok(["openssl", *map(str, arguments)], cwd=directory)

    directory.mkdir(parents=True, exist_ok=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test authority")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "server.key", "-out", "server.crt", "-days", "2", "-subj", "/CN=broker",
            "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1",
            "-addext", "basicConstraints=critical,CA:false")
    (directory / "server.pem").write_text(
        (directory / "server.key").read_text() + (directory / "server.crt").read_text())


def properties_of(node, ports, controllers, directory, users, tls):
    """server.properties of a node that is broker and controller in one."""
    protocol = "SASL_PLAINTEXT" if users else "SSL" if tls else "PLAINTEXT"
    copies = min(3, len(ports))
    lines = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": ",".join(
            f"{i + 1}@127.0.0.1:{port}" for i, port in enumerate(controllers)),
        "listeners": f"{protocol}://127.0.0.1:{ports[node - 1]},"
                     f"CONTROLLER://127.0.0.1:{controllers[node - 1]}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{protocol}:{protocol}",
        "inter.broker.listener.name": protocol,
        "log.dirs": directory / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": copies,
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "controller.quorum.election.timeout.ms": 500,
        "controller.quorum.fetch.timeout.ms": 1000,
        "log.cleaner.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
    }
    if tls:
        lines |= {
            "ssl.keystore.type": "PEM", "ssl.keystore.location": tls / "server.pem",
            "ssl.truststore.type": "PEM", "ssl.truststore.location": tls / "ca.pem",
        }
    if users:
        jaas = " ".join(f'user_{name}="{password}"' for name, password in users.items())
        lines |= {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,OAUTHBEARER",
            "listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config":
                "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
                'unsecuredLoginStringClaim_sub="broker";',
            "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config":
                "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config":
                "org.apache.kafka.common.security.plain.PlainLoginModule required "
                f'username="{ADMIN}" password="{ADMIN_PASSWORD}" {jaas};',
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:ANONYMOUS",
        }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


class Kafka:
    def __init__(self, bench, brokers=1, users=None, tls=False):
        self.java = receivers.program("java", "kafka")
        self.jars = receivers.cached("kafka", "jars")
        self.client = harness.act("kafka_client")
        self.directory = bench.path("kafka")
        self.users = {ADMIN: ADMIN_PASSWORD, **users} if users else None
        self.tls = self.directory / "tls" if tls else None
        if tls:
            make_certificates(self.tls)
        self.ports = [harness.free_port() for _ in range(brokers)]
        self.controllers = [harness.free_port() for _ in range(brokers)]
        self.processes = {}
        bench.on_exit(self.close)
        for node in range(1, brokers + 1):
            self._format(node)
        for node in range(1, brokers + 1):
            self.start(node)
        self.run("wait", brokers)

    @property
    def brokers(self):
        return [f"127.0.0.1:{port}" for port in self.ports]

    def _java(self, main, *arguments):
        return [self.java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                f"{self.jars}/*", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", main,
                *map(str, arguments)]

    def _format(self, node):
        directory = self.directory / str(node)
        directory.mkdir(parents=True)
        config = directory / "server.properties"
        config.write_text(properties_of(node, self.ports, self.controllers, directory, self.users,
                                        self.tls))
        scram = [word for name, password in (self.users or {}).items()
                 for word in ("-S", f"SCRAM-SHA-256=[name={name},password={password}]")]
        harness.run_ok(self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c",
                                  config, *scram), timeout=60)

    def start(self, node=1):
        directory = self.directory / str(node)
        with open(directory / "log", "ab") as log:
            self.processes[node] = subprocess.Popen(
                self._java("kafka.Kafka", directory / "server.properties"), cwd=directory,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, node=1):
        self.processes[node].kill()
        self.processes[node].wait()

    def close(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()

    # -- the client

    def run(self, *arguments):
        security = []
        if self.users:
            for name, value in (("security.protocol", "sasl_plaintext"),
                                ("sasl.mechanisms", "PLAIN"), ("sasl.username", ADMIN),
                                ("sasl.password", ADMIN_PASSWORD)):
                security += ["-X", f"{name}={value}"]
        if self.tls:
            security = ["-X", "security.protocol=ssl", "-X", f"ssl.ca.location={self.tls}/ca.pem"]
        done = harness.run_ok([self.client, ",".join(self.brokers), *security,
                               *map(str, arguments)], timeout=90)
        return done.out.decode()

    def create(self, topic, partitions=1, copies=1, *config):
        self.run("create", topic, partitions, copies, *config)

    def read(self, topic):
        return [json.loads(line) for line in self.run("read", topic).split("\n")[:-1]]


def output(kafka, **settings):
    """A weir output to that cluster, quick to find it again."""
    return {"name": "kafka", "type": "kafka", "brokers": kafka.brokers, "topic": "weir",
            "retry": {"initial": "50ms", "max": "500ms"},
            "properties": {"reconnect.backoff.max.ms": 500}, **settings}


def wait_acked(weir, seq, timeout=90):
    """Until Kafka has all up to seq; its status then."""
    def reached():
        status = weir.output_status("kafka")
        return status if int(status["acked_seq"]) >= seq else None
    return harness.wait_until(reached, lambda: f"kafka to reach {seq}: "
                              f"{weir.output_status('kafka')}", timeout)


def check_complete(weir, records, seq):
    """Each event up to seq is a record with its own id, none altered; those that came twice came
    with equal ids. Returns how many came twice."""
    wanted = {event.id: event.line for event in weir.session() if event.seq <= seq}
    have = {}
    for record in records:
        event = harness.Event(record["value"])
        harness.equal(record["headers"]["weir.id"], f"{event.id[0]}-{event.id[1]}", "header weir.id")
        harness.equal(have.setdefault(event.id, record["value"]), record["value"],
                      "one id, two events")
    missing = sorted(set(wanted) - set(have))
    harness.equal(missing[:10], [], f"{len(missing)} events that Kafka lacks")
    for ident, line in wanted.items():
        harness.equal(have[ident].encode(), line, f"event {ident}")
    return len(records) - len(have)


def check_order(records):
    """Per key, first occurrences are in order of the sequence, and in one partition. What has no key
    (an event without the member that the key is) goes to any partition."""
    last, partition, seen = {}, {}, set()
    for record in sorted(records, key=lambda r: (r["partition"], r["offset"])):
        seq, key = int(record["headers"]["weir.seq"]), record["key"]
        if not key:
            continue
        harness.equal(partition.setdefault(key, record["partition"]), record["partition"],
                      f"partition of the key {key}")
        if seq in seen:
            continue
        seen.add(seq)
        harness.check(seq > last.get(key, 0), f"key {key}: {seq} behind {last.get(key)}")
        last[key] = seq
