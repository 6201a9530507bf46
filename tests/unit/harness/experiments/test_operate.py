"""Operations are planned by the code that plans faults; what cannot be is refused, with its place and the fix."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.engines.catalogue import find_engines, load_engine
from harness.engines.engine import Engine
from harness.errors import ConfigurationError, UsageError
from harness.experiments.chaos import FAULT_WORK, OPERATION_WORK, ChaosOptions, check_able, check_names, plan_of
from harness.faults.catalogue import BY_NAME, FAULTS, OPERATIONS, STOP_S
from harness.faults.plan import Change
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from harness.trial.fault_options import check_operations

ALL = [each.name for each in OPERATIONS]


def _scenario(*engines: str, **keys: Any) -> Scenario:
    return load_scenario("chaos", {"engines": list(engines), **keys})


def _engines(*names: str) -> dict[str, Engine]:
    return dict(zip(names, find_engines(list(names)), strict=True))


def _chosen(*names: str, to: int | None = 4, only_able: bool = False) -> ChaosOptions:
    return ChaosOptions(
        names or ALL, 1, 1, 120, {"rescale": Change(parallelism=to)}, OPERATION_WORK, only_able=only_able
    )


def _check(chosen: ChaosOptions, *names: str, **keys: Any) -> None:
    check_able(chosen, _scenario(*names, **keys), _engines(*names))


def test_no_operation_is_a_fault_and_no_fault_is_an_operation() -> None:
    assert not set(FAULT_WORK.kinds) & set(OPERATION_WORK.kinds)
    assert {name for name, each in BY_NAME.items() if each.operation} == set(OPERATION_WORK.kinds)
    with pytest.raises(UsageError, match="--fault: unknown fault 'restart'"):
        check_names(["restart"])
    with pytest.raises(UsageError, match="--operation: unknown operation 'engine-kill'"):
        check_names(["engine-kill"], OPERATION_WORK)


def test_each_operation_is_planned_once_with_what_it_changes_and_the_engines_that_cannot() -> None:
    plan = plan_of(_chosen(), _engines("flink", "baseline", "hazelcast"))
    assert sorted(each.fault for each in plan) == sorted(ALL)
    assert sorted(each.trial for each in plan) == list(range(1, len(ALL) + 1)), "each in a trial of its own"
    assert {each.duration_s for each in plan} == {STOP_S} and all(each.operation for each in plan)
    found = {each.fault: each for each in plan}
    assert found["restart"].not_for == ["hazelcast"] and found["restart"].parallelism is None
    assert found["rescale"].not_for == ["baseline", "hazelcast"] and found["rescale"].parallelism == 4
    assert (
        found["rescale"].changes == {"flink": "parallelism 4"} and "one thread" in found["rescale"].why_not["baseline"]
    )


def test_the_plan_of_faults_is_what_it_was_without_operations() -> None:
    chosen = ChaosOptions([each.name for each in FAULTS], 1, 4, 120)
    assert not any(each.operation for each in plan_of(chosen, _engines("baseline")))


def test_what_the_engines_can_is_accepted() -> None:
    _check(_chosen(), "flink", "spark", "kstreams")
    _check(_chosen("restart"), "baseline", "quix", "spark-rtm")
    _check(_chosen(only_able=True), "flink", "baseline")


def test_an_operation_that_an_engine_cannot_do_is_refused_with_its_reason_and_the_way_out() -> None:
    with pytest.raises(UsageError, match="--operation: rescale is not for baseline: it is one thread") as caught:
        _check(_chosen("rescale"), "flink", "baseline")
    assert "leave baseline out" in caught.value.fix
    with pytest.raises(UsageError, match="restart is not for hazelcast: its state is in the memory"):
        _check(_chosen(only_able=True), "hazelcast")


@pytest.mark.parametrize(
    ("to", "words"), [(2, "which is the parallelism of flink already"), (5, "the input topic has 4 partitions")]
)
def test_a_parallelism_that_changes_nothing_or_that_no_task_could_make_use_of_is_refused(to: int, words: str) -> None:
    with pytest.raises(UsageError, match=f"--to-parallelism: rescale to {to}, .*{words}"):
        _check(_chosen("rescale", to=to), "flink")


def test_an_upgrade_by_name_of_an_engine_that_has_nothing_to_be_upgraded_to_is_refused() -> None:
    changes = {"upgrade": Change(unable={"kstreams": "it offers one version"})}
    chosen = ChaosOptions(["upgrade"], 1, 1, 120, changes, OPERATION_WORK, only_able=False)
    with pytest.raises(UsageError, match="--operation: upgrade is not for kstreams: it offers one version"):
        _check(chosen, "flink", "kstreams")
    _check(replace(chosen, only_able=True), "flink", "kstreams")
    assert [each.why_not for each in plan_of(chosen, _engines("flink", "kstreams"))] == [
        {"kstreams": "it offers one version"}
    ]


def test_an_engine_on_a_cluster_of_the_users_own_is_not_operated() -> None:
    settings = {"flink": {"jobmanager": "far.example:8081"}}
    with pytest.raises(UsageError, match="`jobmanager` has flink run on a cluster of your own"):
        _check(_chosen("restart"), "flink", engine_settings=settings)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"parallelism": 2, "operations": [{"kind": "rescale", "at_s": 9, "to_parallelism": 2}]},
            "the parallelism of flink",
        ),
        ({"partitions": 4, "operations": [{"kind": "rescale", "at_s": 9, "to_parallelism": 5}]}, "has 4 partitions"),
        (
            {
                "operations": [{"kind": "restart", "at_s": 9}],
                "engine_settings": {"flink": {"jobmanager": "far.example:8081"}},
            },
            "a cluster of your own",
        ),
    ],
)
def test_operations_of_a_scenario_are_held_to_the_same(keys: dict[str, Any], words: str) -> None:
    scenario = load_scenario("main", {"engines": ["flink"], **keys})
    with pytest.raises(UsageError, match=words):
        check_operations(scenario.fault_plan(), {"flink": scenario.for_contestant("flink")}, _engines("flink"))


@pytest.mark.parametrize(
    "given", ['operations = ["rescale"]', "[operations]\nmove = 'x'", "[operations]\nrescale = ' '"]
)
def test_a_descriptor_names_known_operations_each_with_a_reason(tmp_path: Path, given: str) -> None:
    text = f'name = "mine"\ndescription = ""\nentry = "main.py"\nrequirements = "requirements.lock"\n{given}\n'
    (tmp_path / "engine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="operations: expected a reason for each of restart, rescale, upgrade"):
        load_engine(tmp_path)
