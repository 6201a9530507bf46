"""What runs make in the user's services is told from what others have there, taken away, or named; on fakes of them."""

from concurrent.futures import Future
from threading import Timer
from typing import Any

import pytest
import redis
from confluent_kafka import KafkaError

from harness.clients import kafka_topics
from harness.clients.kafka_leftovers import KafkaLeftovers, delete_groups
from harness.clients.kafka_topics import Topics, create_topics, delete_topics
from harness.clients.left import NAMES_TOLD, Left, told
from harness.clients.redis_contents import clear, remove_keys
from harness.clients.run_names import is_run_id, run_of_group, run_of_key, run_of_object, run_of_topic
from harness.clients.s3_archive import Bucket, objects_of_run, remove_archive, runs_in
from harness.errors import ServiceError
from tests.builders.own_services import OwnServices, answered

RUN, OTHER = "20261128T182611-0a1b2c", "20261128T182611-ffffff"
TOPICS = Topics.of(RUN, "flink-2")
BUCKET = Bucket(None, "theirs")


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> OwnServices:
    return OwnServices(monkeypatch)


@pytest.mark.parametrize(
    ("run_of", "ours", "theirs"),
    [
        (
            run_of_topic,
            [*TOPICS.all(), f"cdr-{RUN}-quix.state", f"changelog__cdr-{RUN}-quix.quix--default--store"],
            ["cdr", "cdr-flink", f"source.cdr-{RUN}-flink", f"cdr-{RUN}", f"my-cdr-{RUN}-flink", f"cdr-{RUN}x-flink"],
        ),
        (
            run_of_group,
            [f"ringbench-{RUN}-flink", f"cdr-{RUN}-kstreams.kstreams", f"cdr-aggregates-{RUN}-flink-redis-writer"],
            ["ringbench", f"mine-ringbench-{RUN}-flink", f"{RUN}", "ringbench-2026-flink"],
        ),
        (
            run_of_key,
            [f"cdr:{RUN}:w:1767225600", f"cdr:{RUN}:updates", f"cdr:{RUN}:position"],
            ["cdr:updates", f"x:cdr:{RUN}:updates", f"cdr:{RUN}", f"cdr:{RUN}0:updates"],
        ),
        (
            run_of_object,
            [f"{RUN}/flink-2/archive/second=1/part-0.parquet"],
            [f"{RUN}/notes.txt", f"backup/{RUN}/flink/archive/x", f"{RUN}/flink/archives/x"],
        ),
    ],
)
def test_only_what_a_run_names_is_taken_for_a_runs(run_of: Any, ours: list[str], theirs: list[str]) -> None:
    assert {run_of(name) for name in ours} == {RUN}
    assert {run_of(name) for name in theirs} == {""}


def test_an_id_is_one_as_a_whole() -> None:
    assert is_run_id(RUN) and is_run_id(f"bench-path-{RUN}")
    assert not any(map(is_run_id, ["", "*", "cdr", f"{RUN}*", RUN[:-1], f"../{RUN}"]))


def test_a_trials_topics_are_deleted_with_those_of_its_engine_and_no_others(services: OwnServices) -> None:
    others = [f"cdr-{RUN}-flink", f"cdr-{OTHER}-flink-2", "cdr-theirs"]
    services.topics = dict.fromkeys([*TOPICS.all(), f"changelog__{TOPICS.input}.store", *others], 1)
    assert delete_topics({}, TOPICS) == []
    assert sorted(services.topics) == sorted(others)


def test_a_topic_that_is_gone_is_not_left_and_one_that_may_not_be_deleted_is(services: OwnServices) -> None:
    services.topics = dict.fromkeys(TOPICS.all()[:2], 1)
    services.denied = {TOPICS.input}
    (left,) = delete_topics({}, TOPICS)
    assert (left.kind, left.name) == ("topic", TOPICS.input) and "uthoriz" in left.why
    assert set(services.topics) == {TOPICS.input}


def test_of_a_broker_that_is_gone_all_names_are_told_and_nothing_is_raised(services: OwnServices) -> None:
    services.away = {"kafka"}
    left = delete_topics({}, TOPICS)
    assert [each.name for each in left] == [*TOPICS.all(), f"those with {TOPICS.input}. in their names"]
    (group,) = delete_groups({}, RUN)
    assert RUN in group.name


def test_groups_of_the_run_are_deleted_and_no_others(services: OwnServices) -> None:
    services.groups = {f"ringbench-{RUN}-flink", f"cdr-{RUN}-quix.quix", f"ringbench-{OTHER}-flink", "theirs"}
    services.denied = {f"ringbench-{RUN}-flink"}
    (left,) = delete_groups({}, RUN)
    assert left.name == f"ringbench-{RUN}-flink"
    assert services.groups == {f"ringbench-{RUN}-flink", f"ringbench-{OTHER}-flink", "theirs"}


def test_the_size_of_a_topic_is_what_its_offsets_tell(services: OwnServices) -> None:
    services.topics = {TOPICS.input: 42}
    assert KafkaLeftovers({}).records(TOPICS.input) == 42


def test_a_topic_that_is_made_late_is_made_before_it_is_deleted(
    services: OwnServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is refused; the broker's answer for the last comes later."""
    late: Future[Any] = Future()

    def make() -> None:
        services.topics[TOPICS.dead_letter] = 0
        late.set_result(None)

    class Admin:
        def create_topics(self, wanted: list[Any], **_how: Any) -> dict[str, "Future[Any]"]:
            Timer(0.05, make).start()
            names = [each.topic for each in wanted]
            return {name: answered(error=KafkaError.POLICY_VIOLATION) for name in names[:2]} | {names[2]: late}

    monkeypatch.setattr(kafka_topics, "_admin", lambda _client: Admin())
    with pytest.raises(ServiceError, match="cannot create the topic"):
        create_topics({}, TOPICS, 1)
    assert TOPICS.dead_letter in services.topics, "its deletion would come too early"


def test_keys_of_the_namespace_are_removed_and_a_refusal_names_those_that_stay(services: OwnServices) -> None:
    namespace, theirs = f"cdr:{RUN}", {"theirs", "cdr:theirs", f"cdr:{OTHER}:updates"}
    services.keys = {f"{namespace}:updates", f"{namespace}:position", f"{namespace}:w:1", *theirs}
    services.denied = {f"{namespace}:updates"}
    (left,) = remove_keys("redis://x", namespace)
    assert left.name == f"{namespace}:updates" and "no permissions" in left.why
    assert services.keys == {f"{namespace}:updates", *theirs}
    with pytest.raises(redis.exceptions.NoPermissionError):
        clear("redis://x", namespace)
    services.denied.clear()
    assert remove_keys("redis://x", namespace) == []
    assert services.keys == theirs
    services.away = {"redis"}
    assert [each.name for each in remove_keys("redis://x", namespace)] == [f"{namespace}:*"]


def test_an_archive_is_deleted_and_a_refusal_names_the_objects_that_stay(services: OwnServices) -> None:
    prefix = f"{RUN}/flink-2/archive"
    theirs = {"theirs": 1, f"{RUN}/flink/archive/second=1/part-0.parquet": 1}
    services.objects = {f"{prefix}/second=1/part-0.parquet": 7, f"{prefix}/second=2/part-0.parquet": 8, **theirs}
    services.denied = {f"{prefix}/second=2/part-0.parquet"}
    (left,) = remove_archive(BUCKET, prefix)
    assert left.name == f"{prefix}/second=2/part-0.parquet" and "AccessDenied" in left.why
    assert services.objects == {f"{prefix}/second=2/part-0.parquet": 8, **theirs}
    services.away = {"s3"}
    assert [each.name for each in remove_archive(BUCKET, prefix)] == [f"{prefix}/*"]


def test_objects_are_those_of_the_run(services: OwnServices) -> None:
    key = f"{RUN}/flink-2/archive/second=1/part-0.parquet"
    services.objects = {key: 7, f"{RUN}/theirs": 1, "2026/theirs": 1, f"{OTHER}/a/archive/x": 2}
    assert sorted(runs_in(BUCKET)) == [RUN, OTHER]
    assert objects_of_run(BUCKET, RUN) == {key: 7}


def test_names_are_told_together_by_kind_and_reason() -> None:
    many = [Left("Redis key", f"k{number}", "denied") for number in range(NAMES_TOLD + 5)]
    one, other = told([*many, Left("topic", "t", "denied")])
    assert one.startswith("left behind, Redis key: k0, k1, ") and one.endswith("k19 and 5 more (denied)")
    assert other == "left behind, topic: t (denied)"
