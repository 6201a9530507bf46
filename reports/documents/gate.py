"""What people and tools are told of two runs compared: terminal, page, Markdown, JUnit XML, and JSON for a chart.

Nothing is decided here: `harness.conclusions.gate` says what fails.
"""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

from markupsafe import Markup
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.conclusions.gate import NO_INTERVALS, Gate, VerdictChange
from harness.conclusions.gate_figures import FigureChange, Status
from harness.conclusions.headline_figures import HeadlineFigure, headline
from harness.conclusions.hop_price import HopPrice
from harness.results.result import Confidence, Result
from reports.documents.page import Document, escape_markdown, markdown_page
from reports.pictures.gate import draw_gate
from reports.wording.numbers import NOT_MEASURED, decimal, mebibytes, milliseconds
from reports.wording.tables import Section
from reports.wording.tables import Table as PageTable
from reports.wording.two_runs import cautions_of, head_of_gate, lacks_intervals, marks_of, percent_change
from reports.wording.winner import confidence_text, percent_text

STYLES = {
    Status.REGRESSION: "bold red",
    Status.IMPROVEMENT: "green",
    Status.INCONCLUSIVE: "yellow",
    Status.NOT_MEASURED: "yellow",
    Status.NOT_GATED: "dim",
    Status.UNCHANGED: "",
}
SKIPPED = (Status.INCONCLUSIVE, Status.NOT_GATED, Status.NOT_MEASURED)
ABSENT = "-"
COLUMNS = ("figure", "old", "new", "change, %", "interval, %", "MDC, %", "status")
HOP_TITLE = "The price of the Kafka hop"
HOP_COLUMNS = ("figure", "kafka", "direct", "price")
HOP_NOTE = (
    "Price: what the way through the aggregates topic and the Redis writer costs more than the engine's writing Redis "
    "by itself; below 0, it costs less. Bare differences: how much of them is noise, the intervals above tell."
)

# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def gate_table(gate: Gate) -> Group:
    """Whether NEW passes, why not, what is better, and every figure; fits 80 columns.

    Everything that comes from outside is put in `Text`, where square brackets are no markup.
    """
    parts: list[Text | Table] = [Text(_title(gate), style="bold green" if gate.passed else "bold red")]
    parts += [Text(f"  {reason}", style="red") for reason in gate.reasons]
    parts += [Text(f"  {better}", style="green") for better in gate.improvements]
    parts += [Text(NO_INTERVALS, style="bold yellow")] if lacks_intervals(gate) else []
    parts += [_table(gate), Text(_legend(gate), style="dim")] if gate.changes else []
    if gate.hop_prices:
        parts += [Text(HOP_TITLE, style="bold"), _hop_table(gate.hop_prices), Text(HOP_NOTE, style="dim")]
    parts += [Text(f"note: {note}", style="dim") for note in gate.notes if note != NO_INTERVALS]
    return Group(*parts)


def gate_html(gate: Gate, old: Result, new: Result, command: list[str]) -> str:
    """The same as a page that needs no other file, with the picture of the changes; `command` is what made it."""
    return Document(
        title=f"Ringbench: {gate.new_run_id} against {gate.old_run_id}",
        what="comparison",
        times=f"Runs of {old.started_at} and {new.started_at}",
        head=head_of_gate(gate, old, new),
        answer=draw_gate(gate),
        sections=_sections(gate),
        command=command,
        numbers="The numbers are those of ringbench compare --format json.",
    ).html()


def _sections(gate: Gate) -> tuple[Section, ...]:
    found = []
    if gate.changes:
        rows = tuple((change.engine, *_cells(change), change.status.value) for change in gate.changes)
        columns = ("engine", *COLUMNS)
        table = PageTable("Every figure, gated or not", columns, rows, words=frozenset({0, 1, len(columns) - 1}))
        found.append(Section("All figures", "results", (table,), notes=(_legend(gate),)))
    if gate.hop_prices:
        prices = tuple((each.engine, *_hop_cells(each)) for each in gate.hop_prices)
        hops = PageTable("Figures by both routes", ("engine", *HOP_COLUMNS), prices, words=frozenset({0, 1}))
        found.append(Section(HOP_TITLE, "hop", (hops,), notes=(HOP_NOTE,)))
    if gate.notes:
        found.append(Section("What else differs", "notes", (), notes=tuple(gate.notes)))
    return tuple(found)


def gate_markdown(gate: Gate, old: Result, new: Result) -> str:
    """The same for a comment on a pull request, in GitHub's Markdown; the notes are folded away."""
    lines = _markdown_lines(gate, old, new)
    head = head_of_gate(gate, old, new)
    return markdown_page("gate.md.j2", {"head": head, "lines": [Markup(line) for line in lines]})  # noqa: S704 - escaped


def _markdown_lines(gate: Gate, old: Result, new: Result) -> list[str]:
    """What comes after the head, line by line, in Markdown."""
    lines: list[str] = []
    known = cautions_of(old, new)
    if gate.changes:
        lines += [_markdown_row(("engine", *COLUMNS)), "|---|---|--:|--:|--:|--:|--:|---|"]
        for change in gate.changes:
            status = ", ⚠ ".join((change.status.value, *(mark for mark, _ in marks_of(change, known))))
            lines.append(_markdown_row((change.engine, *_cells(change), status)))
        lines += ["", escape_markdown(_legend(gate))]
        lines += ["", *(f"- ⚠ {escape_markdown(each.text)}" for each in known)] if known else []
    if gate.hop_prices:
        lines += ["", f"### {HOP_TITLE}", "", _markdown_row(("engine", *HOP_COLUMNS)), "|---|---|--:|--:|--:|"]
        lines += [_markdown_row((each.engine, *_hop_cells(each))) for each in gate.hop_prices]
        lines += ["", escape_markdown(HOP_NOTE)]
    if gate.notes:
        lines += ["", "<details>", f"<summary>Notes ({len(gate.notes)})</summary>", ""]
        lines += [*(f"- {escape_markdown(note)}" for note in gate.notes), "", "</details>"]
    return lines


def junit_xml(gate: Gate) -> str:
    """JUnit XML: a test suite for each engine of OLD, a test case for its verdict and for each of its figures.

    Whatever fails the build is a failure, a figure that NEW lacks too. What else is inconclusive, not gated or was not
    measured is skipped. The output of a figure's test case tells what would have been found. Characters that XML cannot
    hold are shown as U+FFFD.
    """
    root = ElementTree.Element("testsuites", name="ringbench compare")
    suites = [
        _suite(verdict, [each for each in gate.changes if each.engine == verdict.engine], gate)
        for verdict in gate.verdicts
    ]
    root.extend(suites)
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in suites)))
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def benchmark_json(gate: Gate) -> str:
    """The figures of NEW for benchmark-action/github-action-benchmark, with its `tool: customSmallerIsBetter`.

    A JSON array of objects with `name`, `unit`, `value`, `range` and `extra`. `range` is what the action can read: ±
    and the distance to the farther end of the figure's own interval, in the same unit; it is left out without
    intervals. `extra` has the interval as it is.

    All entries of a file must get better in the same direction. So throughput is written as its inverse: sustained
    seconds per million records. Figures that NEW lacks are left out, and so are engines that only NEW has.
    """
    entries = [_entry(change, change.new) for change in gate.changes if change.new is not None]
    return json.dumps(entries, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _title(gate: Gate) -> str:
    return f"{'pass' if gate.passed else 'FAIL'}: {gate.new_run_id} against {gate.old_run_id}"


def _legend(gate: Gate) -> str:
    return f"Changes: + is worse, and up to {gate.max_regression_percent:g} % worse is allowed.{_of_intervals(gate)}"


def _of_intervals(gate: Gate) -> str:
    """With which confidence intervals hold, and what was detectable; empty if there are none."""
    gated, not_gated = (
        [change.ratio.confidence for change in gate.changes if change.ratio and change.gated is wanted]
        for wanted in (True, False)
    )
    if not gated:
        return ""
    ends = list(dict.fromkeys((confidence_text(max(gated)), confidence_text(min(gated)))))
    others = f" Those of other figures hold with {confidence_text(max(not_gated))} % each." if not_gated else ""
    return (
        f" Intervals of the {len(gated)} gated figures hold with {' to '.join(ends)} % each (Holm), so that noise "
        f"alone is called a regression in {percent_text(1 - gate.confidence)} % of builds at most.{others} "
        f"MDC, minimum detectable change: the least change for the worse that is called a regression in "
        f"{percent_text(gate.power)} % of builds, by these trials' noise."
    )


def _table(gate: Gate) -> Table:
    table = Table(box=None, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for column in COLUMNS:
        words = column in ("figure", "status")
        table.add_column(column, justify="left" if words else "right", no_wrap=column != "figure", overflow="fold")
    for name in dict.fromkeys(change.engine for change in gate.changes):
        table.add_row(Text(name, style="bold"))
        for change in gate.changes:
            if change.engine == name:
                table.add_row(*map(Text, _cells(change)), Text(change.status.value, style=STYLES[change.status]))
    return table


def _hop_table(prices: list[HopPrice]) -> Table:
    table = Table(box=None, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for column in HOP_COLUMNS:
        table.add_column(column, justify="left" if column == "figure" else "right", overflow="fold")
    for name in dict.fromkeys(each.engine for each in prices):
        table.add_row(Text(name, style="bold"))
        for each in prices:
            if each.engine == name:
                table.add_row(*map(Text, _hop_cells(each)))
    return table


def _hop_cells(found: HopPrice) -> tuple[str, str, str, str]:
    """What stands below `HOP_COLUMNS`."""
    show = milliseconds if found.unit == "ms" else decimal
    values = [ABSENT if value is None else show(value) for value in (found.kafka, found.direct, found.price)]
    return f"{found.figure}, {found.unit}", values[0], values[1], values[2]


def _cells(change: FigureChange) -> tuple[str, str, str, str, str, str]:
    """What stands below `COLUMNS` but the status."""
    of, ends = headline(change.figure), change.interval_percent
    return (
        f"{of.label}, {_unit(of)}",
        _value(of, change.old),
        _value(of, change.new),
        ABSENT if change.change_percent is None else percent_change(change.change_percent),
        f"{percent_change(ends[0])} .. {percent_change(ends[1])}" if ends else ABSENT,
        _detectable(change) or ABSENT,
    )


def _detectable(change: FigureChange) -> str:
    """Empty if it could not be worked out."""
    return "" if change.minimum_detectable_percent is None else percent_change(change.minimum_detectable_percent)


def _unit(of: HeadlineFigure) -> str:
    """In which `_value` shows a figure."""
    return "MiB" if of.unit == "bytes" else of.unit


def _value(of: HeadlineFigure, value: float | None) -> str:
    if value is None:
        return ABSENT
    if of.unit == "bytes":
        return mebibytes(round(value))
    return milliseconds(value) if of.unit == "ms" else decimal(value)


def _markdown_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(escape_markdown, cells))} |"


def _suite(verdict: VerdictChange, changes: list[FigureChange], gate: Gate) -> ElementTree.Element:
    classname = f"ringbench.{_xml(verdict.engine)}"
    cases = [_case(classname, "correctness", verdict.reason, "verdict")]
    for change in changes:
        skipped = _skipped(change) if change.status in SKIPPED else ""
        case = _case(classname, headline(change.figure).label, change.reason, change.status.value, skipped)
        ElementTree.SubElement(case, "system-out").text = _output(change)
        cases.append(case)
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(verdict.engine),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("old_run_id", gate.old_run_id), ("new_run_id", gate.new_run_id)):
        ElementTree.SubElement(properties, "property", name=name, value=_xml(value))
    suite.extend(cases)
    return suite


def _case(classname: str, name: str, failure: str, kind: str, skipped: str = "") -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=classname, name=name)
    if failure:
        ElementTree.SubElement(case, "failure", type=kind, message=_xml(failure)).text = _xml(failure)
    elif skipped:
        ElementTree.SubElement(case, "skipped", type=kind, message=_xml(skipped))
    return case


def _skipped(change: FigureChange) -> str:
    if change.status is Status.NOT_MEASURED:
        return NOT_MEASURED
    _, old, new, percent, interval, _ = _cells(change)
    return f"{change.status.value}: {old} to {new}, {percent} % ({interval} %); + is worse"


def _output(change: FigureChange) -> str:
    """What would have been found, and the worst trials."""
    of, found = headline(change.figure), _detectable(change)
    without = NOT_MEASURED if change.gated else Status.NOT_GATED.value
    worst = [_value(of, value) for value in (change.old_worst_trial, change.new_worst_trial)]
    return (
        f"minimum detectable change: {f'{found} %' if found else without}; "
        f"worst trials: {worst[0]} and {worst[1]} {_unit(of)}"
    )


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _entry(change: FigureChange, new: float) -> dict[str, str | float]:
    of, interval = headline(change.figure), change.new_interval
    name, unit = of.label, of.unit
    if not of.lower_is_better:
        name, unit, new = "sustained seconds per million records", "s", 1e6 / new
        interval = _inverse(interval) if interval else None
    entry: dict[str, str | float] = {"name": f"{change.engine}: {name}", "unit": unit, "value": new}
    if interval is None:
        return entry | {"extra": "no interval: too few trials"}
    distance = max(interval.high - interval.estimate, interval.estimate - interval.low)
    return entry | {
        "range": f"± {distance:.4f}",
        "extra": f"{100 * interval.confidence:g} % interval: {interval.low:.6g} to {interval.high:.6g} {unit}",
    }


def _inverse(interval: Confidence) -> Confidence:
    """Of a throughput in records/s, in seconds per million records."""
    return Confidence(
        estimate=1e6 / interval.estimate,
        low=1e6 / interval.high,
        high=1e6 / interval.low,
        confidence=interval.confidence,
    )
