"""Contestants: one engine in several ways in one run, compared as engines are."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.conclusions.comparable import check_comparable
from harness.engines.catalogue import find_engines
from harness.evaluation.fault_outcomes import not_applicable, planned_faults
from harness.faults.plan import DueFault
from harness.live_map import replay_choice
from harness.measurement.recording import SUFFIX
from harness.results.result import load_result
from reports.documents.page import escape_markdown
from reports.documents.run import markdown_text
from reports.wording.cautions import cautions
from reports.wording.contestants import differences
from tests.builders.contests import FAST, Contests


@pytest.fixture
def contests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contests:
    return Contests(tmp_path, monkeypatch)


def test_two_contestants_of_one_engine_are_in_one_run_in_turn_and_compared(contests: Contests) -> None:
    result, directory = contests.run()
    assert contests.started == ["baseline-1", "fast-1", "fast-2", "baseline-2"]
    assert [(each.name, each.engine, each.own) for each in result.engines] == [
        ("baseline", "baseline", {}),
        ("fast", "baseline", {"settings": {"batch_wait_ms": 1}, "checkpoint_interval_ms": 700}),
    ]
    assert result.comparison and {(each.a, each.b) for each in result.comparison.ratios} == {("baseline", "fast")}
    assert load_result(directory) == result


def test_only_a_contestants_own_job_has_what_is_set_for_it(contests: Contests) -> None:
    contests.run(1)
    fast, plain = contests.jobs["fast"], contests.jobs["baseline"]
    assert fast["settings"] == {"batch_wait_ms": 1} and plain["settings"] == {}
    assert (fast["checkpoint_interval_ms"], plain["checkpoint_interval_ms"]) == (700, 5000)
    assert fast["input_topic"].endswith("-fast") and plain["input_topic"].endswith("-baseline")
    assert fast["engine"] == plain["engine"] == "baseline"


def test_versions_of_one_engine_are_told_in_result_report_and_comparison(contests: Contests) -> None:
    contests.engines = ("flink", {"name": "new", "engine": "flink", "version": "2.3.0"})
    contests.tells["new"] = "2.3.0"
    result, _ = contests.run(1)
    assert [(each.engine, each.version_tested, each.locked) for each in result.engines] == [("flink", True, {})] * 2
    assert result.valid, result.invalid_reasons
    (told,) = differences(result)
    assert told == "flink and new run flink, and differ in version: 1 in flink, 2.3.0 in new."
    older = result.model_copy(deep=True)
    older.engines[1].version, older.engines[1].own = "2.2.1", {}
    assert "new version: 2.2.1 in OLD, 2.3.0 in NEW" in check_comparable(older, result)
    older.engines[1].version_tested = False
    assert any("new: flink 2.2.1 is not among the tested versions" in each for each in cautions(older))
    assert "not among the tested" not in markdown_text(result, [])


def test_a_run_whose_engine_says_that_it_is_of_another_version_is_invalid(contests: Contests) -> None:
    contests.engines = ({"name": "new", "engine": "flink", "version": "2.3.0"},)
    result, _ = contests.run(1)
    told = "flink 2.3.0 was asked for, and the engine says that it is 1"
    assert any(told in each for each in result.invalid_reasons)


def test_a_killed_run_goes_on_with_its_contestants(contests: Contests) -> None:
    contests.kill("load")
    result, _ = contests.resume()
    assert [(each.name, len(each.trials)) for each in result.engines] == [("baseline", 2), ("fast", 2)]


def test_the_report_tells_what_differs_between_contestants_of_one_engine_and_only_that(contests: Contests) -> None:
    result, _ = contests.run(1)
    (told,) = differences(result)
    assert told == (
        "baseline and fast run baseline, and differ in checkpoint_interval_ms: 5000 in baseline, 700 in fast; "
        "batch_wait_ms: the engine's default in baseline, 1 in fast."
    )
    assert escape_markdown(told) in markdown_text(result, [])


def test_a_plain_name_is_a_contestant_of_that_name_of_the_engine_of_that_name(contests: Contests) -> None:
    contests.engines = ("baseline",)
    result, directory = contests.run(1)
    assert contests.started == ["baseline"]
    assert result.scenario["engines"] == ["baseline"]
    assert differences(result) == []
    found = json.loads((directory / "result.json").read_text())
    for each in found["engines"]:
        del each["engine"], each["own"]  # as older results have it
    (directory / "result.json").write_text(json.dumps(found))
    assert load_result(directory) == result


def test_contestants_by_both_routes_are_in_one_run(contests: Contests) -> None:
    contests.engines = ("baseline", {"name": "near", "engine": "baseline", "route": "direct"})
    result, directory = contests.run(1)
    assert {label: each.topics.aggregates != "" for label, each in contests.settings.items()} == {
        "baseline": True,
        "near": False,
    }
    assert [contests.jobs[each]["route"] for each in ("baseline", "near")] == ["kafka", "direct"]
    assert [each.verdict for each in result.engines] == ["pass", "pass"]
    assert differences(result) == [
        "baseline and near run baseline, and differ in route: kafka in baseline, direct in near."
    ]
    assert load_result(directory) == result


def test_the_map_shows_contestants_by_their_names(contests: Contests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_choice, "read_recording", lambda _path: SimpleNamespace(notes=[]))
    contests.engines = ({"name": "slow", "engine": "baseline", "parallelism": 1}, FAST)
    result, directory = contests.run(1)
    for asked in ([], ["slow", "fast"]):
        shown = replay_choice.choose(result, directory, asked, 1, 1.0).recordings
        assert {name: path.name for name, path in shown.items()} == {
            each: f"{each}{SUFFIX}" for each in ("slow", "fast")
        }


def test_faults_are_told_of_by_contestants_names() -> None:
    engines = {"a": find_engines(["baseline"])[0], "b": find_engines(["flink"])[0], "c": find_engines(["baseline"])[0]}
    (planned,) = planned_faults([[DueFault("engine-jvm-kill", at_s=5, duration_s=4)]], engines)
    assert planned.not_for == ["a", "c"]
    assert [each.engine for each in not_applicable([planned], "c", str)] == ["c"]
    assert not_applicable([planned], "b", str) == []
