"""Services that stand for the user's own, started once for all tests that want them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from harness.services.kafka import start_kafka
from harness.services.redis import start_redis
from harness.services.s3 import s3_client, start_s3
from tests.integration.ringbench import Services

BUCKET = "of-somebody"


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Kafka, Redis, and S3 with a bucket."""
    directory = tmp_path_factory.mktemp("services")
    with ExitStack() as stack:
        kafka = start_kafka(directory, progress=print)
        stack.callback(kafka.stop)
        redis = start_redis(directory, progress=print)
        stack.callback(redis.stop)
        s3 = start_s3(directory, progress=print)
        stack.callback(s3.stop)
        s3_client(s3.endpoint, s3.credentials).create_bucket(Bucket=BUCKET)
        yield Services(kafka.bootstrap_servers, redis.url, s3.endpoint, s3.credentials, BUCKET)
