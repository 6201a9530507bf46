"""Versions of an engine: which it offers, where their locks are, and which cannot be."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.engines.catalogue import all_engines, find_engines
from harness.engines.engine import Engine
from harness.engines.versions import (
    default_version,
    environment_name,
    is_tested,
    jars_lock,
    offered_versions,
    requirements_lock,
    version_facts,
)
from harness.errors import ConfigurationError
from harness.provision.jars import read_lock
from release.components import python_requirements

HASH = "0" * 64


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine in version 1.0 that offers 2.0, too; the cache is a folder beside it."""
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "mine"
    for version, place in (("1.0", folder), ("2.0", folder / "versions" / "2.0")):
        place.mkdir(parents=True)
        (place / "requirements.lock").write_text(f"thing==1.0.9\nthe-engine=={version} \\\n    --hash=sha256:{HASH}\n")
        (place / "jars.lock").write_text(f"# of {version}\na.b:connector:{version} {HASH}\n")
    keys: dict[str, Any] = {"name": "mine", "description": "", "entry": "main.py", "requirements": "requirements.lock"}
    return Engine(directory=folder, version_of="the-engine", jars="jars.lock", **keys)


def test_the_default_version_is_that_of_the_engines_own_lock_whichever_is_asked_for(mine: Engine) -> None:
    assert default_version(mine) == default_version(replace(mine, version="2.0")) == "1.0"
    assert default_version(replace(mine, version_of="a.b:connector")) == "1.0"
    assert default_version(replace(mine, version_of="")) == ""
    with pytest.raises(ConfigurationError, match=r"requirements\.lock does not have 'engine'"):
        default_version(replace(mine, version_of="engine"))


def test_a_version_has_the_locks_of_its_own_folder_and_the_default_one_the_engines(mine: Engine) -> None:
    own = (mine.directory / "requirements.lock", mine.directory / "jars.lock")
    for version in ("", "1.0"):
        asked = replace(mine, version=version)
        assert (requirements_lock(asked), jars_lock(asked)) == own and is_tested(asked)
    newer = replace(mine, version="2.0")
    folder = mine.directory / "versions" / "2.0"
    assert (requirements_lock(newer), jars_lock(newer)) == (folder / "requirements.lock", folder / "jars.lock")
    assert offered_versions(mine) == ["1.0", "2.0"] and is_tested(newer)
    assert version_facts(newer) == {"version_tested": True, "locked": {}}
    assert environment_name(requirements_lock(newer)) == "mine-2.0"
    assert environment_name(requirements_lock(mine)) == "mine"


def test_the_locks_of_any_other_version_are_in_the_cache_and_new_ones_if_what_they_are_made_from_changes(
    mine: Engine, tmp_path: Path
) -> None:
    other = replace(mine, version="3.0")
    lock = requirements_lock(other)
    assert lock.is_relative_to(tmp_path / "cache" / "locks") and not is_tested(other)
    (mine.directory / "requirements.in").write_text("the-engine==1.0\n")
    assert requirements_lock(other) != lock


def test_a_version_that_was_not_tested_tells_the_hashes_that_it_is_locked_to(mine: Engine) -> None:
    other = replace(mine, version="3.0")
    (folder := requirements_lock(other).parent).mkdir(parents=True)
    hashes = f"    --hash=sha256:{HASH} \\\n    --hash=sha256:{'1' * 64}\n"
    (folder / "requirements.lock").write_text(f"the-engine==3.0 ; python_version < '4' \\\n{hashes}")
    (folder / "jars.lock").write_text(f"a.b:connector:1.0 {HASH}\n")
    locked = {"the-engine==3.0 ; python_version < '4'": [HASH, "1" * 64], "a.b:connector:1.0": [HASH]}
    assert version_facts(other) == {"version_tested": False, "locked": locked}


def test_engines_are_found_in_versions() -> None:
    plain, old, again = find_engines(["flink", "flink@2.2.1", "spark@4.2.0"])
    assert (plain.version, old.version, again.version) == ("", "2.2.1", "4.2.0")
    assert old.name == "flink" and is_tested(old)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("flnik@2.3.0", "unknown engine 'flnik'"),
        ("flink@../x", r"flink@\.\./x is no version"),
        ("flink@", "flink@ names no version"),
        ("spark-rtm@4.2.0", "spark-rtm@4.2.0: spark-rtm runs in pyspark >=4.3 only"),
    ],
)
def test_what_is_no_version_is_refused(name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        find_engines([name])
    assert "flnik" in name or re.search(r"2\.3\.0, 2\.2\.1|4\.3\.0", caught.value.fix)


def test_versions_that_an_engine_runs_in_are_a_specifier() -> None:
    versions = ["4.3.0", "4.4.0rc1"]
    assert [engine.version for engine in find_engines([f"spark-rtm@{each}" for each in versions])] == versions


def test_an_engine_that_shares_a_lock_does_not_offer_the_versions_of_whose_it_is(mine: Engine, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    sharing = replace(mine, name="other", directory=other, requirements="../mine/requirements.lock")
    assert offered_versions(sharing) == ["1.0"] and default_version(sharing) == "1.0"
    assert not is_tested(replace(sharing, version="2.0"))


def test_an_engine_without_a_version_to_choose_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "engine.toml").write_text(
        'name = "mine"\ndescription = "x"\nentry = "main.py"\nrequirements = "requirements.lock"\n'
    )
    with pytest.raises(ConfigurationError, match=r"mine has no version '1\.0': its engine\.toml has no `version_of`"):
        find_engines(["mine@1.0"], [tmp_path])


def test_every_version_that_comes_with_an_engine_is_in_its_locks_with_hashes() -> None:
    offered = [(engine, version) for engine in all_engines([]) for version in offered_versions(engine)]
    assert {("flink", "2.2.1"), ("spark", "4.2.0")} <= {(engine.name, version) for engine, version in offered}
    for engine, version in offered:
        asked = replace(engine, version=version)
        pinned = python_requirements(requirements_lock(asked))
        assert all(pinned.values()), (engine.name, version)
        jars = [f"{jar.group}:{jar.name}:{jar.version}" for jar in read_lock(jvm)] if (jvm := jars_lock(asked)) else []
        assert f"{engine.version_of}=={version}" in map(str, pinned) or f"{engine.version_of}:{version}" in jars
