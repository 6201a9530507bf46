"""What contestants run, and that engines have what is set for them."""

import ast
from pathlib import Path
from typing import Any

import pytest

from harness.engines.catalogue import ENGINES, load_engine
from harness.engines.contestants import check_settings, find_contestants
from harness.engines.placement import Placement, placed
from harness.engines.tuning import tuned
from harness.errors import ConfigurationError
from harness.scenarios.scenario import Scenario

FAST = {"name": "fast", "engine": "flink"}


def scenario(*engines: str | dict[str, Any], **keys: Any) -> Scenario:
    """A scenario with these under `engines`."""
    return Scenario.model_validate({"name": "x", "engines": list(engines)} | keys)


def check(found: Scenario) -> None:
    """Check its contestants, and their settings."""
    check_settings(find_contestants(found, []), found)


def settings(found: Scenario, name: str, engine: str = "flink") -> dict[str, Any]:
    """Those that the engine of a contestant is given."""
    return found.for_contestant(name).engine_settings.get(engine, {})


def test_contestants_of_one_engine_run_the_same_engine() -> None:
    found = find_contestants(scenario("flink", FAST, "baseline"), [])
    assert list(found) == ["flink", "fast", "baseline"] and found["fast"] is found["flink"]


def test_contestants_of_one_engine_run_it_in_versions_of_their_own() -> None:
    found = find_contestants(scenario("flink", "flink@2.2.1", FAST | {"version": "2.3.0"}), [])
    assert {name: engine.version for name, engine in found.items()} == {
        "flink": "",
        "flink-2.2.1": "2.2.1",
        "fast": "2.3.0",
    }


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"name": "a", "engine": "flnik"}], "unknown engine 'flnik'"),
        ([{"name": "spark", "engine": "flink"}], "the contestant 'spark' .* runs flink, and spark is another engine"),
        ([FAST | {"settings": {"flush_ms": 2}}], "'fast': the engine flink has no setting 'flush_ms'"),
        ([FAST | {"tuning": "speed"}], "the engine flink has no tuning 'speed'"),
        ([{"name": "a", "engine": "synthetic", "tuning": "latency"}], "'a': the engine synthetic has no tuning"),
    ],
)
def test_what_an_engine_lacks_is_named(entries: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        check(tuned(scenario(*entries), []))


def test_a_setting_that_an_engine_by_its_own_name_lacks_is_named_too() -> None:
    with pytest.raises(ConfigurationError, match=r"`engine_settings`.* has no setting 'flush_ms'"):
        check(scenario("flink", engine_settings={"flink": {"flush_ms": 2}}))


def test_a_contestants_settings_go_before_the_scenarios_and_these_before_those_of_its_own_tuning() -> None:
    fast = FAST | {"tuning": "latency", "settings": {"flush_rows": 9}}
    found = scenario(
        "flink", fast, tuning="throughput", engine_settings={"flink": {"buffer_timeout_ms": 3, "heap": "1g"}}
    )
    once = tuned(found, [])
    own = {"flush_interval_ms": 5, "buffer_timeout_ms": 3, "heap": "1g", "flush_rows": 9}
    assert settings(once, "fast") == own
    assert settings(once, "flink") == tuned(scenario("flink", **_rest(found)), []).engine_settings["flink"]
    again = Scenario.model_validate(once.model_dump(mode="json", exclude_unset=True))
    assert settings(again, "fast") == own


def _rest(found: Scenario) -> dict[str, Any]:
    return found.model_dump(include={"tuning", "engine_settings"})


def test_a_cluster_of_the_users_own_is_for_all_contestants_that_run_its_engine() -> None:
    found = placed(scenario("flink", FAST), Placement(flink_jobmanager="127.0.0.1:8081", flink_conf=["a=b"]))
    expected = {"jobmanager": "127.0.0.1:8081", "conf": {"a": "b"}}
    assert settings(found, "fast") == settings(found, "flink") == expected


#: Scenarios with records that are too late, by the key that the refusal names.
LATE: dict[str, dict[str, Any]] = {
    "disorder": {"disorder": {"far_late": {"share": 0.1, "delay_ms": 1000}}},
    "duplicates_per_million": {"duplicates_per_million": 5},
}


@pytest.mark.parametrize("key", LATE)
@pytest.mark.parametrize(("trigger", "words"), [({}, "is not set"), ({"trigger_ms": 5001}, "is 5001")])
def test_an_engine_that_would_keep_late_records_is_refused_where_there_are_any(
    key: str, trigger: dict[str, int], words: str
) -> None:
    slow = scenario("flink", "spark-rtm", engine_settings={"spark-rtm": trigger}, **LATE[key])
    with pytest.raises(
        ConfigurationError, match=f"`{key}`.*'spark-rtm' would count .*trigger_ms, which {words}"
    ) as caught:
        check_settings(find_contestants(slow, []), slow)
    assert "set trigger_ms to 5000 under `engine_settings` for spark-rtm" in caught.value.fix


def test_late_records_are_for_an_engine_that_is_set_to_drop_them_in_time_and_nothing_is_asked_without_any() -> None:
    quick = {"name": "quick", "engine": "spark-rtm", "settings": {"trigger_ms": 5000}}
    for found in (scenario("flink", quick, **LATE["disorder"]), scenario("spark-rtm")):
        check_settings(find_contestants(found, []), found)


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in ENGINES.glob("*/engine.toml")), ids=lambda it: it.name
)
def test_descriptors_have_the_settings_of_the_engines_with_their_defaults(folder: Path) -> None:
    """As they stand in the engine's own code, which the harness never imports."""
    engine = load_engine(folder)
    # An entry that has no settings has them from a module beside it.
    paths = dict.fromkeys([engine.program / Path(engine.entry).name, *engine.program.glob("*.py")])
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    defaults, *_ = (
        ast.literal_eval(each.value)
        for tree in trees
        for each in tree.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.value, ast.Dict)
        if isinstance(each.target, ast.Name) and each.target.id == "DEFAULT_SETTINGS"
    )
    assert repr(engine.settings) == repr(defaults)  # false is 0 otherwise
