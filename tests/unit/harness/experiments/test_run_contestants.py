"""Contestants: one engine in several ways in one run, compared as engines are."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.conclusions.comparable import check_comparable
from harness.console.progress import ConsoleWatcher
from harness.experiments.run import run
from harness.results.result import Result, load_result
from harness.scenarios.scenario import Scenario
from harness.trial.outcome import Trial
from harness.trial.setting import Setting
from reports.documents.run import escape_markdown, markdown_text
from reports.wording.cautions import cautions
from reports.wording.contestants import differences
from tests.builders.runs import SCENARIO, Runs

FAST = {"name": "fast", "engine": "baseline", "settings": {"batch_wait_ms": 1}, "checkpoint_interval_ms": 700}


class Contests(Runs):
    """Runs of `engines`; `jobs` are the job files of the trials' engines, by label, and `tells` their versions."""

    engines: Sequence[str | dict[str, Any]] = ("baseline", FAST)
    jobs: dict[str, dict[str, Any]]
    tells: dict[str, str]

    def _trial(self, setting: Setting) -> Trial:
        trial = super()._trial(setting)
        self.jobs[setting.options.label] = json.loads(setting.engine_job.read_text())
        trial.version = self.tells.get(setting.options.label, trial.version)
        return trial

    def run(self, trials: int = 2) -> tuple[Result, Path]:
        """A run, by the command's own function."""
        with ConsoleWatcher(Console(file=self._output, width=1000)) as watcher:
            return run(
                Scenario.model_validate(SCENARIO | {"engines": list(self.engines)}), trials, self.options(), watcher
            )


@pytest.fixture
def contests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contests:
    found = Contests(tmp_path, monkeypatch)
    found.jobs, found.tells = {}, {}
    return found


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
