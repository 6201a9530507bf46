"""What people read of many results, in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.conclusions.headline_figures import headline
from harness.results.history import History, HistoryPlan, HistorySeries, LevelChange, Noise
from reports.wording.numbers import NOT_MEASURED, decimal, mebibytes

MAX_SKIPPED = 10
COLUMNS = ("figure", "results", "newest", "before it", "changes")
NO_CHANGES = "No change of level was found."
_BYTES = "bytes"


def history_table(history: History) -> Group:
    """Changes, then every series by plan, then what was left out.

    Everything that comes from outside is put in `Text`, where square brackets are no markup.
    """
    parts: list[Text | Table] = [Text(title_of(history), style="bold")]
    parts += [Text(f"  {change_text(each)}", style="red" if each.is_worse else "green") for each in history.changes]
    parts += [] if history.changes else [Text(f"  {NO_CHANGES}")]
    for plan in history.plans:
        if plan.series:
            parts += [Text(""), Text(plan_title(plan), style="bold")]
            parts += [Text(f"  {plan.machine}; {plan.mode}", style="dim")]
            parts += [Text(f"  apart by {each}", style="dim") for each in plan.apart]
            parts += [_table(plan, name) for name in dict.fromkeys(each.contestant for each in plan.series)]
    parts += [Text(f"note: {each}", style="dim") for each in _notes(history)]
    return Group(*parts)


def title_of(history: History) -> str:
    """How many results there are, and what became of them."""
    worse = sum(change.is_worse for change in history.changes)
    return (
        f"{_number(len(history.runs), 'result')}: {_number(worse, 'change')} for the worse, "
        f"{len(history.changes) - worse} for the better"
    )


def plan_title(plan: HistoryPlan) -> str:
    """The scenario, and how many results it has."""
    return f"{plan.scenario or 'no name'} ({plan.id}): {_number(plan.results, 'result')}"


def change_text(change: LevelChange) -> str:
    """What changed, between which commits, and by how much."""
    of = headline(change.figure)
    how = "worse" if change.is_worse else "better"
    percent = f"{(change.new / change.old - 1) * 100:+.1f} %"
    if change.ratio:
        low, high = ((end - 1) * 100 for end in (change.ratio.low, change.ratio.high))
        percent += f" ({low:+.1f} to {high:+.1f} %)"
    text = (
        f"{change.contestant}: {of.label} is {how}, {percent}, "
        f"from {value_text(change.old, change.figure)} to {value_text(change.new, change.figure)}, "
        f"between {commit_text(change.commit_before)} ({change.last_before}) and "
        f"{commit_text(change.commit_after)} ({change.first_after})"
    )
    return f"{text}; also changed: {'; '.join(change.also_changed)}" if change.also_changed else text


def value_text(value: float, figure: str) -> str:
    """A value with its unit."""
    of = headline(figure)
    return f"{mebibytes(round(value))} MiB" if of.unit == _BYTES else f"{decimal(value)} {of.unit}"


def commit_text(commit: str | None) -> str:
    """A commit, or that there is none."""
    return commit[:12] if commit else "no commit"


def noise_text(noise: Noise) -> str:
    """How quiet the host was, in words."""
    shares = (
        ("stolen", noise.stolen_share),
        ("others", noise.foreign_share),
        ("pressure", noise.cpu_pressure_share),
    )
    known = [f"{name} {share:.1%}" for name, share in shares if share is not None]
    return ", ".join(known) or NOT_MEASURED


def _table(plan: HistoryPlan, contestant: str) -> Table:
    table = Table(title=Text(contestant), title_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("figure", "changes") else "right")
    for series in plan.series:
        if series.contestant == contestant:
            table.add_row(*map(Text, _row(series)))
    return table


def _row(series: HistorySeries) -> tuple[str, ...]:
    counted = [each for each in series.points if not each.not_counted]
    values = [value_text(each.value, series.figure) for each in series.points]
    marked = "" if not series.points[-1].not_counted else " (does not count)"
    return (
        headline(series.figure).label,
        f"{len(series.points)}"
        if len(counted) == len(series.points)
        else f"{len(series.points)}, {len(counted)} count",
        values[-1] + marked,
        values[-2] if len(values) > 1 else "-",
        f"too few: {series.too_few}" if series.too_few else str(len(series.changes)),
    )


def _notes(history: History) -> Iterator[str]:
    for each in history.skipped[:MAX_SKIPPED]:
        yield f"left out: {each.path}: {each.reason}"
    if len(history.skipped) > MAX_SKIPPED:
        yield f"left out: {len(history.skipped) - MAX_SKIPPED} more; --json and the site name all"
    for reason, count in not_counted(history).items():
        yield f"shown, and no change is found by it: {reason} ({_number(count, 'result')})"


def not_counted(history: History) -> dict[str, int]:
    """Of each contestant, why results do not count, without details, and how many these are."""
    found: dict[tuple[str, str], str] = {}
    for plan in history.plans:
        for series in plan.series:
            for point in series.points:
                if point.not_counted:
                    found[series.contestant, point.path] = f"{series.contestant}: {point.not_counted.split(':')[0]}"
    reasons = list(found.values())
    return {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
