"""Versions of an engine that come with locks: each counts right beside the default one, and keeps to the contract."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.engines.catalogue import all_engines
from harness.engines.engine import Engine
from harness.engines.prepare import prepare
from harness.engines.versions import default_version, offered_versions
from tests.integration.asked import asking, assert_answered_right
from tests.integration.ringbench import Ringbench, Services, outcome, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.proof]

#: An engine and a version of it, for all that come with locks, but for the default ones.
FURTHER = [
    (engine, version)
    for engine in all_engines([])
    for version in offered_versions(engine)
    if version != default_version(engine)
]


@pytest.fixture(params=FURTHER, ids=lambda each: "@".join((each[0].name, each[1])))
def further(request: pytest.FixtureRequest) -> tuple[Engine, str]:
    """One of them, in the cache before the test, since that takes minutes."""
    engine, version = request.param
    prepare(replace(engine, version=version), print)
    return engine, version


@pytest.mark.parametrize("route", ["kafka", "direct"])
def test_an_upgrade_is_compared_with_what_it_replaces_and_both_count_right(
    further: tuple[Engine, str], route: str, tmp_path: Path, services: Services
) -> None:
    engine, version = further
    contestants = [f"old={engine.name}@{version}", f"new={engine.name}"]
    options = [word for each in contestants for word in ("--contestant", each)]
    scenario = write_scenario(tmp_path, route=route)
    arguments = ["run", scenario, *options, "--trials", "2", "--json", *services.arguments()]
    with Ringbench(tmp_path, *arguments, env=services.environment()) as run:
        found = outcome(run)
    assert found.code == 0, found.stderr
    told = [(each["name"], each["version"], each["version_tested"]) for each in found.result["engines"]]
    assert told == [("old", version, True), ("new", default_version(engine), True)]
    report = (found.directory / "report.md").read_text(encoding="utf-8")
    assert f"differ in version: {version} in old, {default_version(engine)} in new" in report.replace("\\", "")


def test_a_further_version_answers_a_query_of_windows(
    further: tuple[Engine, str], tmp_path: Path, services: Services
) -> None:
    engine, version = further
    scenario = write_scenario(tmp_path, engines=[f"{engine.name}@{version}"], **asking("distinct-callers"))
    with Ringbench(tmp_path, "run", scenario, "--json", *services.arguments(), env=services.environment()) as run:
        found = outcome(run)
    assert found.code == 0, found.stderr
    assert_answered_right(found, f"{engine.name}-{version}", "distinct-callers")


def test_a_further_version_survives_a_kill(further: tuple[Engine, str], tmp_path: Path) -> None:
    engine, version = further
    scenario = write_scenario(
        tmp_path,
        engines=[f"{engine.name}@{version}"],
        duration_s=40,
        faults=[{"kind": "engine-kill", "at_s": 10}],
        malformed_per_million=0,
    )
    with Ringbench(tmp_path, "run", scenario, "--json") as run:
        found = outcome(run)
    assert found.code == 0, found.stderr


def test_a_further_version_keeps_to_the_contract(further: tuple[Engine, str], tmp_path: Path) -> None:
    engine, version = further
    with Ringbench(tmp_path, "conformance", f"{engine.name}@{version}") as run:
        assert run.end() == 0, run.stderr
