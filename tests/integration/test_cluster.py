"""Spark and Flink on clusters of their own, of which a worker is killed, and the broker that leads a partition.

The faults are those of the scenario: a run injects them when they are due, and is verified as any run is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.engines.catalogue import find_engines
from harness.engines.clusters import start_cluster
from harness.engines.prepare import prepare
from harness.provision.java import ensure_java
from tests.integration.ringbench import Outcome, Ringbench, outcome, write_scenario

pytestmark = pytest.mark.integration

OWN = {"spark": "worker-kill", "flink": "taskmanager-kill"}
#: Spark's first micro-batch compiles for seconds; what is normal must show before the first fault.
WARMUP_S = {"spark": 20, "flink": 10}
DURATION_S = 26
PLAN = [
    {"kind": "worker-kill", "at_s": 6, "duration_s": 1.5},
    {"kind": "taskmanager-kill", "at_s": 7.5, "duration_s": 1.5},
    {"kind": "broker-leader-kill", "at_s": 16, "duration_s": 6},
]
#: A run of Flink shows what clusters have in common; Spark's is among the proofs.
ENGINES = pytest.mark.parametrize("harmed", [pytest.param("spark", marks=pytest.mark.proof), "flink"], indirect=True)


@dataclass(frozen=True)
class Harmed:
    """A run of one engine on a cluster that was harmed."""

    engine: str
    outcome: Outcome


@pytest.fixture(scope="module")
def harmed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harmed:
    """An engine, harmed where it can be."""
    directory, engine = tmp_path_factory.mktemp("harmed"), request.param
    scenario = write_scenario(
        directory,
        rate_records_per_s=2000,
        warmup_s=WARMUP_S[engine],
        duration_s=DURATION_S,
        allowed_lateness_ms=120_000,
        engines=[engine],
        faults=PLAN,
        archivers=2,
        redis_writers=2,
        probes=2,
        limits={"quiet_s": 20.0},
    )
    with Ringbench(directory, "run", scenario, "--cluster", "--json") as run:
        return Harmed(engine, outcome(run))


@pytest.mark.proof
def test_the_truth_of_a_cluster_and_two_archivers_is_the_one_that_is_computed_here_of_one(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path)
    with Ringbench(tmp_path / "here", "run", scenario, "--json") as run:
        here = outcome(run)
    (spark,) = find_engines(["spark"])
    # As `services up --cluster` starts it.
    environment = {"JAVA_HOME": str(ensure_java(print).home)}
    with start_cluster(prepare(spark, print), tmp_path / "spark", 2, environment, print) as cluster:
        options = ("--truth-master", cluster.address, "--archivers", "2", "--json")
        with Ringbench(tmp_path / "there", "run", scenario, *options, env=dict(cluster.environment)) as run:
            there = outcome(run)
    truths = [dict(each.result["truth"]) for each in (here, there)]
    assert [each.pop("master") for each in truths] == ["local[2]", cluster.address]
    assert all(each.pop("elapsed_s") > each.pop("start_s") > 0 for each in truths)
    assert [each.pop("archive_objects") for each in truths] == [8, 16], "of eight seconds"
    assert truths[0].pop("archive_sha256") != truths[1].pop("archive_sha256")
    assert truths[0] == truths[1] and truths[0]["malformed"] > 0 and truths[0]["agrees_with_seed"]
    assert here.code == there.code == 0, there.stderr


def _faults(found: Outcome) -> dict[str, dict[str, Any]]:
    return {each["fault"]: each for each in found.result["resilience"]["faults"]}


@ENGINES
def test_nothing_is_lost_and_nothing_counted_twice(harmed: Harmed) -> None:
    assert harmed.outcome.result["valid"], harmed.outcome.result["invalid_reasons"]
    truth = harmed.outcome.result["truth"]
    assert truth["agrees_with_seed"]
    assert truth["archive_objects"] == 2 * (WARMUP_S[harmed.engine] + DURATION_S), "of two archivers"
    found = harmed.outcome.engine(harmed.engine)
    assert found["verdict"] == "pass", found["reasons"]
    assert found["correctness"]["lost_records"] == found["correctness"]["surplus_records"] == 0
    assert harmed.outcome.code == 0, harmed.outcome.stderr


@ENGINES
def test_a_worker_and_a_broker_are_lost_and_it_shows(harmed: Harmed) -> None:
    faults = _faults(harmed.outcome)
    due_s = {each["kind"]: each["at_s"] for each in PLAN}
    assert [each["fault"] for each in harmed.outcome.result["resilience"]["plan"]] == list(due_s)
    for kind in (OWN[harmed.engine], "broker-leader-kill"):
        assert due_s[kind] <= faults[kind]["started_s"] < faults[kind]["healed_s"]
        # Without a lost executor, or a restart of tasks, it would be `unknown`.
        assert faults[kind]["verdict"] == "pass", faults[kind]["reasons"]
        assert faults[kind]["worst_staleness_s"] > 0.5
        assert faults[kind]["restarts"] == [], "the engine's own process was not harmed"
    (other,) = {*OWN.values()} - {OWN[harmed.engine]}
    assert faults[other]["verdict"] == "not applicable"


@ENGINES
def test_what_is_normal_is_told_by_the_time_before_the_first_fault(harmed: Harmed) -> None:
    (band,) = harmed.outcome.result["resilience"]["controls"]
    assert band["trial"] == harmed.engine and band["lag_records"] > 0


@ENGINES
def test_terminal_and_report_have_the_table_and_the_picture(harmed: Harmed) -> None:
    found = harmed.outcome
    assert "broker-leader-kill" in found.stderr
    assert "Faults and recovery" in (found.directory / "report.md").read_text(encoding="utf-8")
    assert (found.directory / "figures" / "resilience.png").stat().st_size > 10_000
    assert [each["kind"] for each in found.result["scenario"]["faults"]] == [each["kind"] for each in PLAN]


@ENGINES
def test_the_cost_is_that_of_the_cluster_too(harmed: Harmed) -> None:
    (trial,) = harmed.outcome.engine(harmed.engine)["trials"]
    names = {each["name"] for each in trial["other_costs"]}
    assert {"kafka", "kafka 2", "kafka 3", "redis", "redis 2"} <= names
    assert not any(harmed.engine in name for name in names), "what belongs to the engine is not another process"
    # A driver or a client alone is far smaller than a JVM for each of five processes.
    assert trial["cost"]["rss_bytes_peak"] > 1000 * 2**20
    assert harmed.outcome.result["environment"]["services"]["kafka"].endswith("3 of them")
