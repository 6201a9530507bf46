"""`ringbench history`: from folders to series and changes, and whether a change fails a build."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.conclusions.headline_figures import ANSWER_HEADLINES, GATED, HEADLINES
from harness.console.visible import visible
from harness.errors import UsageError
from harness.history.index import Indexed
from harness.history.levels import Starts
from harness.history.series import Run, plans_of
from harness.numerics.change_points import change_points
from harness.results.history import (
    ContestantSummary,
    History,
    HistoryPlan,
    HistorySeries,
    LevelChange,
    RunEntry,
    SkippedResult,
)

#: To be given in place of figures: all of them are told.
ALL = "all"
FIGURES = tuple(dict.fromkeys(each.name for each in HEADLINES + ANSWER_HEADLINES))


@dataclass(frozen=True)
class Choice:
    """What of the results is wanted.

    Attributes:
        figures: names of figures, or `ALL`; those that runs are gated by, if none is given.
        engines: names of contestants or engines; all, if none is given.
        since: a date, a time, a run ID, or the beginning of a commit; None for all.
        any_host: whether machines of one kind count as one.
    """

    figures: Sequence[str] = ()
    engines: Sequence[str] = ()
    since: str | None = None
    any_host: bool = False


def check_choice(choice: Choice) -> None:
    """Refuse what no result can have, before any is read.

    Raises:
        UsageError: a figure that there is not.
    """
    for name in choice.figures:
        if name not in (*FIGURES, ALL):
            raise UsageError(f"--figure: {name!r} is no figure", fix=f"give one of {', '.join(FIGURES)}, or {ALL}")


def history_of(folders: Sequence[Path], indexed: Indexed, choice: Choice, starts: Starts = change_points) -> History:
    """All that is to be told of the results.

    Args:
        folders: where they were looked for.
        indexed: what is known of them.
        choice: what is wanted of it.
        starts: where the levels of a series begin.

    Raises:
        UsageError: nothing is left to tell, or `choice.since` is neither a time nor anything that results have.
    """
    runs, skipped = _runs(indexed)
    plans = plans_of(runs, _figures(choice), choice.engines, starts, any_host=choice.any_host)
    _check_engines(runs, choice.engines)
    since = _moment(choice.since, runs) if choice.since is not None else None
    return History(
        folders=[str(each) for each in folders],
        since=choice.since,
        runs=[each for each in _entries(runs, plans, choice) if since is None or each.started_at >= since],
        skipped=skipped,
        plans=[_since(plan, since) for plan in plans] if since else plans,
    )


def failing(history: History, *, any_change: bool) -> list[LevelChange]:
    """The changes that fail a build: those for the worse, or any."""
    return [each for each in history.changes if any_change or each.is_worse]


def _figures(choice: Choice) -> tuple[str, ...]:
    if ALL in choice.figures:
        return FIGURES
    return tuple(choice.figures) or tuple(each.name for each in GATED)


def _runs(indexed: Indexed) -> tuple[list[Run], list[SkippedResult]]:
    """The runs, each of them once, and the files that gave none."""
    runs: dict[tuple[str, datetime], Run] = {}
    skipped = []
    for path, entry in sorted(indexed.entries.items()):
        if entry.summary is None:
            skipped.append(SkippedResult(path=visible(str(path)), reason=entry.refused))
            continue
        run = Run(path, entry.summary)
        same = runs.setdefault((run.summary.run_id, run.summary.started_at), run)
        if same is not run:
            skipped.append(SkippedResult(path=visible(str(path)), reason=f"the same run as {visible(str(same.path))}"))
    return list(runs.values()), skipped


def _check_engines(runs: Sequence[Run], engines: Sequence[str]) -> None:
    known = sorted({name for run in runs for each in run.summary.contestants for name in (each.name, each.engine)})
    for name in engines:
        if name not in known:
            raise UsageError(f"--engine: no result has {name!r}", fix=f"give one of {', '.join(known) or 'none'}")


def _moment(text: str, runs: Sequence[Run]) -> datetime:
    """From when on results are told: the time itself, or when the run, or the first of the commit, was started."""
    found = [
        each.summary.started_at
        for each in runs
        if text and (each.summary.run_id == text or (each.summary.commit or "").startswith(text))
    ]
    if found:
        return min(found)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since: {text!r} is no time, and no result has such a run ID or commit",
            fix="give a date such as 2026-11-01, a run ID, or the beginning of a commit",
        ) from error
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _entries(runs: Sequence[Run], plans: Sequence[HistoryPlan], choice: Choice) -> list[RunEntry]:
    """The runs, the newest first."""
    plan_of = {point.path: plan.id for plan in plans for series in plan.series for point in series.points}
    ordered = sorted(runs, key=lambda each: each.summary.started_at, reverse=True)
    return [
        RunEntry(
            run_id=each.summary.run_id,
            path=str(each.path),
            started_at=each.summary.started_at,
            commit=each.summary.commit,
            plan=plan_of.get(str(each.path), ""),
            valid=each.summary.valid,
            contestants={
                one.name: one.verdict.value for one in each.summary.contestants if _is_wanted(one, choice.engines)
            },
        )
        for each in ordered
    ]


def _is_wanted(contestant: ContestantSummary, engines: Collection[str]) -> bool:
    return not engines or contestant.name in engines or contestant.engine in engines


def _since(plan: HistoryPlan, since: datetime) -> HistoryPlan:
    return plan.model_copy(
        update={"series": [cut for each in plan.series if (cut := _series_since(each, since)).points]}
    )


def _series_since(series: HistorySeries, since: datetime) -> HistorySeries:
    return series.model_copy(
        update={
            "points": [each for each in series.points if each.started_at >= since],
            "changes": [each for each in series.changes if each.changed_at >= since],
        }
    )
