"""What an upgrade starts: by default the newest version that an engine offers; else what is given, if that can be."""

from pathlib import Path
from typing import Any

import pytest

from harness.engines.catalogue import find_engines, load_engine
from harness.engines.upgrades import NEWEST, ONE_VERSION, due_faults, started_by, upgrades_of
from harness.engines.versions import offered_versions
from harness.errors import ConfigurationError, RingbenchError, UsageError
from harness.faults.plan import Change, DueFault
from harness.scenarios.contestants import UPGRADE_OPTION, parse_upgrade
from harness.scenarios.loading import load_scenario

FLINK = find_engines(["flink"])[0]
NEWER, OLDER = offered_versions(FLINK)
OLD = f"flink@{OLDER}"


def _upgrades(*to: str, engines: list[Any], **keys: Any) -> Change:
    scenario = load_scenario("chaos", {"engines": engines, **keys})
    return upgrades_of(scenario, [parse_upgrade(each) for each in to], [], UPGRADE_OPTION)


def test_without_a_goal_an_engine_gets_the_newest_version_that_its_folder_offers() -> None:
    found = _upgrades(engines=[OLD, "baseline"])
    name = f"flink-{OLDER}"
    assert started_by([DueFault("upgrade", 5, 20, found)] * 2) == [f"flink@{NEWER}"]
    assert found.told(name) == f"flink@{NEWER}" and found.upgrades[name].version == NEWER
    assert found.unable == {"baseline": ONE_VERSION} and found.told("baseline") is None


def test_an_engine_in_its_newest_version_has_nothing_to_be_upgraded_to() -> None:
    told = NEWEST.format(older=OLD)
    assert _upgrades(engines=["flink", f"flink@{NEWER}"]).unable == {"flink": told, f"flink-{NEWER}": told}


def test_an_engine_that_cannot_be_upgraded_is_not_asked_for_its_versions() -> None:
    found = _upgrades(engines=["hazelcast"])
    assert (found.upgrades, found.unable) == ({}, {})


def test_settings_are_those_from_before_then_those_of_the_new_tuning_then_the_given_ones() -> None:
    own = {"flink": {"flush_rows": 7, "flush_interval_ms": 9, "buffer_timeout_ms": 9}}
    found = _upgrades("flink:tuning=latency,flush_interval_ms=3", engines=["flink"], engine_settings=own)
    upgrade = found.upgrades["flink"]
    assert upgrade.settings == {"flush_rows": 7, "flush_interval_ms": 3, "buffer_timeout_ms": 1}
    assert (upgrade.engine, upgrade.version) == ("flink", ""), "it stays in its version"
    assert upgrade.told == "flush_interval_ms=3, buffer_timeout_ms=1"


def test_one_of_several_contestants_is_named_as_contestants_are() -> None:
    older = {"engine": "flink", "version": OLDER}
    both = [older | {"name": "a", "settings": {"flush_rows": 7}}, older | {"name": "b"}]
    found = _upgrades(f"a=flink@{NEWER}:flush_interval_ms=2", engines=both)
    assert found.told("a") == f"flink@{NEWER}, flush_interval_ms=2"
    assert found.upgrades["a"].settings == {"flush_rows": 7, "flush_interval_ms": 2}
    assert found.told("b") == f"flink@{NEWER}", "the other one gets the newest version"


def test_an_upgrade_to_an_older_version_has_to_be_asked_for() -> None:
    found = _upgrades(f"new={OLD}", engines=[{"name": "new", "engine": "flink", "version": NEWER}])
    assert found.upgrades["new"].version == OLDER


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("flink", "--to flink: that is what it is already"),
        ("flink:flush_interval_ms=20", "that is what it is already"),
        ("kstreams:linger_ms=5", "--to kstreams: there is no contestant of that name"),
        ("flush_interval_ms=200", "--to flush_interval_ms: there is no contestant of that name"),
        ("flink=spark@4.2.0", "--to flink: spark cannot go on from the state of flink"),
        ("flink:parallelism=4", "parallelism: an upgrade changes version, tuning and settings, and nothing else"),
        ("flink:delivery=exactly-once", "delivery: an upgrade changes version"),
        ("flink:checkpoint_dir=/x", "--to flink: no upgrade can change checkpoint_dir of flink: its state is there"),
        ("spark:state_store=rocksdb", "no upgrade can change state_store of spark: its first checkpoint fixes it"),
        ("flink:flush_interval=200", "the engine flink has no setting 'flush_interval'"),
        ("flink:tuning=speed", "the engine flink has no tuning 'speed'"),
        ("flink:", "--to 'flink=flink:' is no NAME=ENGINE"),
        ("flink@", "version"),
    ],
)
def test_what_cannot_be_upgraded_to_is_refused_by_its_name(to: str, words: str) -> None:
    with pytest.raises(RingbenchError) as caught:
        _upgrades(to, engines=["flink", "spark"])
    assert words in caught.value.message and "--contestant" not in caught.value.message


def test_what_upgrades_of_a_scenario_start_stands_in_its_plan() -> None:
    operations = [
        {"kind": "upgrade", "at_s": 9},
        {"kind": "restart", "at_s": 40},
        {"kind": "upgrade", "at_s": 70, "to": "baseline:linger_ms=5"},
    ]
    scenario = load_scenario("main", {"engines": [OLD, "baseline"], "duration_s": 90, "operations": operations})
    first, restart, last = due_faults(scenario, [])
    assert started_by([first, restart]) == [f"flink@{NEWER}"] and restart.change == Change()
    assert [each.change.told("baseline") for each in (first, restart, last)] == [None, None, "linger_ms=5"]
    assert list(first.change.unable) == ["baseline"] and last.change.unable == {}


def test_a_goal_of_a_scenario_is_refused_by_its_place() -> None:
    operations = [{"kind": "upgrade", "at_s": 9, "to": "spark:linger_ms=5"}]
    with pytest.raises(UsageError, match="`operations`: to spark: there is no contestant of that name"):
        due_faults(load_scenario("main", {"engines": ["flink"], "operations": operations}), [])


def test_a_goal_is_given_once() -> None:
    with pytest.raises(UsageError, match="--to flink: it is given twice"):
        _upgrades(OLD, "flink:flush_interval_ms=2", engines=["flink"])


def test_a_descriptor_gives_a_reason_for_each_setting_that_no_upgrade_can_change(tmp_path: Path) -> None:
    text = 'name = "mine"\ndescription = ""\nentry = "main.py"\nrequirements = "requirements.lock"\n'
    (tmp_path / "engine.toml").write_text(f'{text}fixed_settings = ["tasks"]\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="fixed_settings: expected a reason for each setting"):
        load_engine(tmp_path)
