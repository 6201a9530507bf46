"""Only runs of the same workload on the same host are compared, unless asked to, and what else differs is noted."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conclusions.comparable import check_comparable
from harness.errors import UsageError
from tests.builders.two_runs import (
    OLD_RUN,
    run,
    with_engines,
    with_environment,
    with_scenario,
)


def test_runs_alike_are_comparable_without_a_note() -> None:
    other = with_scenario(run(seed=2), name="pull-request", description="the same", engines=["flink", "spark"])
    assert check_comparable(OLD_RUN, other) == []


@pytest.mark.parametrize(
    ("key", "value"), [("host", "ffff"), ("cpu_model", "Other CPU"), ("cpu_count", 64), ("memory_bytes", 2**30)]
)
def test_another_host_is_refused_unless_allowed(key: str, value: Any) -> None:
    other = with_environment(run(seed=2), **{key: value})
    expected = f"{key}: {getattr(OLD_RUN.environment, key)} in OLD, {value} in NEW"
    with pytest.raises(UsageError, match="the host differs") as caught:
        check_comparable(OLD_RUN, other, allow_different_workload=True)
    assert expected in caught.value.message
    assert "--allow-different-host" in caught.value.fix and "--allow-different-workload" not in caught.value.fix
    notes = check_comparable(OLD_RUN, other, allow_different_host=True)
    assert notes == [f"the host differs, allowed by --allow-different-host: {expected}"]


@pytest.mark.parametrize(
    ("key", "value", "before"), [("seed", 43, 42), ("parallelism", 4, 2), ("key_to_come", "x", "none")]
)
def test_another_workload_is_refused_unless_allowed(key: str, value: Any, before: Any) -> None:
    other = with_scenario(run(seed=2), **{key: value})
    expected = f"{key}: {before} in OLD, {value} in NEW"
    with pytest.raises(UsageError, match="the workload differs") as caught:
        check_comparable(OLD_RUN, other, allow_different_host=True)
    assert expected in caught.value.message
    assert "--allow-different-workload" in caught.value.fix and "--allow-different-host" not in caught.value.fix
    notes = check_comparable(OLD_RUN, other, allow_different_workload=True)
    assert notes == [f"the workload differs, allowed by --allow-different-workload: {expected}"]


def test_a_run_from_before_there_was_a_key_had_its_default() -> None:
    assert check_comparable(OLD_RUN, with_scenario(run(seed=2), surges=[])) == []
    surges = [{"county": "Fresno", "at_s": 30, "duration_s": 20, "factor": 3.0}]
    with pytest.raises(UsageError, match=r"surges: \[\] in OLD, \[\{'county': 'Fresno'"):
        check_comparable(OLD_RUN, with_scenario(run(seed=2), surges=surges))


def test_where_the_truth_was_computed_makes_no_difference() -> None:
    truth = {"master": "spark://10.0.0.1:7077", "conf": {}}
    assert check_comparable(OLD_RUN, with_scenario(run(seed=2), truth=truth)) == []


def test_a_run_that_does_not_say_how_its_partitions_were_chosen_had_them_take_turns() -> None:
    assert check_comparable(OLD_RUN, with_scenario(run(seed=2), partitioning="round-robin")) == []
    with pytest.raises(UsageError, match="partitioning: round-robin in OLD, cell in NEW"):
        check_comparable(OLD_RUN, with_scenario(run(seed=2), partitioning="cell"))


def test_all_that_differs_is_named_at_once() -> None:
    other = with_scenario(with_environment(run(seed=2), host="ffff", cpu_count=3), seed=43, parallelism=4)
    with pytest.raises(UsageError) as caught:
        check_comparable(OLD_RUN, other)
    for key in ("host: ", "cpu_count: ", "seed: ", "parallelism: "):
        assert key in caught.value.message
    assert "--allow-different-host" in caught.value.fix and "--allow-different-workload" in caught.value.fix


def test_memory_that_another_kernel_keeps_for_itself_makes_no_other_host() -> None:
    other = with_environment(run(seed=2), memory_bytes=OLD_RUN.environment.memory_bytes - 2**24, kernel="6.2")
    assert check_comparable(OLD_RUN, other) == ["kernel: 6.1 in OLD, 6.2 in NEW"]


def test_software_that_differs_is_noted() -> None:
    services = OLD_RUN.environment.services | {"kafka": "4.3.0"}
    other = with_environment(run(seed=2), java="17", python="3.12.1", commit=None, services=services)
    other = with_engines(other, other.engines[0].model_copy(update={"version": "1.1.0"}))
    assert check_comparable(OLD_RUN, with_scenario(other, limits={"quiet_s": 30.0})) == [
        "java: 21.0.8 in OLD, 17 in NEW",
        "python: 3.11.7 in OLD, 3.12.1 in NEW",
        "commit: 48cbd08 in OLD, none in NEW",
        "kafka: 4.2.0 in OLD, 4.3.0 in NEW",
        "limits.quiet_s: 15.0 in OLD, 30.0 in NEW",
        "flink version: 1.0.0 in OLD, 1.1.0 in NEW",
    ]


def test_settings_of_the_compared_engines_are_noted_only() -> None:
    other = with_scenario(run(seed=2), engine_settings={"flink": {"mini_batch": {"size": 9}}, "spark": {"x": 1}})
    configured = other.engines[0].model_copy(update={"config": other.engines[0].config | {"parallelism": 3}})
    assert check_comparable(OLD_RUN, with_engines(other, configured)) == [
        "flink setting mini_batch.size: none in OLD, 9 in NEW",
        "flink configuration parallelism: 2 in OLD, 3 in NEW",
    ]


def test_a_run_compared_with_itself_and_other_bytes_are_noted() -> None:
    assert check_comparable(OLD_RUN, OLD_RUN) == ["OLD and NEW are the same run, run-1"]
    assert OLD_RUN.truth
    truth = OLD_RUN.truth.model_copy(update={"archive_sha256": "00" * 32})
    notes = check_comparable(OLD_RUN, run(seed=2).model_copy(update={"truth": truth}))
    assert len(notes) == 1 and "archives of the same workload differ" in notes[0]
