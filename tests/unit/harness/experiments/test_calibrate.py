"""A calibration knows the truth record by record, and finds a harness out that reports anything else."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.contract.aggregate import encode_key
from harness.evaluation.ground_truth import truth_from_seed
from harness.evaluation.trial_result import trial_result
from harness.experiments.calibration.cases import CASES, Case, Stall
from harness.experiments.calibration.judge import judge_case, wrong_validity
from harness.experiments.calibration.true_latencies import true_latencies
from harness.measurement.accounting import Readings, Usage
from harness.measurement.changes import CellCodes, changes_of
from harness.measurement.matching import quantile_bounds
from harness.measurement.trajectory import NEVER, Trajectories
from harness.numerics.durations import Durations
from harness.results.calibration import FLOOR, Calibration, CaseResult, summarise
from harness.scenarios.scenario import Scenario
from harness.trial.options import View
from harness.trial.outcome import Trial
from harness.trial.setting import JOURNAL
from harness.workers.accounts import ProbeAccount
from tests.builders.results import make_environment
from workloads.cells import cell_of
from workloads.sample import waterfall_records
from workloads.truth import expected_counts
from workloads.workload import Workload

SCENARIO = Scenario(
    name="t", seed=2, rate_records_per_s=400, warmup_s=2, duration_s=10, partitions=1, malformed_per_million=10_000
)
WORKLOAD = Workload(SCENARIO.workload())
EXPECTED = expected_counts(WORKLOAD)
ANCHOR_NS = 1_800_000_000_000_000_000
SENT_NS, ANSWERED_NS = 3_000_000, 4_000_000  # after the engine let go
CONSTANT = next(case for case in CASES if case.name == "constant")


def _pipeline(directory: Path, delays_ms: Any, workload: Workload = WORKLOAD) -> tuple[dict[str, Any], np.ndarray]:
    """What an engine with these delays, one for each record, leaves as an account, and the writer as a journal.

    Returns the account, and the true latencies (to Redis's answer) of the measured time in nanoseconds.
    """
    columns = workload.columns(0, workload.total_records)
    indexes = np.flatnonzero(~columns.malformed)
    left_ns = ANCHOR_NS + columns.offsets_ns[indexes] + (np.broadcast_to(delays_ms, len(indexes)) * 1e6).astype(int)
    cells = columns.windows_s[indexes].tolist(), columns.cells[indexes].tolist()
    keys = [encode_key(cell_of(*each)) for each in zip(*cells, strict=True)]
    counts: dict[bytes, int] = {}
    account, journal = [], []
    for at in np.argsort(left_ns, kind="stable").tolist():
        key = keys[at]
        counts[key] = counts.get(key, 0) + 1
        account.append((key.decode(), int(columns.event_times_ms[indexes[at]]), int(left_ns[at])))
        line = b"%d %d %b=%d" % (left_ns[at] + SENT_NS, left_ns[at] + ANSWERED_NS, key, counts[key])
        journal.append(line)
    directory.joinpath(JOURNAL).write_bytes(b"\n".join(journal))
    latencies_ns = left_ns + ANSWERED_NS - ANCHOR_NS - columns.offsets_ns[indexes]
    measured = columns.offsets_ns[indexes] >= workload.specification.warmup_s * 10**9
    return {"faults": {"lost": 0, "doubled": 0, "miscounted": 0}, "left": account}, latencies_ns[measured]


def _trial(directory: Path, reported_ns: np.ndarray) -> Trial:
    """A trial of which the probe reports these latencies, all in one slot."""
    durations = Durations(tolerance_us=1000)
    durations.record_ns(reported_ns)
    return Trial(
        "synthetic",
        "constant",
        "",
        directory,
        anchor_ns=ANCHOR_NS,
        is_complete=True,
        measured=ProbeAccount(
            warmup=Durations().as_json(),
            latencies=durations.as_json(),
            slot_s=1,
            slot_means_ms={0: durations.mean_ms},
            by_second={},
            updates=1,
        ),
        generator_progress=[(0, 0, 0)],
        readings={"engine": Readings([0.0], [Usage()])},
        observed=dict(EXPECTED.counts),
        dead_letters=list(EXPECTED.malformed_lines),
    )


def _judge(
    case: Case, trial: Trial, account: dict[str, Any], stall: Stall | None = None, scenario: Scenario = SCENARIO
) -> CaseResult:
    result = trial_result(trial, 1, 1, truth_from_seed(EXPECTED), scenario, EXPECTED)
    return judge_case(case, trial, result, account, stall, scenario, [])


# The truth


def test_true_latencies_are_found_without_matching_even_if_records_overtake(tmp_path: Path) -> None:
    delays_ms = np.random.default_rng(1).uniform(0, 900, len(WORKLOAD.columns(0, WORKLOAD.total_records).cells))
    well_formed = ~WORKLOAD.columns(0, WORKLOAD.total_records).malformed
    account, latencies_ns = _pipeline(tmp_path, delays_ms[well_formed])
    found = true_latencies(WORKLOAD, _trial(tmp_path, latencies_ns), json.loads(json.dumps(account)))
    assert np.sort(found.by_ns).tolist() == np.sort(latencies_ns).tolist()
    assert (found.by_ns - found.injected_ns == ANSWERED_NS).all()
    assert (found.after_ns - found.injected_ns == SENT_NS).all()
    assert found.floor_ms(50) == 4


# What a probe says of partitions that lag


Lagging = Callable[[Case], tuple[Trial, dict[str, Any], Scenario]]


@pytest.fixture(scope="module")
def lagging(tmp_path_factory: pytest.TempPathFactory) -> Lagging:
    """A pipeline of which a case's partition lags, and what the harness's own matching reports of it.

    Called with the case; returns the trial, the engine's account and the scenario, made once and not to be changed.
    """
    made = cache(lambda name: _lagging(tmp_path_factory.mktemp("lagging"), next(c for c in LAGGING if c.name == name)))
    return lambda case: made(case.name)


def _lagging(directory: Path, case: Case) -> tuple[Trial, dict[str, Any], Scenario]:
    # With fewer records to a cell, hardly one would overtake another.
    busy = {"partitions": 4, "rate_records_per_s": 4000, "warmup_s": 1, "duration_s": 3}
    scenario = SCENARIO.model_copy(update=busy | case.scenario)
    workload = Workload(scenario.workload())
    well_formed = ~workload.columns(0, workload.total_records).malformed
    partitions = workload.partitions(0, workload.total_records)[well_formed]
    settings = case.settings
    delays_ms = settings["delay_ms"] + settings["slow_partition_ms"] * (partitions == settings["slow_partition"])
    account, _ = _pipeline(directory, delays_ms, workload)
    followed, codes = Trajectories(workload), CellCodes(workload.locations)
    told = [line.split(b" ") for line in directory.joinpath(JOURNAL).read_bytes().splitlines()]
    followed.update(changes_of([(int(answered_ns) // 1_000_000, update) for _, answered_ns, update in told], codes))
    (indexes, seen_ms) = (
        np.concatenate(each) for each in zip(*((w.indexes, w.seen_ms) for w in followed.take_rest()), strict=True)
    )
    visible_ms = np.full(workload.total_records, NEVER)
    visible_ms[indexes] = seen_ms
    measured = waterfall_records(workload)
    seen = measured[visible_ms[measured] != NEVER]
    offsets_ns = workload.offsets_ns(0, workload.total_records)
    trial = _trial(directory, visible_ms[seen] * 1_000_000 - ANCHOR_NS - offsets_ns[seen])
    if not scenario.workload().keeps_cells_together:
        trial.quantile_bounds_ms = quantile_bounds(workload, ANCHOR_NS, None, visible_ms[measured])
    return trial, account, scenario


LAGGING = [case for case in CASES if case.settings.get("slow_partition_ms")]
BY_TURNS = [case for case in LAGGING if case.scenario.get("partitioning")]


@pytest.mark.parametrize("case", LAGGING, ids=lambda case: case.name)
def test_quantiles_are_exact_by_cell_and_within_their_bounds_by_turns(lagging: Lagging, case: Case) -> None:
    trial, account, scenario = lagging(case)
    assert (trial.quantile_bounds_ms is None) is scenario.workload().keeps_cells_together
    found = _judge(case, trial, account, scenario=scenario)
    assert found.passed, (found.reasons, found.percentiles)


@pytest.mark.parametrize("case", BY_TURNS, ids=lambda case: case.name)
def test_matching_alone_does_not_find_the_quantiles_of_turns(lagging: Lagging, case: Case) -> None:
    """As it was done before: first in, first out, with a cell's records in all partitions."""
    trial, account, scenario = lagging(case)
    without = replace(trial, quantile_bounds_ms=None)
    found = _judge(replace(case, exact_quantiles=True), without, account, scenario=scenario)
    assert not found.passed
    wrong = {row.percentile for row in found.percentiles if not row.passed}
    assert "p50" in wrong and "mean" not in wrong


def test_bounds_that_leave_the_truth_out_are_found_out(lagging: Lagging) -> None:
    case = BY_TURNS[0]
    trial, account, scenario = lagging(case)
    assert trial.quantile_bounds_ms
    low, high = trial.quantile_bounds_ms.p90
    wrong = trial.quantile_bounds_ms.model_copy(update={"p90": (high + 50, high + 60)})
    found = _judge(case, replace(trial, quantile_bounds_ms=wrong), account, scenario=scenario)
    assert [row.percentile for row in found.percentiles if not row.passed] == ["p90"] and low < high


# Finding a harness out


def test_a_harness_that_reports_the_truth_passes(tmp_path: Path) -> None:
    account, latencies_ns = _pipeline(tmp_path, 100.0)
    found = _judge(CONSTANT, _trial(tmp_path, latencies_ns - 500_000), account)
    assert found.passed, found.reasons
    assert [row.percentile for row in found.percentiles] == ["p50", "p90", "p99", "p99.9", "max", "mean"]


@pytest.mark.parametrize(
    ("lie", "percentiles"),
    [
        (lambda true: true - 7_000_000, {"p50", "p90", "p99", "p99.9", "max", "mean"}),
        (lambda true: true + 7_000_000, {"p50", "p90", "p99", "p99.9", "max", "mean"}),
        (lambda true: true + 50_000_000 * (np.arange(len(true)) < len(true) * 0.02), {"p99", "p99.9", "max"}),
        (lambda true: np.append(true[1:], true[0] + 9_000_000), {"max"}),
    ],
    ids=["earlier", "later", "a longer tail", "one record"],
)
def test_a_harness_that_reports_anything_else_is_found_out(tmp_path: Path, lie: Any, percentiles: set[str]) -> None:
    account, latencies_ns = _pipeline(tmp_path, 100.0)
    found = _judge(CONSTANT, _trial(tmp_path, lie(latencies_ns)), account)
    assert not found.passed
    assert {row.percentile for row in found.percentiles if not row.passed} == percentiles


def test_a_harness_that_forgives_a_stall_is_found_out(tmp_path: Path) -> None:
    stall = Stall("generator", 3, 2.0)
    stall.start_ns, stall.end_ns = ANCHOR_NS + 5 * 10**9, ANCHOR_NS + 7 * 10**9
    case = next(case for case in CASES if case.name == "generator-stall")
    columns = WORKLOAD.columns(0, WORKLOAD.total_records)
    due_s = columns.offsets_ns[~columns.malformed] / 1e9
    held_ms = np.where((due_s >= 5) & (due_s < 7), (7 - due_s) * 1000, 1.0)
    account, latencies_ns = _pipeline(tmp_path, held_ms)
    honest = _judge(case, _trial(tmp_path, latencies_ns), account, stall)
    assert honest.passed, honest.reasons
    assert all(row.due_records > 0 for row in honest.stalls)
    omitted = latencies_ns[latencies_ns < 1_000_000_000]
    forgiving = _judge(case, _trial(tmp_path, omitted), account, stall)
    assert [row.passed for row in forgiving.stalls] == [False, False, False, False, False]


@pytest.mark.parametrize(("injected", "lost", "passed"), [(3, 3, True), (3, 2, False), (2, 3, False), (0, 0, False)])
def test_faults_must_be_reported_exactly_and_must_have_been_injected(
    tmp_path: Path, injected: int, lost: int, passed: bool
) -> None:
    account, latencies_ns = _pipeline(tmp_path, 1.0)
    account["faults"]["lost"] = injected
    trial = _trial(tmp_path, latencies_ns)
    assert trial.observed is not None
    cell = max(trial.observed, key=lambda each: EXPECTED.counts[each])
    assert EXPECTED.counts[cell] > 3
    trial.observed[cell] -= lost
    found = _judge(next(case for case in CASES if case.name == "loss"), trial, account)
    assert found.passed is passed


def test_the_summary_tells_the_floor_and_the_greatest_error_and_nothing_without_a_floor(tmp_path: Path) -> None:
    account, latencies_ns = _pipeline(tmp_path, 100.0)
    floor = Case(name=FLOOR, description="")
    cases = [
        _judge(floor, _trial(tmp_path, latencies_ns), account),
        _judge(CONSTANT, _trial(tmp_path, latencies_ns + 7_000_000), account),
    ]
    calibration = Calibration.model_construct(
        finished_at="2026-01-01T00:00:00+00:00",
        rate_records_per_s=400,
        passed=False,
        cases=cases,
        environment=make_environment(),
    )
    found = summarise(calibration)
    assert found is not None and not found.passed
    assert found.floor_ms_p50 == pytest.approx(104, rel=1e-2)
    assert found.error_ms_max == pytest.approx(7, abs=0.2)
    calibration.cases = cases[1:]
    assert summarise(calibration) is None


def test_a_trial_that_must_be_invalid_and_is_not_is_a_fault() -> None:
    case = Case(name="x", description="", invalid="fell behind")
    assert wrong_validity(case, ["x: the generator fell behind: ..."]) == []
    assert len(wrong_validity(case, [])) == 1
    assert wrong_validity(case, ["the generator fell behind", "the probe died"]) == ["the probe died"]
    assert wrong_validity(Case(name="x", description=""), ["the probe died"]) == ["the probe died"]


def test_the_cases_cover_what_a_probe_can_get_wrong() -> None:
    injected = {fault for case in CASES for _, fault in case.faults}
    assert injected == {"lost_records", "surplus_records"}
    assert {case.settings.get("delay") for case in CASES} >= {"constant", "bimodal", "pareto", "uniform"}
    assert {case.stall for case in CASES} >= {"generator", "kafka"}


def test_a_stall_stops_and_goes_on_once() -> None:
    sent = []

    class Recorder(Stall):
        def _signal(self, _view: View, number: Any) -> None:
            sent.append(number.name)

    stall = Recorder("kafka", at_s=1.0, length_s=0.0)
    for t_s in (0.5, 1.0, 1.25, 1.5, 1.75):
        assert stall(View(t_s=t_s, sent_records=0, acked_records=0, visible_records=0, pids={})) == ""
    assert sent == ["SIGSTOP", "SIGCONT"]
    assert 0 < stall.start_ns <= stall.end_ns
