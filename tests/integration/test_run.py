"""Whole runs: right counts are proven right, wrong ones wrong, and what cannot be believed is not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from jsonschema import Draft202012Validator

from harness.processes import wait_until
from harness.scenario import load_scenario
from harness.services.s3 import s3_client
from tests.integration.ringbench import (
    RUN_DEADLINE_S,
    SMALL,
    Outcome,
    Ringbench,
    Services,
    outcome,
    write_scenario,
)
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

pytestmark = [pytest.mark.integration, pytest.mark.timeout(RUN_DEADLINE_S)]

SCHEMA = Path(__file__).parent.parent.parent / "docs" / "result.schema.json"
ENGINES = ["spark", "flink", "baseline"]


def expected_of(scenario: str) -> ExpectedCounts:
    """What the seed alone says of a scenario."""
    return expected_counts(Workload(load_scenario(scenario, {}).workload()))


# Engines that count right


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run of all engines on services of its own."""
    directory = tmp_path_factory.mktemp("first")
    with Ringbench(directory, "run", write_scenario(directory, engines=ENGINES), "--json") as run:
        yield outcome(run)


def test_every_engine_passes(first: Outcome) -> None:
    assert first.code == 0, first.stderr
    assert first.result["valid"] and first.result["invalid_reasons"] == []
    assert [(each["name"], each["verdict"], each["reasons"]) for each in first.result["engines"]] == [
        (name, "pass", []) for name in ENGINES
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_every_count_is_right_and_every_malformed_line_accounted_for(first: Outcome, name: str, tmp_path: Path) -> None:
    expected = expected_of(write_scenario(tmp_path))
    found = first.engine(name)["correctness"]
    assert found["expected"] == found["observed"] == len(expected.counts)
    assert found["expected_records"] == sum(expected.counts.values())
    wrong = ("missing", "extra", "mismatched", "lost_records", "surplus_records")
    assert [found[kind] for kind in wrong] == [0, 0, 0, 0, 0]
    malformed = len(expected.malformed_lines)
    assert malformed > 0
    assert found["dead_letters"] == {"expected": malformed, "observed": malformed, "missing": 0, "extra": 0}


@pytest.mark.parametrize("name", ENGINES)
def test_every_record_of_the_measured_time_has_a_latency(first: Outcome, name: str) -> None:
    engine = first.engine(name)
    expected = first.result["truth"]["records"] + first.result["truth"]["malformed"]
    assert engine["generator"]["sent_records"] == engine["generator"]["acked_records"] == expected
    assert engine["latency_ms"]["never_visible_count"] == engine["latency_ms"]["negative_count"] == 0
    assert engine["throughput_records_per_s"]["offered"] == SMALL["rate_records_per_s"]
    assert engine["cost"]["cpu_user_s"] > 0
    assert engine["series"][-1]["visible_records"] == first.result["truth"]["records"]
    assert engine["config"]


def test_the_result_keeps_its_published_shape(first: Outcome) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(first.result)]
    assert errors == []
    assert first.result["truth"]["agrees_with_seed"]
    assert first.result["truth"]["archive_objects"] == SMALL["warmup_s"] + SMALL["duration_s"]


@pytest.mark.parametrize("report", ["report.html", "report.md"])
def test_the_reports_name_every_engine(first: Outcome, report: str) -> None:
    text = (first.directory / report).read_text(encoding="utf-8")
    assert [name for name in ENGINES if name not in text] == []


# The user's own services


@pytest.fixture(scope="module")
def on_own_services(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run with the seed of the first one, on services that hold other things already and must hold them still."""
    directory = tmp_path_factory.mktemp("own-services")
    s3_client(services.s3_endpoint, services.s3_credentials).put_object(Bucket=services.bucket, Key="theirs", Body=b"1")
    with redis.Redis.from_url(services.redis, protocol=2, decode_responses=True) as client:
        client.set("theirs", "1")
        client.set("cdr:theirs", "1")
        before = services.topics(), services.objects(), set(client.keys())
        arguments = ["run", write_scenario(directory), "--json", *services.arguments()]
        with Ringbench(directory, *arguments, env=services.environment()) as run:
            yield outcome(run)
        wait_until(lambda: services.topics() == before[0], deadline_s=30, what="the run's topics are deleted")
        assert (services.topics(), services.objects(), set(client.keys())) == before


def test_a_run_takes_only_its_own_from_the_users_services(on_own_services: Outcome) -> None:
    assert on_own_services.code == 0, on_own_services.stderr
    assert on_own_services.result["valid"]
    assert on_own_services.engine("baseline")["verdict"] == "pass"
    assert on_own_services.result["environment"]["services"]["kafka"] == "external"
