"""Operations in a scenario file: planned beside its faults, and what cannot be is refused, by its place."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.faults.catalogue import STOP_S
from harness.faults.plan import Change, DueFault
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario


def _load(tmp_path: Path, operations: str, faults: str = "[]") -> Scenario:
    path = tmp_path / "operated.yaml"
    text = f"name: operated\nduration_s: 90\nparallelism: 1\nfaults: {faults}\noperations: {operations}"
    path.write_text(text, encoding="utf-8")
    return load_scenario(str(path), {})


def test_operations_and_faults_are_one_plan_in_the_order_of_their_times(tmp_path: Path) -> None:
    operations = "[{kind: rescale, at_s: 50}, {kind: restart, at_s: 20}]"
    found = _load(tmp_path, operations, "[{kind: writer-kill, at_s: 10}]")
    assert [(each.fault, each.at_s) for each in found.fault_plan()] == [
        ("writer-kill", 10),
        ("restart", 20),
        ("rescale", 50),
    ]
    assert found.fault_plan()[1] == DueFault("restart", 20, STOP_S, Change())


@pytest.mark.parametrize(
    ("entry", "wanted"), [("{kind: rescale, at_s: 9}", 2), ("{kind: rescale, at_s: 9, to_parallelism: 3}", 3)]
)
def test_a_rescale_is_to_twice_the_parallelism_unless_it_is_said(tmp_path: Path, entry: str, wanted: int) -> None:
    (due,) = _load(tmp_path, entry).fault_plan()
    assert due.change.parallelism == wanted


def test_goals_of_an_upgrade_are_contestants_as_they_are_afterwards(tmp_path: Path) -> None:
    found = _load(tmp_path, "{kind: upgrade, at_s: 9, to: ['flink@2.3.0', 'a=spark:trigger_ms=5']}")
    assert [(each.name, each.runs, each.settings) for each in found.operations[0].goals] == [
        ("flink", "flink@2.3.0", {}),
        ("a", "spark", {"trigger_ms": 5}),
    ]


def test_what_is_written_into_the_result_can_be_read_again(tmp_path: Path) -> None:
    found = _load(tmp_path, "{kind: upgrade, at_s: 9, to: flink@2.3.0}")
    assert found.model_dump()["operations"] == [{"kind": "upgrade", "at_s": 9.0, "to": ["flink@2.3.0"]}]
    assert Scenario.model_validate(found.model_dump()) == found


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ("[{kind: restrat, at_s: 9}]", ["operations.0.kind", "did you mean 'restart'?", "rescale"]),
        ("[{kind: engine-kill, at_s: 9}]", ["operations.0.kind", "unknown operation"]),
        ("[{kind: restart}]", ["operations.0.at_s", "required"]),
        ("[{kind: restart, at_s: 1}]", ["operations.0.at_s: found 1", "greater than or equal to 5"]),
        ("[{kind: restart, at_s: 9, duration_s: 3}]", ["operations.0.duration_s", "unknown key", "to_parallelism"]),
        ("[{kind: restart, at_s: 9, to_parallelism: 3}]", ["operations.0", "`to_parallelism` is of `kind: rescale`"]),
        ("[{kind: rescale, at_s: 9, to: flink@2.3.0}]", ["operations.0", "`to` is of `kind: upgrade`"]),
        ("[{kind: upgrade, at_s: 9, to: 'flink:'}]", ["operations.0.to", "is no NAME=ENGINE", "flink@2.3.0"]),
        (
            "[{kind: restart, at_s: 9}, {kind: restart, at_s: 20}]",
            ["operations.1: restart overlaps operations.0; begin at 29 s or later", "20 s to stop"],
        ),
        ("[{kind: restart, at_s: 80}]", ["operations.0: restart is healed 100 s", "set `duration_s` to 100 or more"]),
        ("restart", ["operations: found 'restart'", "list"]),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, operations: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, operations)
    assert all(word in caught.value.message for word in words), caught.value.message


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ("[{kind: engine-kill, at_s: 15}]", "operations: restart overlaps faults.0; begin at 17 s or later"),
        ("{random: 1}", "operations: operations have fixed times, and `faults` with `random` any"),
    ],
)
def test_an_operation_has_a_time_of_its_own_beside_faults(tmp_path: Path, faults: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, "{kind: restart, at_s: 9}", faults)
    assert words in caught.value.message
