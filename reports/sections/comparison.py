"""What a report says of the engines compared: figures with intervals, ratios with winners, and what could mislead."""

from __future__ import annotations

from collections.abc import Iterable

from harness.conclusions.headline_figures import HeadlineFigure, headline, headlines_of
from harness.results.result import Comparison, Drift, Figure, Ratio, Result
from reports.wording.numbers import NOT_MEASURED
from reports.wording.quoted import figure_text
from reports.wording.tables import Section, Table
from reports.wording.winner import capitalised, compared, confidence_text, interval_text, percent_text

SUSPICIOUS_P = 0.05
GEOMETRIC_NOTE = (
    "An estimate is the geometric mean of the trials' figures. That averages no percentiles of one distribution: the "
    "trial is the experiment, it was repeated, and each trial's percentile is one observation of it."
)
FIRST_NOTE = (
    "Having gone first: by how much it raises the first engine's figure against the second's. Where there is nothing "
    f"to find, one such test in twenty still has a p below {SUSPICIOUS_P:g}. With three blocks of each order, the p of "
    "having gone first cannot be below 0.1."
)
NO_TEST = "too few trials"


def comparison_section(result: Result) -> Section | None:
    """The section on the comparison; None if there is nothing that may be compared."""
    found = compared(result)
    if not found:
        return None
    names = [engine.name for engine in result.engines]
    tables = [_figures(found, names, headlines_of(result.engines)), _ratios(found), _drifts(found)]
    warnings = [text for drift in found.drifts if (text := drift_warning(drift))]
    warnings += [text for ratio in found.ratios if (text := _order_warning(ratio))]
    return Section(
        "Comparison",
        "comparison",
        tables=tuple(table for table in tables if table.rows),
        warnings=tuple(warnings),
        notes=(GEOMETRIC_NOTE, FIRST_NOTE),
    )


def drift_warning(drift: Drift) -> str:
    """What a reader must know of a figure that drifted; empty if it did not."""
    if drift.p_value >= SUSPICIOUS_P:
        return ""
    return (
        f"{capitalised(headline(drift.figure).label)} drifted by {_signed(drift.percent_per_trial)} from one trial to "
        f"the next ({_p_text(drift.p_value)}), whichever engine they were of: something on the host may have changed "
        "during the run. Ratios are taken within blocks and suffer little; each engine's own figures do."
    )


def _order_warning(ratio: Ratio) -> str:
    if ratio.first_percent is None or ratio.first_p_value is None or ratio.first_p_value >= SUSPICIOUS_P:
        return ""
    return (
        f"{capitalised(headline(ratio.figure).label)}: it made a difference which of {ratio.a} and {ratio.b} went "
        f"first ({_signed(ratio.first_percent)}, {_p_text(ratio.first_p_value)}). Each did in about half of the blocks."
    )


def _figures(comparison: Comparison, names: list[str], headlines: Iterable[HeadlineFigure]) -> Table:
    by_name = {(figure.engine, figure.figure): figure for figure in comparison.figures}
    rows = [(_label(of), *(_figure_text(of, by_name.get((name, of.name))) for name in names)) for of in headlines]
    return Table(
        f"Estimate [{confidence_text(comparison.confidence)} % interval] of each figure over the trials",
        ("figure", *names),
        tuple(rows),
    )


def _label(of: HeadlineFigure) -> str:
    return f"{of.label}, {'MiB' if of.unit == 'bytes' else of.unit}"


def _figure_text(of: HeadlineFigure, figure: Figure | None) -> str:
    if figure is None:
        return NOT_MEASURED
    if figure.interval is None:
        return f"{figure_text(of, min(figure.trials))} to {figure_text(of, max(figure.trials))}, no interval"
    found = figure.interval
    return f"{figure_text(of, found.estimate)} [{figure_text(of, found.low)}, {figure_text(of, found.high)}]"


def _ratios(comparison: Comparison) -> Table:
    confidences = {ratio.ratio.confidence for ratio in comparison.ratios if ratio.ratio}
    each = f"{confidence_text(max(confidences))} % each, " if confidences else ""
    rows = [
        (
            headline(ratio.figure).label,
            f"{ratio.a} / {ratio.b}",
            interval_text(ratio.ratio),
            ratio.winner or f"none: {ratio.why_not}",
            _first_text(ratio),
        )
        for ratio in comparison.ratios
    ]
    return Table(
        f"Ratios of figures, paired by block: estimate [interval]. The intervals hold with {each}"
        f"{confidence_text(comparison.confidence)} % together.",
        ("figure", "ratio of", "ratio", "winner", "having gone first"),
        tuple(rows),
        words=frozenset({0, 1, 3}),
    )


def _first_text(ratio: Ratio) -> str:
    if ratio.first_percent is None or ratio.first_p_value is None:
        return NO_TEST
    return f"{_signed(ratio.first_percent)}, {_p_text(ratio.first_p_value)}"


def _drifts(comparison: Comparison) -> Table:
    rows = [
        (headline(drift.figure).label, _signed(drift.percent_per_trial), _p_text(drift.p_value))
        for drift in comparison.drifts
    ]
    return Table(
        "Drift over the trials of the run, in their order, whichever engine they were of",
        ("figure", "from one trial to the next", "p of no drift"),
        tuple(rows),
    )


def _signed(percent: float) -> str:
    return f"{'-' if percent < 0 else '+'}{percent_text(abs(percent) / 100)} %"


def _p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
