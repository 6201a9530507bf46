"""A run with faults of its scenario: they are injected when they are due, and verified as any run is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.ringbench import Outcome, Ringbench, outcome, write_scenario

pytestmark = pytest.mark.integration

PLAN = [
    {"kind": "redis-lost", "at_s": 6, "duration_s": 1.5},
    # For engines on a JVM only.
    {"kind": "engine-jvm-kill", "at_s": 13, "duration_s": 1},
]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """The baseline, whose Redis is lost."""
    directory = tmp_path_factory.mktemp("faulty")
    scenario = write_scenario(directory, duration_s=16, allowed_lateness_ms=60_000, faults=PLAN)
    with Ringbench(directory, "run", scenario, "--json") as run:
        yield outcome(run)


def _faults(found: Outcome) -> dict[str, dict[str, Any]]:
    return {each["fault"]: each for each in found.result["resilience"]["faults"]}


def test_the_run_is_verified_against_the_archive_and_passes(faulty: Outcome) -> None:
    assert faulty.result["valid"], faulty.result["invalid_reasons"]
    assert faulty.code == 0, faulty.stderr
    assert faulty.result["truth"]["agrees_with_seed"]
    assert faulty.engine("baseline")["correctness"]["lost_records"] == 0


def test_faults_are_injected_when_they_are_due_and_healed(faulty: Outcome) -> None:
    fault = _faults(faulty)["redis-lost"]
    assert fault["verdict"] == "pass", fault["reasons"]
    assert PLAN[0]["at_s"] <= fault["started_s"] < fault["healed_s"]
    assert fault["worst_staleness_s"] > 0.5


def test_a_fault_that_an_engine_cannot_have_is_planned_and_left_out(faulty: Outcome) -> None:
    assert [each["fault"] for each in faulty.result["resilience"]["plan"]] == [each["kind"] for each in PLAN]
    assert _faults(faulty)["engine-jvm-kill"]["verdict"] == "not applicable"


def test_what_is_normal_is_told_by_the_time_before_the_first_fault(faulty: Outcome) -> None:
    (band,) = faulty.result["resilience"]["controls"]
    assert band["trial"] == "baseline" and band["lag_records"] > 0


def test_terminal_and_report_have_the_table_and_the_picture(faulty: Outcome) -> None:
    assert "redis-lost" in faulty.stderr
    assert "Faults and recovery" in (faulty.directory / "report.md").read_text(encoding="utf-8")
    assert (faulty.directory / "figures" / "resilience.png").stat().st_size > 10_000
    assert json.dumps(faulty.result["scenario"]["faults"]).count("kind") == len(PLAN)
