"""Engines that count wrong are found out, with the right numbers; one that dies is never said to be right."""

from collections.abc import Iterator

import pytest

from harness.scenarios.loading import load_scenario
from tests.integration.ringbench import (
    FIXTURE_ENGINES,
    Outcome,
    Ringbench,
    Services,
    outcome,
    write_scenario,
)
from workloads.truth import expected_counts
from workloads.workload import Workload

pytestmark = pytest.mark.integration

#: What the broken engines get wrong: one well-formed record in so many.
EVERY = 10_000


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, services: Services) -> Iterator[tuple[Outcome, int]]:
    """One run of the baseline and of its broken copies, and how many records each of these gets wrong."""
    directory = tmp_path_factory.mktemp("broken")
    engines = ["baseline", "lossy", "doubling", "shifting", "crashing"]
    load = {"rate_records_per_s": 8000, "warmup_s": 1, "duration_s": 3, "limits": {"quiet_s": 5.0}}
    scenario = write_scenario(directory, engines=engines, **load)
    expected = expected_counts(Workload(load_scenario(scenario, {}).workload()))
    arguments = ["run", scenario, "--engine-path", str(FIXTURE_ENGINES), "--json", *services.arguments()]
    with Ringbench(directory, *arguments, env=services.environment()) as run:
        yield outcome(run), sum(expected.counts.values()) // EVERY


def test_the_run_is_valid_and_fails(broken: tuple[Outcome, int]) -> None:
    found, wrong = broken
    assert wrong >= 3
    assert found.code == 1, found.stderr
    assert found.result["valid"], found.result["invalid_reasons"]
    assert found.engine("baseline")["verdict"] == "pass"


@pytest.mark.parametrize(
    ("name", "lost", "surplus"), [("lossy", True, False), ("doubling", False, True), ("shifting", True, True)]
)
def test_what_is_wrong_is_reported_exactly(broken: tuple[Outcome, int], name: str, lost: bool, surplus: bool) -> None:
    found, wrong = broken
    engine = found.engine(name)
    assert engine["verdict"] == "fail" and engine["reasons"]
    correctness = engine["correctness"]
    assert correctness["lost_records"] == (wrong if lost else 0)
    assert correctness["surplus_records"] == (wrong if surplus else 0)
    cells = correctness["missing"] + correctness["extra"] + correctness["mismatched"]
    assert 0 < cells <= wrong * (lost + surplus)


def test_an_engine_that_dies_is_never_right(broken: tuple[Outcome, int]) -> None:
    engine = broken[0].engine("crashing")
    assert engine["verdict"] in ("fail", "unknown")
    assert any("as it was made to" in reason for reason in engine["reasons"])
