"""Only what can be compared is one series, and a change says what it is worth."""

from pathlib import Path

import pytest

from harness.history.series import Run, plans_of
from harness.numerics.change_points import change_points
from harness.results.history import HistorySeries, RunSummary
from tests.builders.history import P99, THROUGHPUT, runs_of, summary
from tests.builders.noise import wiggling

CHANGED = wiggling((20, 100), (20, 120))


def _only(runs: list[Run], figure: str = P99) -> HistorySeries:
    (plan,) = plans_of(runs, [figure], [], change_points)
    (series,) = plan.series
    return series


def _all_changed(runs: list[Run], first: int, **changes: object) -> list[Run]:
    return [
        Run(run.path, run.summary.model_copy(update=changes) if at >= first else run.summary)
        for at, run in enumerate(runs)
    ]


def test_a_change_names_both_results_and_by_how_much() -> None:
    (change,) = _only(runs_of(CHANGED)).changes
    assert (change.last_before, change.first_after) == ("run-0019", "run-0020")
    assert (change.commit_before, change.commit_after) == ("0000013", "0000014")
    assert change.ratio and change.ratio.low < 1.2 < change.ratio.high and change.ratio.low > 1.18


@pytest.mark.parametrize(
    ("figure", "before", "after", "is_worse"),
    [(P99, 100, 120, True), (P99, 120, 100, False), (THROUGHPUT, 100, 120, False), (THROUGHPUT, 120, 100, True)],
)
def test_which_way_is_worse_depends_on_the_figure(figure: str, before: int, after: int, is_worse: bool) -> None:
    (change,) = _only(runs_of(wiggling((20, before), (20, after)), figure=figure), figure).changes
    assert change.is_worse is is_worse


def test_a_change_of_less_than_the_clock_resolves_is_none() -> None:
    assert _only(runs_of(wiggling((20, 3.0), (20, 3.5)))).changes == []


@pytest.mark.parametrize(
    "other",
    [
        {"workload": {"seed": "43"}},
        {"mode": {"route": "direct"}},
        {"host": {"host": "ffff", "cpu_model": "Example CPU", "cpu_count": "2"}},
        {"memory_bytes": 48 << 30},
    ],
    ids=lambda other: next(iter(other)),
)
def test_results_that_cannot_be_compared_are_no_change_and_say_why(other: dict[str, object]) -> None:
    plans = plans_of(_all_changed(runs_of(CHANGED), 20, **other), [P99], [], change_points)
    assert [plan.results for plan in plans] == [20, 20]
    assert not any(series.changes for plan in plans for series in plan.series)
    assert [len(plan.apart) for plan in plans] == [0, 1]


def test_machines_of_one_kind_are_one_if_that_is_asked_for() -> None:
    host = {"host": "ffff", "cpu_model": "Example CPU", "cpu_count": "2"}
    runs = _all_changed(runs_of(CHANGED), 20, host=host)
    assert [plan.results for plan in plans_of(runs, [P99], [], change_points, any_host=True)] == [40]
    other_kind = _all_changed(runs_of(CHANGED), 20, host=host | {"cpu_count": "4"})
    assert [plan.results for plan in plans_of(other_kind, [P99], [], change_points, any_host=True)] == [20, 20]


def test_memory_that_another_kernel_tells_a_little_less_of_is_the_same() -> None:
    runs = _all_changed(runs_of(CHANGED), 20, memory_bytes=round((24 << 30) * 0.995))
    assert [plan.results for plan in plans_of(runs, [P99], [], change_points)] == [40]


def test_results_that_do_not_count_are_shown_and_make_no_change() -> None:
    runs = runs_of(CHANGED)
    odd = [
        Run(run.path, summary(at, CHANGED[at], not_counted="invalid: late") if at >= 20 else run.summary)
        for at, run in enumerate(runs)
    ]
    series = _only(odd)
    assert len(series.points) == 40 and series.changes == []
    assert {point.not_counted for point in series.points[20:]} == {"invalid: late"}


def test_too_few_results_say_so() -> None:
    assert _only(runs_of(wiggling((11, 100)))).too_few == "11 of 12"
    assert _only(runs_of(wiggling((12, 100)))).too_few == ""


def test_what_else_changed_is_named() -> None:
    runs = _all_changed(runs_of(CHANGED), 20, software={"kernel": "6.2"})
    (change,) = _only(runs).changes
    assert change.also_changed == ["kernel: 6.1 before, 6.2 after"]


def test_a_figure_of_0_is_shown_and_does_not_count() -> None:
    values = [*wiggling((20, 100)), 0.0]
    last = _only(runs_of(values)).points[-1]
    assert last.value == 0 and last.not_counted == "a figure that is not above 0"


def test_a_plan_keeps_its_id_whatever_else_there_is() -> None:
    few, many = runs_of(wiggling((2, 100))), runs_of(wiggling((5, 100)))
    other: RunSummary = summary(9, 1).model_copy(update={"workload": {"seed": "1"}})
    ids = [plan.id for plan in plans_of([*many, Run(Path("/x/result.json"), other)], [P99], [], change_points)]
    assert plans_of(few, [P99], [], change_points)[0].id == ids[0]
