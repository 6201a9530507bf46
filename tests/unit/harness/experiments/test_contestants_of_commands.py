"""Contestants in every command that drives engines: each under its own name, with what is set for it alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engines.contestants import find_contestants
from harness.evaluation.fault_outcomes import Done
from harness.experiments import chaos, sweep
from harness.experiments.loadtest import run as loadtest
from harness.experiments.scale import run as scale
from harness.experiments.soak import run as soak
from harness.live_map.load_process import LoadOptions
from harness.live_map.user_experience import ExperienceBounds
from harness.results.resilience import ControlBand
from harness.results.result import load_result
from harness.results.scale import load_scale
from harness.results.sweep import load_sweep
from reports.documents.run import markdown_text
from reports.documents.scale import draw_scale, scale_document
from reports.documents.sweep import sweep_document
from reports.wording.contestants import differences
from reports.wording.sweep import per_core_notes
from tests.builders.contests import FAST, Contests

OWN = {"settings": {"batch_wait_ms": 1}, "checkpoint_interval_ms": 700}
TOLD = [("baseline", "baseline", {}), ("fast", "baseline", OWN)]
#: What reports say of the two.
DIFFER = "baseline and fast run baseline, and differ in checkpoint_interval_ms: 5000 in baseline, 700 in fast;"


@pytest.fixture
def contests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contests:
    return Contests(tmp_path, monkeypatch)


def told(engines: Sequence[Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """What a result tells of its contestants."""
    return [(each.name, each.engine, each.own) for each in engines]


def _band(done: Done, _end_s: float) -> ControlBand:
    """Fakes measure nothing, from which it could be told what is normal."""
    return ControlBand(engine=done.engine, trial=done.trial.label, lag_records=1, latency_ms_p99=1, worst_staleness_s=1)


def assert_own(contests: Contests, plain: str, fast: str) -> None:
    """Of two trials, only the one of `fast` had what is set for it; both ran the same engine."""
    jobs = contests.jobs
    assert [jobs[each]["checkpoint_interval_ms"] for each in (plain, fast)] == [5000, 700]
    assert [jobs[each]["settings"] for each in (plain, fast)] == [{}, {"batch_wait_ms": 1}]
    assert [jobs[each]["engine"] for each in (plain, fast)] == ["baseline", "baseline"]
    assert all(jobs[each]["input_topic"].endswith(f"-{each}") for each in (plain, fast))


def test_a_sweep_searches_each_contestant_and_goes_on_with_them(contests: Contests) -> None:
    contests.stand_in(sweep)
    scenario = contests.scenario(duration_s=10)
    search = sweep.SweepOptions(lowest=100, highest=100)
    contests.fails("load", KeyboardInterrupt(), trial=2)
    first, directory = sweep.sweep(scenario, search, contests.options(), contests.watcher)
    assert first.missing and not first.finished
    contests.heal()
    found, again = sweep.sweep(scenario, search, contests.options(), contests.watcher)
    assert again == directory and load_sweep(directory / "sweep.json") == found
    assert found.finished and told(found.engines) == TOLD
    assert_own(contests, "baseline-1", "fast-1")
    assert DIFFER in sweep_document(found).markdown().replace("\\", "")


def test_the_rate_by_core_is_that_of_the_contestants_own_cores(contests: Contests) -> None:
    contests.stand_in(sweep)
    contests.engines = ("baseline", {"name": "one", "engine": "baseline", "engine_cpus": 1})
    # Nothing can be kept on cores of its own here.
    found, _ = sweep.sweep(
        contests.scenario(duration_s=10),
        sweep.SweepOptions(lowest=100, highest=100),
        contests.options(),
        contests.watcher,
    )
    for each in found.engines:
        each.answer = sweep.SweepAnswer(
            rate_records_per_s=100,
            failed_records_per_s=None,
            at_least=True,
            knee_records_per_s=None,
        )
    assert per_core_notes(found) == ["one: 100 records/s and core held, on 1 core of its own."]


def test_an_older_sweep_and_scaling_ran_engines_by_their_own_names() -> None:
    assert told(
        [
            sweep.SweepEngine.model_validate({"name": "flink", "version": None, "attempts": [], "answer": None}),
            scale.ScaleEngine.model_validate({"name": "spark", "version": None}),
        ]
    ) == [("flink", "flink", {}), ("spark", "spark", {})]


def test_a_scaling_measures_each_contestant_at_each_point_and_goes_on_with_them(contests: Contests) -> None:
    contests.stand_in(scale)
    options = scale.ScaleOptions(rates=[100], partitions=[2, 4], keys=["california"], parallelism=[1])
    contests.fails("load", KeyboardInterrupt(), trial=4)
    first, directory = scale.scale(contests.scenario(), options, contests.options(), contests.watcher)
    assert first.missing and len(first.trials) == 3
    contests.heal()
    found, again = scale.scale(contests.scenario(), options, contests.options(), contests.watcher)
    assert again == directory and load_scale(directory / "scale.json") == found
    assert found.finished and told(found.engines) == TOLD
    assert [each.engine for each in found.trials] == ["baseline", "fast", "fast", "baseline", "baseline", "fast"]
    assert_own(contests, "baseline-1", "fast-2")
    assert DIFFER in scale_document(found, draw_scale(found)).markdown().replace("\\", "")


def test_chaos_harms_each_contestant_and_tells_of_each_by_its_name(
    contests: Contests, monkeypatch: pytest.MonkeyPatch
) -> None:
    contests.stand_in(chaos)
    monkeypatch.setattr(chaos, "control_band", _band)
    chosen = chaos.ChaosOptions(["engine-stop", "engine-jvm-kill"], seed=1, per_trial=1, recover_within_s=5)
    result, directory = chaos.chaos(contests.scenario(), chosen, contests.options(), contests.watcher)
    assert load_result(directory) == result
    assert told(result.engines) == [
        ("baseline", "baseline", {}),
        ("baseline-faults", "baseline", {}),
        ("fast", "baseline", OWN),
        ("fast-faults", "baseline", OWN),
    ]
    assert_own(contests, "baseline-control", "fast-control")
    assert result.resilience
    assert [each.not_for for each in result.resilience.plan if each.fault == "engine-jvm-kill"] == [
        ["baseline", "fast"]
    ]
    assert [(each.engine, each.fault) for each in result.resilience.faults] == [
        (name, fault) for name in ("baseline", "fast") for fault in ("engine-stop", "engine-jvm-kill")
    ]
    assert [each.engine for each in result.resilience.controls] == ["baseline", "fast"]
    assert [each.partition(" batch")[0] for each in differences(result)] == [DIFFER]


def test_a_soak_has_a_trial_of_each_contestant(contests: Contests) -> None:
    contests.stand_in(soak)
    chosen = soak.SoakOptions(faults_per_hour=0, percent_per_hour=10)
    result, directory = soak.soak(contests.scenario(), chosen, contests.options(), contests.watcher)
    assert load_result(directory) == result
    assert told(result.engines) == TOLD
    assert result.soak and [(each.engine, each.trial) for each in result.soak.trials] == [
        ("baseline", "baseline"),
        ("fast", "fast"),
    ]
    assert_own(contests, "baseline", "fast")
    assert DIFFER in markdown_text(result, []).replace("\\", "")


def test_a_load_test_has_one_contestant_at_work(contests: Contests, monkeypatch: pytest.MonkeyPatch) -> None:
    contests.stand_in(loadtest)
    contests.engines = (FAST,)

    def trial(setting: Any, planned: Any, _total: int) -> loadtest.LoadedTrial:
        made = setting.session.trial(
            setting.scenario, setting.engine, 0, loadtest.TrialOptions(label=planned.label, archive=False)
        )
        return loadtest.LoadedTrial(planned, made, None)

    monkeypatch.setattr(loadtest, "provide", lambda _tell: Path("python"))
    monkeypatch.setattr(loadtest, "_trial", trial)
    bounds = ExperienceBounds(push_ms_p99=250, lag_ms_p99=100)
    load = LoadOptions(users=1, spawn_rate_users_per_s=1, duration_s=2, shape="", bounds=bounds, max_users=1)
    result, directory = loadtest.load_test(
        contests.scenario(), "fast", 1, load, contests.options(), contests.watcher, search=False
    )
    assert load_result(directory) == result
    assert told(result.engines) == [("fast", "baseline", OWN), ("fast-loaded", "baseline", OWN)]
    assert contests.jobs["fast-loaded"]["checkpoint_interval_ms"] == 700
    assert differences(result) == []


def test_what_a_command_appends_to_a_name_is_at_the_end_of_no_name() -> None:
    for ending in (chaos.FAULT_WORK.trials, chaos.OPERATION_WORK.trials, loadtest.LOADED):
        with pytest.raises(ValueError, match=f"without .*-{ending}"):
            Contests.scenario(Contests, engines=[FAST | {"name": f"fast-{ending}"}])  # type: ignore[arg-type]


def test_the_plan_of_chaos_is_for_contestants(contests: Contests) -> None:
    engines = find_contestants(contests.scenario(), [])
    chosen = chaos.ChaosOptions(["engine-jvm-kill"], seed=1, per_trial=1, recover_within_s=5)
    assert [each.not_for for each in chaos.plan_of(chosen, engines)] == [["baseline", "fast"]]
