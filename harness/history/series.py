"""Series of figures that can be compared, and the changes of their level. Pure functions."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, geometric_mean

from harness.conclusions.comparable import HOST, is_same_memory
from harness.conclusions.headline_figures import headline
from harness.history.levels import Starts
from harness.numerics.change_points import MIN_LEVEL
from harness.numerics.intervals import unpaired_ratio
from harness.results.history import (
    ContestantSummary,
    HistoryPlan,
    HistoryPoint,
    HistorySeries,
    LevelChange,
    RunSummary,
    as_words,
)
from harness.results.result import Confidence

#: Of each level, so many results next to the change tell by how much it changed.
RATIO_OF = 50
CONFIDENCE = 0.95
#: What a mode is by default.
_NOT_SAID = ("", "False", "None")


@dataclass(frozen=True)
class Run:
    """A run, and where its result is."""

    path: Path
    summary: RunSummary


@dataclass(frozen=True)
class _Plan:
    """Runs that can be compared, the oldest first."""

    runs: list[Run]

    @property
    def first(self) -> RunSummary:
        return self.runs[0].summary


def plans_of(
    runs: Iterable[Run], figures: Sequence[str], engines: Sequence[str], starts: Starts, *, any_host: bool = False
) -> list[HistoryPlan]:
    """The plans of `runs`, the one with the most results first, each with its series.

    Args:
        figures: names of headline figures.
        engines: names of contestants or engines; all of them, if none is given.
        starts: where the levels of a series begin.
        any_host: whether machines of one kind count as one.
    """
    plans = sorted(_plans(runs, any_host=any_host), key=lambda each: (-len(each.runs), _id(each)))
    return [_plan(each, plans[0], figures, engines, starts) for each in plans]


def _plans(runs: Iterable[Run], *, any_host: bool) -> list[_Plan]:
    found: dict[str, list[_Plan]] = defaultdict(list)
    for run in sorted(runs, key=lambda each: (each.summary.started_at, each.summary.run_id)):
        alike = found[_digest([run.summary.workload, run.summary.mode, _machine(run.summary, any_host=any_host)])]
        memory_bytes = run.summary.memory_bytes
        plan = next((each for each in alike if is_same_memory(each.first.memory_bytes, memory_bytes)), None)
        if plan is None:
            alike.append(plan := _Plan([]))
        plan.runs.append(run)
    return [plan for plans in found.values() for plan in plans]


def _machine(run: RunSummary, *, any_host: bool) -> dict[str, str]:
    return {key: run.host[key] for key in (HOST[1:] if any_host else HOST)}


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr([_sorted(each) for each in parts]).encode()).hexdigest()[:12]


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return sorted(value.items())
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _id(plan: _Plan) -> str:
    """The same for the same plan, whichever further results there are."""
    return _digest([plan.first.workload, plan.first.mode, plan.first.host], plan.first.memory_bytes)


def _plan(plan: _Plan, most: _Plan, figures: Sequence[str], engines: Sequence[str], starts: Starts) -> HistoryPlan:
    first = plan.first
    return HistoryPlan(
        id=_id(plan),
        scenario=first.scenario,
        machine=f"{first.host['cpu_model']}, {first.host['cpu_count']} cores, "
        f"{first.memory_bytes / 2**30:.1f} GiB, host {first.host['host']}",
        mode=", ".join(f"{key} {value}" for key, value in first.mode.items() if value not in _NOT_SAID),
        apart=[] if plan is most else list(_apart(first, most.first)),
        results=len(plan.runs),
        series=[
            _series(plan, name, figure, starts)
            for name in _names(plan, engines)
            for figure in _measured(plan, name, figures)
        ],
    )


def _apart(run: RunSummary, other: RunSummary) -> Iterator[str]:
    kinds = [(run.workload, other.workload), (run.mode, other.mode), (run.host, other.host)]
    for one, two in kinds:
        yield from (
            f"{key}: {as_words(one.get(key, 'none'))}, and not {as_words(two.get(key, 'none'))}"
            for key in {**one, **two}
            if one.get(key) != two.get(key)
        )
    if not is_same_memory(run.memory_bytes, other.memory_bytes):
        yield f"memory_bytes: {run.memory_bytes:,}, and not {other.memory_bytes:,}"


def _names(plan: _Plan, engines: Sequence[str]) -> list[str]:
    found = Counter(
        each.name
        for run in plan.runs
        for each in run.summary.contestants
        if not engines or each.name in engines or each.engine in engines
    )
    return sorted(found)


def _contestant(run: RunSummary, name: str) -> ContestantSummary | None:
    return next((each for each in run.contestants if each.name == name), None)


def _measured(plan: _Plan, name: str, figures: Sequence[str]) -> list[str]:
    found = {
        figure for run in plan.runs if (contestant := _contestant(run.summary, name)) for figure in contestant.figures
    }
    return [each for each in figures if each in found]


# One series


def _series(plan: _Plan, name: str, figure: str, starts: Starts) -> HistorySeries:
    runs = [run for run in plan.runs if (each := _contestant(run.summary, name)) and figure in each.figures]
    points = [_point(run, name, figure) for run in runs]
    counted = [at for at, point in enumerate(points) if not point.not_counted]
    values = [points[at].value for at in counted]
    newest = _contestant(runs[-1].summary, name)
    few = f"{len(counted)} of {2 * MIN_LEVEL}"
    return HistorySeries(
        contestant=name,
        engine=newest.engine if newest else name,
        figure=figure,
        points=points,
        changes=_changes([runs[at] for at in counted], name, figure, values, starts(values)),
        too_few=few if len(counted) < 2 * MIN_LEVEL else "",
    )


def _point(run: Run, name: str, figure: str) -> HistoryPoint:
    contestant = _contestant(run.summary, name)
    assert contestant is not None
    values = contestant.figures[figure]
    positive = all(value > 0 for value in values)
    value = geometric_mean(values) if positive else fmean(values)
    return HistoryPoint(
        run_id=run.summary.run_id,
        path=str(run.path),
        started_at=run.summary.started_at,
        commit=run.summary.commit,
        version=contestant.version,
        value=value,
        trials=len(values),
        interval=contestant.intervals.get(figure),
        noise=contestant.noise,
        not_counted=contestant.not_counted or ("" if positive else "a figure that is not above 0"),
    )


def _changes(
    runs: Sequence[Run], name: str, figure: str, values: Sequence[float], starts: Sequence[int]
) -> list[LevelChange]:
    ends = [0, *starts, len(values)]
    found = []
    for before, start, end in zip(ends, starts, ends[2:], strict=False):
        old, new = values[max(before, start - RATIO_OF) : start], values[start : min(end, start + RATIO_OF)]
        change = _change(runs[start - 1], runs[start], name, figure, old, new)
        if abs(change.new - change.old) > headline(figure).resolution:
            found.append(change)
    return found


def _change(before: Run, after: Run, name: str, figure: str, old: Sequence[float], new: Sequence[float]) -> LevelChange:
    was, is_now = geometric_mean(old), geometric_mean(new)
    ratio = unpaired_ratio(new, old)
    interval = ratio.interval(CONFIDENCE) if ratio else None
    return LevelChange(
        contestant=name,
        figure=figure,
        last_before=before.summary.run_id,
        first_after=after.summary.run_id,
        commit_before=before.summary.commit,
        commit_after=after.summary.commit,
        changed_at=after.summary.started_at,
        old=was,
        new=is_now,
        ratio=Confidence(
            estimate=interval.estimate, low=interval.low, high=interval.high, confidence=interval.confidence
        )
        if interval and math.isfinite(interval.high)
        else None,
        is_worse=(is_now > was) == headline(figure).lower_is_better,
        also_changed=list(_also_changed(before.summary, after.summary, name)),
    )


def _also_changed(before: RunSummary, after: RunSummary, name: str) -> Iterator[str]:
    one, two = _contestant(before, name), _contestant(after, name)
    assert one is not None and two is not None
    kinds: list[tuple[str, Mapping[str, str | None], Mapping[str, str | None]]] = [
        ("", {key: value for key, value in before.software.items() if key != "commit"}, after.software),
        ("engine ", {"version": one.version}, {"version": two.version}),
        ("setting ", one.settings, two.settings),
    ]
    for kind, old, new in kinds:
        yield from (
            f"{kind}{key}: {old.get(key) or 'none'} before, {new.get(key) or 'none'} after"
            for key in {**old, **new}
            if key != "commit" and old.get(key) != new.get(key)
        )
