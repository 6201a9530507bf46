"""Faults in a scenario file: the plan follows from the file alone, and what cannot be is refused, by its place."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.faults.catalogue import BY_NAME
from harness.faults.plan import DueFault
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario


def _load(tmp_path: Path, faults: str, **overrides: object) -> Scenario:
    path = tmp_path / "faulty.yaml"
    path.write_text(f"name: faulty\nduration_s: 60\nfaults: {faults}", encoding="utf-8")
    return load_scenario(str(path), dict(overrides))


def test_faults_are_planned_in_the_order_of_their_times_with_their_kinds_own_lengths(tmp_path: Path) -> None:
    found = _load(tmp_path, "[{kind: redis-lost, at_s: 30}, {kind: engine-stop, at_s: 10, duration_s: 2.5}]")
    assert found.fault_plan() == [
        DueFault("engine-stop", 10, 2.5),
        DueFault("redis-lost", 30, BY_NAME["redis-lost"].duration_s),
    ]


def test_no_faults_are_no_plan() -> None:
    assert load_scenario("main", {}).fault_plan() == []


@pytest.mark.parametrize("faults", ["{random: 1}", "[{random: 1}]"])
def test_random_faults_follow_from_the_seed(tmp_path: Path, faults: str) -> None:
    plans = [_load(tmp_path, faults, seed=seed).fault_plan() for seed in (7, 7, *range(20))]
    assert plans[0] == plans[1]
    assert len({str(plan) for plan in plans}) > 10
    assert all(len(plan) == 1 for plan in plans)


def test_what_is_written_into_the_result_can_be_read_again(tmp_path: Path) -> None:
    found = _load(tmp_path, "[{kind: redis-lost, at_s: 30}]")
    assert found.model_dump()["faults"] == [{"kind": "redis-lost", "at_s": 30.0}]
    assert Scenario.model_validate(found.model_dump()).fault_plan() == found.fault_plan()


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (
            "[{kind: redis-lots, at_s: 9}]",
            ["faults.0.kind", "did you mean 'redis-lost'?", "kafka-kill"],
        ),
        ("[{kind: redis-lost}]", ["faults.0:", "`at_s`"]),
        ("[{at_s: 9}]", ["faults.0:", "`kind`"]),
        ("[{kind: redis-lost, at_s: 1}]", ["faults.0.at_s: found 1", "greater than or equal to 5"]),
        ("[{kind: redis-lost, at_s: 9, times: 2}]", ["faults.0.times", "unknown key", "duration_s"]),
        ("[{kind: redis-lost, at_s: 9, duration_s: '2'}]", ["faults.0.duration_s", "found '2'"]),
        (
            "[{kind: redis-lost, at_s: 9, duration_s: 6}, {kind: engine-stop, at_s: 12}]",
            ["faults.1: engine-stop overlaps faults.0; begin at 15 s or later"],
        ),
        (
            "[{kind: redis-lost, at_s: 58, duration_s: 3.5}]",
            ["faults.0: redis-lost is healed 61.5 s", "which has 60 s", "set `duration_s` to 62 or more"],
        ),
        ("{random: 9}", ["faults: 9 random faults need", "enough for 1", "draw fewer, or raise `duration_s`"]),
        ("{random: 0}", ["faults.random: found 0"]),
        ("[{random: 1, at_s: 9}]", ["faults.0:", "leave out its other keys"]),
        ("[{random: 1}, {kind: redis-lost, at_s: 9}]", ["faults.0: `random` draws a whole plan; give it alone"]),
        ("redis-lost", ["faults: found 'redis-lost'", "list"]),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, faults: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, faults)
    assert all(word in caught.value.message for word in words), caught.value.message
