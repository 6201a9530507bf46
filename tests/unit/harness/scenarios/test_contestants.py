"""Contestants, in a scenario and on the command line: what each has, and what is wrong in one."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigurationError, UsageError
from harness.scenarios.contestants import parse_contestant
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from harness.scenarios.secrets import check_secrets


def scenario(*engines: str | dict[str, Any], **keys: Any) -> Scenario:
    """A scenario with these under `engines`."""
    return Scenario.model_validate({"name": "x", "engines": list(engines)} | keys)


def test_keys_of_a_contestant_go_there_and_all_others_become_settings() -> None:
    text = "fast=flink:tuning=latency,parallelism=4,flush_interval_ms=2,object_reuse=false,heap=1g,since=2020-01-01"
    assert parse_contestant(text) == {
        "name": "fast",
        "engine": "flink",
        "tuning": "latency",
        "parallelism": 4,
        "settings": {"flush_interval_ms": 2, "object_reuse": False, "heap": "1g", "since": "2020-01-01"},
    }
    assert parse_contestant("a=flink") == {"name": "a", "engine": "flink"}


def test_a_version_stands_after_the_engine_or_by_its_key_and_is_a_text() -> None:
    new = {"name": "new", "engine": "flink", "version": "2.10"}
    assert parse_contestant("new=flink@2.10") == parse_contestant("new=flink:version=2.10") == new
    found = scenario("flink", "flink@2.10", new, engine_settings={"flink": {"flush_rows": 7}})
    assert found.engine_of == {"flink": "flink", "flink-2.10": "flink@2.10", "new": "flink@2.10"}
    assert found.for_contestant("new").model_dump(exclude={"engine_settings"}) == found.model_dump(
        exclude={"engine_settings"}
    )
    assert Scenario.model_validate(found.model_dump(mode="json", exclude_unset=True)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fast", "'fast' is no NAME=ENGINE"),
        ("fast=", "'fast=' is no NAME=ENGINE"),
        ("fast=flink:", "'fast=flink:' is no NAME=ENGINE"),
        ("fast=flink:x", "fast: 'x' is no KEY=VALUE"),
        ("fast=flink:x=", "fast: 'x=' is no KEY=VALUE"),
        ("fast=flink:x=[1", r"fast: x: found '\[1', expected a number"),
        ("fast=flink:x=.nan", "fast: x: found '.nan', expected a number"),
        ("fast=flink:x=1,x=2", "fast: x: it is given twice"),
        ("fast=flink:name=x", "fast: name: it is given twice"),
        ("fast=flink:settings=x", "fast: settings: a setting stands by its own name"),
        ("fast=flink:parallelism=0", "fast: parallelism: found 0; input should be greater than 0"),
        ("fast=flink:route=air", "fast: route: found 'air'; input should be 'kafka' or 'direct'"),
        ("new=flink@", "new: version: found ''; string should match pattern"),
        ("new=flink@../x", "new: version: found '../x'; string should match pattern"),
        ("new=flink@2:version=3", "new: version: it is given twice"),
        ("-a=flink", "the name '-a' cannot be had"),
        ("a/b=flink", "the name 'a/b' cannot be had"),
        (f"{'a' * 42}=flink", "cannot be had"),
        ("rehearsal=flink", "the name 'rehearsal' cannot be had"),
    ],
)
def test_what_is_wrong_in_an_option_is_named(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"^--contestant .*{words}") as caught:
        parse_contestant(text)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (["flink", "flink"], "the name 'flink' is there twice"),
        ([{"name": "a", "engine": "flink"}, {"name": "a", "engine": "spark"}], "the name 'a' is there twice"),
        ([{"name": "a.b", "engine": "flink"}, {"name": "A_b", "engine": "flink"}], "too much alike"),
        ([5], r"engines\.0: found 5; give the name of an engine"),
        (["flink@"], r"engines\.0\.version: found ''; string should match pattern"),
        ([{"name": "a", "engine": "flink", "version": 2.3}], r"engines\.0\.version: found 2\.3; give .* in quotes"),
        ([{"name": "a"}], r"engines\.0\.engine: this key is required"),
        (["spark", {"name": "a", "engine": "flink", "tunig": "x"}], r"engines\.1\.tunig: unknown key.*'tuning'"),
        ([{"name": "a", "engine": "flink", "engine_cpus": -1}], r"engines\.0\.engine_cpus: found -1"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_named(tmp_path: Path, entries: list[Any], words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nengines: {entries}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        load_scenario(str(path), {})
    if "twice" in words:
        with pytest.raises(ConfigurationError, match="--engine or --contestant"):
            load_scenario("main", {"engines": entries})


def test_a_contestant_has_its_own_keys_and_the_scenarios_others() -> None:
    fast = {"name": "fast", "engine": "flink", "route": "direct", "engine_cpus": 1, "settings": {"heap": "1g"}}
    found = scenario("flink", fast, parallelism=3, engine_settings={"flink": {"flush_rows": 7}})
    own = found.for_contestant("fast")
    assert (own.route, own.engine_cpus, own.parallelism) == ("direct", 1, 3)
    assert own.engine_settings == {"flink": {"heap": "1g"}}
    assert found.for_contestant("flink") is found
    assert found.engine_of == {"flink": "flink", "fast": "flink"}


def test_a_scenario_with_contestants_is_read_back_as_it_was_written() -> None:
    entries = ["spark", {"name": "fast", "engine": "flink", "tuning": "", "settings": {"heap": "1g"}}]
    found = scenario(*entries)
    assert found.model_dump()["engines"] == entries
    assert Scenario.model_validate(found.model_dump(mode="json", exclude_unset=True)) == found
    assert scenario({"name": "flink", "engine": "flink"}).model_dump()["engines"] == ["flink"]


def test_a_secret_among_a_contestants_settings_is_refused() -> None:
    with pytest.raises(UsageError, match="fast: the option password looks like a secret"):
        check_secrets(scenario({"name": "fast", "engine": "flink", "settings": {"conf": {"password": "x"}}}))


def test_a_name_on_the_command_line_is_that_of_the_scenarios_contestant(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nengines: [spark, {name: fast, engine: flink, parallelism: 3}]\n", encoding="utf-8")
    found = load_scenario(str(path), {"engines": ["baseline", "fast", {"name": "b", "engine": "flink"}]})
    assert found.engine_of == {"baseline": "baseline", "fast": "flink", "b": "flink"}
    assert found.for_contestant("fast").parallelism == 3
    with pytest.raises(UsageError, match="which have contestants: fast"):
        load_scenario(str(path), {"engines": [{"name": "b", "engine": "flink"}]})
