"""Spark and Flink on clusters of their own, of which a worker is killed, and the broker that leads a partition."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.ringbench import RUN_DEADLINE_S, Outcome, Ringbench, outcome, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.alone, pytest.mark.timeout(RUN_DEADLINE_S)]

PLAN = [
    {"kind": "worker-kill", "at_s": 8, "duration_s": 1.5},
    {"kind": "taskmanager-kill", "at_s": 9.5, "duration_s": 1.5},
    {"kind": "broker-leader-kill", "at_s": 18, "duration_s": 6},
]
OWN = {"spark": "worker-kill", "flink": "taskmanager-kill"}
ENGINES = pytest.mark.parametrize("engine", OWN)


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """Both engines, each harmed where it can be."""
    directory = tmp_path_factory.mktemp("harmed")
    scenario = write_scenario(
        directory,
        rate_records_per_s=2000,
        # Spark's first micro-batch compiles for seconds; what is normal must show before the first fault.
        warmup_s=20,
        duration_s=27,
        allowed_lateness_ms=120_000,
        engines=list(OWN),
        faults=PLAN,
        limits={"quiet_s": 20.0},
    )
    with Ringbench(directory, "run", scenario, "--cluster", "--json") as run:
        yield outcome(run)


def _faults(found: Outcome, engine: str) -> dict[str, dict[str, Any]]:
    return {each["fault"]: each for each in found.result["resilience"]["faults"] if each["engine"] == engine}


@ENGINES
def test_nothing_is_lost_and_nothing_counted_twice(harmed: Outcome, engine: str) -> None:
    assert harmed.result["valid"], harmed.result["invalid_reasons"]
    assert harmed.result["truth"]["agrees_with_seed"]
    found = harmed.engine(engine)
    assert found["verdict"] == "pass", found["reasons"]
    assert found["correctness"]["lost_records"] == found["correctness"]["surplus_records"] == 0
    assert harmed.code == 0, harmed.stderr


@ENGINES
def test_a_worker_and_a_broker_are_lost_and_it_shows(harmed: Outcome, engine: str) -> None:
    faults = _faults(harmed, engine)
    for kind in (OWN[engine], "broker-leader-kill"):
        # Without a lost executor, or a restart of tasks, it would be `unknown`.
        assert faults[kind]["verdict"] == "pass", faults[kind]["reasons"]
        assert faults[kind]["worst_staleness_s"] > 0.5
        assert faults[kind]["restarts"] == [], "the engine's own process was not harmed"
    (other,) = {*OWN.values()} - {OWN[engine]}
    assert faults[other]["verdict"] == "not applicable"


@ENGINES
def test_the_cost_is_that_of_the_cluster_too(harmed: Outcome, engine: str) -> None:
    (trial,) = harmed.engine(engine)["trials"]
    names = {each["name"] for each in trial["other_costs"]}
    assert {"kafka", "kafka 2", "kafka 3", "redis", "redis 2"} <= names
    assert not any(engine in name for name in names), "what belongs to the engine is not another process"
    # A driver or a client alone is far smaller than a JVM for each of five processes.
    assert trial["cost"]["rss_bytes_peak"] > 1000 * 2**20
    assert harmed.result["environment"]["services"]["kafka"].endswith("3 of them")
