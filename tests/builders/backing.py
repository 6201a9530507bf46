"""Services of a trial that are fakes: they hold nothing, and each says of itself that it answers, or why not."""

from dataclasses import dataclass
from pathlib import Path

from harness.clients.s3_archive import Bucket
from harness.clients.s3_client import S3Credentials
from harness.errors import ServiceError
from harness.services.backing import Backing
from harness.services.kafka import KafkaService
from harness.services.redis import RedisService
from harness.services.s3 import S3Service
from tests.builders.processes import FakeProcess


@dataclass(kw_only=True)
class _Startable:
    """What the services have in common: `why_not_ready` is why one does not answer, empty if it does."""

    why_not_ready: str = ""

    def wait_until_ready(self) -> None:
        """It answers, or not."""
        if self.why_not_ready:
            raise ServiceError(self.why_not_ready)


@dataclass
class FakeKafka(_Startable, KafkaService):
    """A broker that holds nothing."""


@dataclass
class FakeRedis(_Startable, RedisService):
    """A Redis that holds nothing."""

    def save_and_end(self) -> None:
        """End as it does when it has saved."""
        self.process.stop()


@dataclass
class FakeS3(_Startable, S3Service):
    """A store that holds nothing."""


class FakeBacking(Backing):
    """Services that are fakes."""

    def leader(self, _topic: str) -> str:
        """The first broker leads everything."""
        return "kafka"


def fake_backing(directory: Path) -> FakeBacking:
    """A broker, a Redis and an S3 store."""
    kafka = FakeKafka("kafka:1", "4", FakeProcess("kafka"), directory, directory, lambda: FakeProcess("kafka"))
    redis = FakeRedis("redis://redis:1/0", "9", FakeProcess("redis"), directory, lambda: FakeProcess("redis"))
    s3 = FakeS3("http://s3:1", S3Credentials("key", "secret"), "2", FakeProcess("s3"), lambda: FakeProcess("s3"))
    return FakeBacking(
        bootstrap_servers=kafka.bootstrap_servers,
        redis_url=redis.url,
        namespace="cdr",
        bucket=Bucket(s3.endpoint, "ringbench", s3.credentials),
        versions={},
        services={"kafka": kafka, "redis": redis, "s3": s3},
        kafka_data=directory / "data",
    )
