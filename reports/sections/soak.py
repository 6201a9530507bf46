"""What people read of a soak test: the terminal's table, the report's section, and small pictures of all resources."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table as TerminalTable
from rich.text import Text

from harness.results.result import Result
from harness.results.soak import Soak, SoakGrowth, SoakTrial
from reports.pictures.soak import STYLES
from reports.wording.numbers import NOT_MEASURED
from reports.wording.soak import reasons_of_soak
from reports.wording.tables import Section, Table

COLUMNS = ("resource", "verdict", "level", "growth an hour", "interval", "judged, min")
GROWTH_NOTE = (
    "Growth is the median of the slopes of all pairs of readings (Theil, Sen), with Sen's interval; the intervals of a "
    "trial hold together with {confidence:.0%} confidence. A resource leaks if it grows by more than {percent:g} % of "
    "its level an hour, the interval excludes 0, its lows rise too, and it has grown by more than a few units. Of "
    "processes that were started again, each is judged by itself; shown is the one that leaks, or that was there for "
    "longest."
)
TIME_NOTE = (
    "What is not judged had not settled for long enough: docs/soak.md says how long each resource needs. Redis keys "
    "count without the windows, and Redis memory without the stream of updates, that are there by design."
)


def soak_section(result: Result) -> Section | None:
    """The section on the soak test; None if it was none."""
    found = result.soak
    if found is None:
        return None
    tables = [
        Table(_caption(trial), COLUMNS, tuple(map(_row, trial.growth)), words=frozenset({0, 1}))
        for trial in found.trials
    ]
    notes = (GROWTH_NOTE.format(confidence=found.confidence, percent=found.percent_per_hour), TIME_NOTE)
    return Section("Soak test", "soak", tuple(tables), warnings=tuple(reasons_of_soak(found)), notes=notes)


def _caption(trial: SoakTrial) -> str:
    verified = trial.verified
    return (
        f"{trial.engine}: {trial.lasted_s / 60:,.1f} minutes of load. Counts of the first {verified.windows:,} s were "
        f"verified meanwhile, {verified.wrong_cells:,} cells of which were wrong; the rest at the end."
    )


def _row(each: SoakGrowth) -> tuple[str, ...]:
    name = f"{each.process}: {each.resource}"
    if each.level is None or each.from_s is None or each.to_s is None:
        return (name, each.verdict, *[NOT_MEASURED] * 4)
    low, high = (_amount(each, value) for value in (each.growth_per_hour_low, each.growth_per_hour_high))
    return (
        name,
        each.verdict,
        _amount(each, each.level, sign=""),
        _amount(each, each.growth_per_hour),
        f"{low} to {high}",
        f"{(each.to_s - each.from_s) / 60:,.0f}",
    )


def _amount(each: SoakGrowth, value: float | None, sign: str = "+") -> str:
    if value is None:
        return NOT_MEASURED
    if each.resource in ("descriptors", "threads", "keys"):
        return f"{value:{sign},.1f}" if sign else f"{value:,.0f}"
    return f"{value / 2**20:{sign},.1f} MiB"


def soak_table(found: Soak) -> Group:
    """The same for the terminal: what was judged, and what leaks."""
    parts: list[Text | TerminalTable] = []
    for trial in found.trials:
        table = TerminalTable(show_edge=False, pad_edge=False)
        for name in COLUMNS[:2]:
            table.add_column(name, no_wrap=True)
        for name in COLUMNS[2:4]:
            table.add_column(name, justify="right")
        judged = [each for each in trial.growth if each.verdict != "not judged"]
        for each in judged:
            name, verdict, level, growth, *_ = _row(each)
            table.add_row(Text(name), Text(verdict, style=STYLES[verdict]), Text(level), Text(growth))
        left = [f"{each.process} {each.resource}" for each in trial.growth if each.verdict == "not judged"]
        parts += [Text(_caption(trial)), table]
        if left:
            parts.append(Text(f"Not judged, for want of time: {', '.join(left)}.", style="yellow"))
    return Group(*parts, *(Text(line, style="red") for line in reasons_of_soak(found)))
