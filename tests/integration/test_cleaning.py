"""What runs leave in a real Kafka, Redis and S3 is found and deleted, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from engines.contract.keys import position_key, updates_key, window_key
from harness.clients import kafka_topics
from harness.clients.kafka_leftovers import KafkaLeftovers
from harness.clients.kafka_topics import Topics, create_topics, delete_topics
from harness.clients.redis_contents import keys_of_runs
from harness.clients.s3_client import s3_client
from harness.processes.process import wait_until
from harness.services.backing import External
from harness.session.cleaning.clean import look
from tests.deadlines import DEADLINE_S
from tests.integration.ringbench import Services

pytestmark = pytest.mark.integration

RUN, OTHER = "20261128T180000-00000a", "20261128T180000-00000b"
RECORDS = 3


@pytest.fixture
def left(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Services in which two runs have left something, and others have things."""
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    for run_id in (RUN, OTHER):
        _leave(services, run_id)
    yield services
    for run_id in (RUN, OTHER):
        _clean(services, run_id)


def _leave(services: Services, run_id: str) -> None:
    topics = Topics.of(run_id, "flink")
    create_topics(services.kafka_client, topics, 2)
    producer = Producer(services.kafka_client)
    for _ in range(RECORDS):
        producer.produce(topics.input, b"line")
    assert producer.flush(DEADLINE_S) == 0
    consumer = Consumer({**services.kafka_client, "group.id": f"ringbench-{run_id}-flink"})
    consumer.commit(offsets=[TopicPartition(topics.input, 0, 0)], asynchronous=False)
    consumer.close()
    with redis.Redis.from_url(services.redis, protocol=2) as client:
        client.hset(window_key(f"cdr:{run_id}", 1), "cell", "1")
        client.set(position_key(f"cdr:{run_id}"), "{}")
        client.xadd(updates_key(f"cdr:{run_id}"), {"u": ""})
    store = s3_client(services.s3_endpoint, services.s3_credentials)
    store.put_object(Bucket=services.bucket, Key=f"{run_id}/flink/archive/second=1/part-0.parquet", Body=b"1234")
    store.put_object(Bucket=services.bucket, Key=f"{run_id}/notes", Body=b"theirs")


def _clean(services: Services, run_id: str) -> Any:
    external = External(kafka=services.kafka, redis=services.redis, s3=f"{services.s3_endpoint}/{services.bucket}")
    found = look(run_id, external, services.kafka_client, Path("nowhere"))
    found.delete()
    return found


def _names(services: Services, run_id: str) -> set[str]:
    kafka = KafkaLeftovers(services.kafka_client)
    found = kafka.topics() | kafka.groups() | keys_of_runs(services.redis)
    return {name for name, of in found.items() if of == run_id} | {
        each for each in services.objects() if each.startswith(run_id)
    }


def test_all_of_a_run_goes_and_nothing_else(left: Services) -> None:
    theirs = _names(left, OTHER)
    assert len(theirs) == 3 + 1 + 3 + 2
    found = _clean(left, RUN)
    assert found.left == [] and found.exit_code == 0 and len(found.due) == 3 + 1 + 3 + 1
    sizes = {each.name: each.size for each in found.due}
    assert sizes[f"cdr-{RUN}-flink"] == RECORDS and sizes[f"{RUN}/flink/archive/second=1/part-0.parquet"] == 4
    assert (sizes[f"cdr:{RUN}:updates"] or 0) > 0
    wait_until(lambda: _names(left, RUN) == {f"{RUN}/notes"}, deadline_s=DEADLINE_S, what="the run's topics are gone")
    assert _names(left, OTHER) == theirs
    assert _clean(left, RUN).due == []


def test_topics_whose_creation_is_interrupted_do_not_come_after_their_deletion(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(AdminClient):
        def create_topics(self, *wanted: Any, **how: Any) -> "dict[str, Future[Any]]":
            futures: dict[str, Future[Any]] = super().create_topics(*wanted, **how)  # type: ignore[no-untyped-call]
            first = next(iter(futures.values()))
            monkeypatch.setattr(first, "result", _interrupt)
            return futures

    def _interrupt(_timeout_s: float) -> None:
        raise KeyboardInterrupt

    topics = Topics.of(OTHER, "interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(kafka_topics, "AdminClient", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            create_topics(services.kafka_client, topics, 2)
    assert delete_topics(services.kafka_client, topics) == []
    wait_until(
        lambda: not services.topics() & set(topics.all()), deadline_s=DEADLINE_S, what="the topics have been deleted"
    )
