"""The services that a run stands on: started here, or the user's own."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from confluent_kafka.admin import AdminClient

from engines.contract.kafka import librdkafka_properties
from harness.clients.s3_archive import Bucket
from harness.errors import ServiceError, UsageError
from harness.processes.process import Process
from harness.provision.cache import Progress
from harness.services.kafka import KafkaService, check_kafka, start_brokers, start_kafka
from harness.services.redis import RedisService, check_redis, start_redis, start_with_replica
from harness.services.s3 import S3Service, check_s3, start_s3

BUCKET = "ringbench"
NAMESPACE = "cdr"
_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class External:
    """The user's own services, each None where one is to be started, and the ports for those that are.

    Attributes:
        kafka: ``host:port[,host:port]``.
        kafka_properties: how to get into that, see `harness.clients.credentials`.
        redis: a Redis URL, see `harness.clients.credentials` as well.
        s3: ``s3://BUCKET`` or, for a store other than AWS's, ``http://host:port/BUCKET`` or ``https``.
        ports: by ``kafka``, ``redis``, ``s3``; None or absent for a free one.
    """

    kafka: str | None = None
    kafka_properties: dict[str, str] = field(default_factory=dict, repr=False)
    redis: str | None = field(default=None, repr=False)
    s3: str | None = None
    ports: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("kafka", "redis", "s3"):
            if getattr(self, name) and self.ports.get(name):
                raise UsageError(f"--{name} and --{name}-port exclude each other", fix="give one of them")


class Service(Protocol):
    """A service that was started here."""

    version: str
    process: Process

    def wait_until_ready(self) -> None:
        """Wait until it answers; raises ServiceError."""

    def stop(self) -> None:
        """Stop it."""


@dataclass(frozen=True)
class Backing:
    """Addresses of the services.

    Attributes:
        bootstrap_servers, redis_url, bucket: where they are.
        namespace: what all of the run's Redis keys start with.
        versions: by service.
        services: those that were started here, by name.
        kafka_data, kafka_gc_logs: folders of the broker that was started here, see `KafkaService`; else None.
            Of several, those of the first, which has a replica of every partition, and the folder that all log to.
        kafka_properties: what else a client needs to be let in, in Java's names.
    """

    bootstrap_servers: str
    redis_url: str = field(repr=False)
    namespace: str
    bucket: Bucket
    versions: dict[str, str]
    services: dict[str, Service] = field(default_factory=dict)
    kafka_data: Path | None = None
    kafka_gc_logs: Path | None = None
    kafka_properties: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def kafka_client(self) -> dict[str, str]:
        """The settings of a client of Kafka's, in librdkafka's names."""
        return librdkafka_properties(self.bootstrap_servers, self.kafka_properties)

    @property
    def users_own(self) -> set[str]:
        """Which of ``kafka``, ``redis`` and ``s3`` are the user's own: what is written there has to be taken away."""
        return {"kafka", "redis", "s3"} - self.services.keys()

    @property
    def pids(self) -> dict[str, int]:
        """Guards of the processes that were started here, now, by service."""
        return {name: service.process.pid for name, service in self.services.items()}

    @property
    def kafka(self) -> KafkaService:
        """The broker that was started here."""
        found = self.services["kafka"]
        assert isinstance(found, KafkaService)
        return found

    @property
    def brokers(self) -> dict[str, KafkaService]:
        """The brokers that were started here, by name."""
        return {name: each for name, each in self.services.items() if isinstance(each, KafkaService)}

    def leader(self, topic: str) -> str:
        """The name of the broker that leads the first partition of `topic`."""
        found = AdminClient({"bootstrap.servers": self.bootstrap_servers}).list_topics(topic, timeout=_TIMEOUT_S)
        leader = found.brokers[found.topics[topic].partitions[0].leader]
        address = f"{leader.host}:{leader.port}"
        return next(name for name, each in self.brokers.items() if each.bootstrap_servers == address)

    @property
    def redis(self) -> RedisService:
        """The Redis that was started here."""
        found = self.services["redis"]
        assert isinstance(found, RedisService)
        return found

    @property
    def replica(self) -> RedisService | None:
        """The replica of the Redis that was started here; None if there is none."""
        found = self.services.get("redis 2")
        return found if isinstance(found, RedisService) else None

    @property
    def s3(self) -> S3Service:
        """The S3 store that was started here."""
        found = self.services["s3"]
        assert isinstance(found, S3Service)
        return found


@contextmanager
def start_backing(
    external: External,
    run_id: str,
    directory: Path,
    progress: Progress,
    *,
    kafka_detour: bool = False,
    cluster: bool = False,
) -> Iterator[Backing]:
    """Check the user's own services, start the others, and stop those at the end.

    Keys in the user's own Redis carry the run's id, so that they can neither meet others nor stay behind unnoticed.
    With `kafka_detour`, a Kafka that is started here has a second way to it, through a proxy. With `cluster`, it has
    several brokers, and Redis a replica.

    Raises:
        UsageError: an address makes no sense.
        ServiceError: a service cannot be started or reached.
    """
    with ExitStack() as stack:
        services: dict[str, Service] = {}
        versions: dict[str, str] = {}

        def keep(name: str, service: Any) -> Any:
            # Of several, the first has the name, and the others a number.
            for number, each in enumerate(service if isinstance(service, list) else [service], start=1):
                stack.callback(each.stop)
                services[name if number == 1 else f"{name} {number}"] = each
                versions[name] = each.version if number == 1 else f"{each.version}, {number} of them"

        bucket = bucket_of(external.s3) if external.s3 else None
        if external.kafka:
            check_kafka(librdkafka_properties(external.kafka, external.kafka_properties))
            versions["kafka"] = "external"
        if external.redis:
            versions["redis"] = check_redis(external.redis)
        if bucket:
            check_s3(bucket.endpoint, bucket.name)
            versions["s3"] = f"external, {bucket.endpoint or 'AWS'}"
        starters = _starters(external.ports, directory, progress, kafka_detour=kafka_detour, cluster=cluster)
        _start_side_by_side({name: start for name, start in starters.items() if not getattr(external, name)}, keep)
        kafka, redis = services.get("kafka"), external.redis or services["redis"]
        brokers = [each.bootstrap_servers for each in services.values() if isinstance(each, KafkaService)]
        if not bucket:
            s3 = services["s3"]
            assert isinstance(s3, S3Service)
            bucket = _make_bucket(Bucket(s3.endpoint, BUCKET, s3.credentials))
        yield Backing(
            bootstrap_servers=external.kafka or ",".join(brokers),
            redis_url=redis.url if isinstance(redis, RedisService) else str(redis),
            namespace=f"{NAMESPACE}:{run_id}" if external.redis else NAMESPACE,
            bucket=bucket,
            versions=versions,
            services=services,
            kafka_data=kafka.data if isinstance(kafka, KafkaService) else None,
            kafka_gc_logs=kafka.gc_logs if isinstance(kafka, KafkaService) else None,
            kafka_properties=external.kafka_properties,
        )


def _starters(
    ports: Mapping[str, int | None], directory: Path, progress: Progress, *, kafka_detour: bool, cluster: bool
) -> dict[str, Callable[[], Any]]:
    """How each service is started here, by its name."""

    def kafka() -> Any:
        port = ports.get("kafka")
        if cluster:
            return start_brokers(directory, port=port, progress=progress)
        return start_kafka(directory, port=port, detour=kafka_detour, progress=progress)

    start = start_with_replica if cluster else start_redis
    return {
        "kafka": kafka,
        "redis": lambda: start(directory, port=ports.get("redis"), progress=progress),
        "s3": lambda: start_s3(directory, port=ports.get("s3"), progress=progress),
    }


def _start_side_by_side(starters: dict[str, Callable[[], Any]], keep: Callable[[str, Any], object]) -> None:
    """Start services at once, since each mostly waits; `keep` every one that starts, whatever becomes of the others."""
    futures: dict[str, Future[Any]] = {}
    try:
        with ThreadPoolExecutor(max(1, len(starters))) as pool:
            futures |= {name: pool.submit(start) for name, start in starters.items()}
            wait(futures.values())
    finally:
        for name, future in futures.items():
            if future.done() and not future.exception():
                keep(name, future.result())
    for future in futures.values():
        future.result()


def bucket_of(address: str) -> Bucket:
    """The bucket that `--s3` names.

    Raises:
        UsageError: it names none.
    """
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise UsageError(
            "--s3: there is a user in the address",
            fix="give credentials where AWS's tools look for them, such as AWS_ACCESS_KEY_ID",
        )
    if parts.scheme == "s3" and parts.netloc and parts.path in ("", "/"):
        return Bucket(None, parts.netloc)
    name = parts.path.strip("/")
    if parts.scheme in ("http", "https") and parts.netloc and name and "/" not in name:
        return Bucket(f"{parts.scheme}://{parts.netloc}", name)
    raise UsageError(f"--s3: {address!r} is no bucket", fix="give s3://BUCKET or http://host:port/BUCKET")


def _make_bucket(bucket: Bucket) -> Bucket:
    try:
        bucket.client().create_bucket(Bucket=bucket.name)
    except Exception as error:
        raise ServiceError(f"cannot make the bucket {bucket.name!r}: {error}") from error
    return bucket
