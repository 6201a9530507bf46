"""Kafka in KRaft mode: one broker, which is its own controller, or several, which are all controllers, too."""

import base64
import os
import socket
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from harness.errors import ConfigurationError, ServiceError
from harness.measurement.jvm_pauses import logging_option
from harness.processes.process import Process, start_process, wait_until
from harness.provision.cache import Progress
from harness.provision.class_archive import ClassArchive, class_archive
from harness.provision.jars import ensure_jars, read_lock
from harness.provision.java import Java, ensure_java
from harness.services.ports import HOST, free_port, on_port, reserve_port, serves

JARS_LOCK = Path(__file__).parent / "kafka.jars.lock"

#: Of one broker, and of each of several.
_HEAP_MB, _HEAP_MB_OF_SEVERAL = 768, 384
#: How many brokers a cluster has: one can be lost, and what is acknowledged is on two.
BROKERS = 3
_FORMAT_DEADLINE_S = 60.0
_START_DEADLINE_S = 60.0
_STOP_TIMEOUT_S = 10.0
_CHECK_TIMEOUT_S = 5.0
_PROBE_TIMEOUT_S = 1.0
_POLL_S = 0.1
#: SerialGC has no helper threads to compete with the engines for the cores.
_JVM_OPTIONS = ["-XX:+UseSerialGC", "-Xshare:auto", "-Dlog4j2.level=WARN"]

#: For each of several brokers on one machine: Java's best compiler, three times over, would take half a core from all
#: else that starts, and for a minute.
_JVM_OPTIONS_OF_SEVERAL = ("-XX:TieredStopAtLevel=1",)

_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}{detour}
advertised.listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}{advertised_detour}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,DETOUR:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
# Relative, because Kafka would misread a comma or a letter beyond Latin-1 in a path.
log.dirs=data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
log.retention.ms=-1
log.retention.bytes=-1
# Only topics that say so lose anything; but those soon, where a run is long and its disk is to stay small.
log.retention.check.interval.ms=30000
"""
_REPLICATION = """\
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
"""
_ALONE = "controller.quorum.bootstrap.servers={voters}\n"
#: A broker that is killed is missed within seconds; Kafka's default is nine.
_AMONG_OTHERS = """\
controller.quorum.voters={voters}
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=4000
"""


@dataclass(frozen=True)
class Detour:
    """A second way to the broker, through a proxy.

    Clients go by the address that the broker tells. Those that ask at `broker_port` are told to come to `proxy_port`.

    Attributes:
        broker_port: where the broker listens for those who take the detour.
        holder: keeps the port for the proxy.
    """

    broker_port: int
    holder: socket.socket

    @property
    def proxy_port(self) -> int:
        """Where the proxy has to be."""
        return int(self.holder.getsockname()[1])


@dataclass
class KafkaService:
    """A running broker: `data` holds a folder for each partition, `gc_logs` its ``gc-kafka-*.log``.

    `process` is another one after `start_again`; `detour` is a way through a proxy, if there is one.
    """

    bootstrap_servers: str
    version: str
    process: Process
    data: Path
    gc_logs: Path
    launch: Callable[[], Process] = field(repr=False)
    detour: Detour | None = None

    @property
    def client(self) -> dict[str, str]:
        """The settings of a client, in librdkafka's names."""
        return {"bootstrap.servers": self.bootstrap_servers}

    def start_again(self) -> None:
        """Start a broker that has died anew: the same port, the same files. Does not wait until it answers."""
        self.process.kill()
        self.process = self.launch()

    def wait_until_ready(self) -> None:
        """Wait until the broker answers.

        Raises:
            ServiceError: it has died, or does not answer in time; with its log's end.
        """
        _wait_until_ready(self.bootstrap_servers, self.process)

    def stop(self) -> None:
        """Stop the broker; its files stay."""
        self.process.stop(_STOP_TIMEOUT_S)
        if self.detour:
            self.detour.holder.close()


def start_kafka(directory: Path, *, port: int | None = None, detour: bool = False, progress: Progress) -> KafkaService:
    """Start a broker with no topics.

    Args:
        directory: where its data goes, in ``kafka-*``, and its log, in ``logs``.
        port: the port on 127.0.0.1; by default, a free one.
        detour: whether there is to be a second way to it, through a proxy.
        progress: told what happens.

    Raises:
        ConfigurationError: no suitable Java.
        ServiceError: the broker cannot be obtained, the port is taken, or it does not answer; with its log's end.
    """
    kit = _kit(directory, progress)

    def start(picked: int) -> KafkaService:
        controller = free_port()
        alone = _ALONE.format(voters=f"{HOST}:{controller}") + _REPLICATION.format(replicas=1, in_sync=1)
        way = Detour(free_port(), reserve_port()) if detour else None
        progress(kit.announcement(picked))
        place = _Place("", 1, picked, controller, _HEAP_MB, way)
        return _launch([_prepare(kit, place, alone, ["--standalone"])], kit.classes)[0]

    return on_port("Kafka", port, start)


def start_brokers(directory: Path, *, port: int | None = None, progress: Progress) -> list[KafkaService]:
    """Start a cluster of `BROKERS` brokers with no topics; every partition will be on all of them.

    Args, and what is raised: see `start_kafka`; `port` is the first one's.
    """
    kit = _kit(directory, progress)

    def start(picked: int) -> list[KafkaService]:
        controllers = [free_port() for _ in range(BROKERS)]
        voters = ",".join(f"{node}@{HOST}:{controller}" for node, controller in enumerate(controllers, start=1))
        others = _AMONG_OTHERS.format(voters=voters) + _REPLICATION.format(replicas=BROKERS, in_sync=BROKERS - 1)
        ports = [picked, *(free_port() for _ in controllers[1:])]
        progress(kit.announcement(*ports))
        places = [
            _Place(f"-{node}", node, own, controller, _HEAP_MB_OF_SEVERAL, jvm_options=_JVM_OPTIONS_OF_SEVERAL)
            for node, (own, controller) in enumerate(zip(ports, controllers, strict=True), start=1)
        ]
        with ThreadPoolExecutor(BROKERS) as pool:
            prepared = list(pool.map(lambda place: _prepare(kit, place, others, []), places))
        return _launch(prepared, kit.classes)

    return on_port("Kafka", port, start)


@dataclass(frozen=True)
class _Kit:
    """What brokers are made of: where they go, Java, its class path, and the identifier that they share."""

    directory: Path
    java: Java
    class_path: list[str]
    classes: ClassArchive
    cluster: str

    def announcement(self, *ports: int) -> str:
        """What is told of brokers that are to be on `ports`."""
        where = f"port {ports[0]}" if len(ports) == 1 else f"ports {', '.join(map(str, ports))}"
        return f"starting Kafka {kafka_version()} on {where} (Java {self.java.version} from {self.java.source})"


def _kit(directory: Path, progress: Progress) -> _Kit:
    java, jars = ensure_java(progress), ensure_jars(JARS_LOCK, progress=progress)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    classes = class_archive("kafka", java, jars, progress=progress)
    return _Kit(directory, java, ["-cp", os.pathsep.join(map(str, jars))], classes, cluster)


@dataclass(frozen=True)
class _Place:
    """A broker among its like: what is added to its log's name, its number, ports, heap, and a way by a proxy.

    `jvm_options` are those that it has besides all brokers' own.
    """

    suffix: str
    node: int
    port: int
    controller_port: int
    heap_mb: int
    detour: Detour | None = None
    jvm_options: tuple[str, ...] = ()


def kafka_version() -> str:
    """The version of the broker that `start_kafka` starts."""
    return next(artifact.version for artifact in read_lock(JARS_LOCK) if artifact.name.startswith("kafka_"))


def _prepare(kit: _Kit, place: _Place, further: str, format_options: list[str]) -> Callable[[], KafkaService]:
    """Prepare a broker's files. Returns what starts it, and does not wait until it answers.

    `further` are properties besides those that every broker has, `format_options` those of the storage tool.
    """
    home = Path(tempfile.mkdtemp(dir=kit.directory, prefix="kafka-"))
    detour = place.detour
    properties = further + _PROPERTIES.format(
        host=HOST,
        node=place.node,
        port=place.port,
        controller_port=place.controller_port,
        detour=f",DETOUR://{HOST}:{detour.broker_port}" if detour else "",
        advertised_detour=f",DETOUR://{HOST}:{detour.proxy_port}" if detour else "",
    )
    (home / "server.properties").write_text(properties, encoding="ascii")
    log_path = kit.directory / "logs" / f"kafka{place.suffix}.log"
    heap = [f"-Xms{place.heap_mb}m", f"-Xmx{place.heap_mb}m"]
    java_command = [str(kit.java.executable), *heap, *place.jvm_options, *_JVM_OPTIONS, *kit.classes.options(home)]
    _format([*java_command, *kit.class_path], [f"--cluster-id={kit.cluster}", *format_options], home, log_path)
    gc_log = logging_option(log_path.parent, "kafka")
    argv = [*java_command, gc_log, *kit.class_path, "kafka.Kafka", "server.properties"]

    def launch() -> Process:
        return start_process("Kafka", argv, log_path=log_path, cwd=home)

    address = f"{HOST}:{place.port}"
    return lambda: KafkaService(address, kafka_version(), launch(), home / "data", log_path.parent, launch, detour)


def _launch(prepared: list[Callable[[], KafkaService]], classes: ClassArchive) -> list[KafkaService]:
    """Start brokers and wait until all of them answer; end them if one does not. Their `classes` are learnt."""
    brokers: list[KafkaService] = []
    try:
        brokers.extend(start() for start in prepared)
        for broker in brokers:
            broker.wait_until_ready()
            classes.learn(broker.process.child_tree())
    except BaseException:
        for broker in brokers:
            broker.process.kill()
            broker.stop()
        raise
    return brokers


def _format(command: list[str], options: list[str], home: Path, log_path: Path) -> None:
    """Prepare the data directory, as Kafka wants it before its first start."""
    argv = [*command, "kafka.tools.StorageTool", "format", *options, "--config", "server.properties"]
    with start_process("Kafka's storage tool", argv, log_path=log_path, cwd=home) as process:
        wait_until(lambda: process.poll() is not None, deadline_s=_FORMAT_DEADLINE_S, what="storage is formatted")
        if (code := process.poll()) != 0:
            raise ServiceError(f"Kafka's storage tool failed with exit code {code}:\n{process.log_tail()}")


def _wait_until_ready(address: str, process: Process) -> None:
    # Quiet: until the broker listens, the client would print an error for each refused connection.
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0, "reconnect.backoff.max.ms": 100})
    port = int(address.rpartition(":")[2])

    def has_broker() -> bool:
        try:
            return bool(admin.list_topics(timeout=_PROBE_TIMEOUT_S).brokers) and serves(process, port)
        except KafkaException:
            return False

    wait_until(has_broker, deadline_s=_START_DEADLINE_S, what="Kafka answers", process=process, poll_s=_POLL_S)


def check_kafka(client: dict[str, str]) -> None:
    """Make sure that a `client` with these settings of librdkafka's is let in and served, within some seconds.

    Raises:
        ConfigurationError: the settings make no sense to the client.
        ServiceError: the brokers cannot be reached, or refuse the client.
    """
    where = f"Kafka at {client['bootstrap.servers']}"
    seen: list[KafkaError] = []
    settings: dict[str, Any] = client | {"log_level": 0, "error_cb": seen.append}
    try:
        admin = AdminClient(settings)
    except KafkaException as error:
        raise ConfigurationError(
            f"{where}: the client refuses its properties: {error.args[0].str()}", fix="check --kafka-properties"
        ) from error
    try:
        admin.list_topics(timeout=_CHECK_TIMEOUT_S)
    except KafkaException as error:
        # The exception says only that it failed; what the client saw meanwhile says why.
        admin.poll(0)
        raise _unreachable(where, [*seen, error.args[0]]) from error


def _unreachable(where: str, seen: list[KafkaError]) -> ServiceError:
    """What a client saw, as an error: what says most comes first."""
    told = {error.code(): error.str() for error in reversed(seen) if error.code() != KafkaError._ALL_BROKERS_DOWN}
    if refusal := told.get(KafkaError._AUTHENTICATION):
        return ServiceError(
            f"{where} refuses the credentials: {refusal}",
            fix="check the user, the password and `sasl.mechanism` in the file that --kafka-properties names",
        )
    if trouble := told.get(KafkaError._SSL):
        return ServiceError(
            f"{where}: no TLS connection: {trouble}",
            fix="check `security.protocol` and `ssl.truststore.location` in the file that --kafka-properties names",
        )
    return ServiceError(
        f"{where} does not answer within {_CHECK_TIMEOUT_S:g} s: {'; '.join(told.values())}",
        fix="check the address, that the broker runs, and, if it wants TLS or a password, --kafka-properties",
    )
