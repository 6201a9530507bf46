"""What the comparison of two runs begins with: whether NEW passes, what was compared where, and the changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from harness.conclusions.gate import NO_INTERVALS, Gate, VerdictChange
from harness.conclusions.gate_figures import NEW, OLD, FigureChange, Status
from harness.conclusions.headline_figures import headline
from harness.results.result import Result
from reports.wording.cautions import Caution, marked_cautions
from reports.wording.head import UNKNOWN_VERSION, Contestant, Head
from reports.wording.numbers import NOT_MEASURED
from reports.wording.quoted import SUSTAINED, Quoted, QuotedFigure, figure_text
from reports.wording.setting import floor_text, machine_text, quiet_text, workload_text
from reports.wording.winner import capitalised, confidence_text

NO_INTERVAL = "no interval"
#: What a mark is set for; the others are told below the figure.
MARKED = (Status.REGRESSION, Status.INCONCLUSIVE, Status.NOT_MEASURED)


def head_of_gate(gate: Gate, old: Result, new: Result) -> Head:
    """The head of the comparison of the run `new` with the run `old`."""
    found = _cautions(gate, old, new)
    return Head(
        good=gate.passed,
        verdict=verdict_text(gate),
        reasons=tuple(gate.reasons),
        in_short=tuple([NO_INTERVALS] if lacks_intervals(gate) else []) + tuple(gate.improvements),
        contestants=tuple(_contestant(each, old, new) for each in gate.verdicts),
        compared=(
            f"{OLD} is {old.run_id} of {old.started_at}, {NEW} is {new.run_id} of {new.started_at}.",
            _of_both(workload_text, old, new),
        ),
        setting=(
            ("Machine", _of_both(lambda run: machine_text(run.environment), old, new)),
            ("How quiet it was", _of_both(quiet_text, old, new)),
            ("The harness alone", _of_both(lambda run: floor_text(run.environment), old, new)),
        ),
        figures=tuple(_figures(gate, found)),
        cautions=tuple(each.text for each in found),
    )


def verdict_text(gate: Gate) -> str:
    """Whether NEW passes, and by how many figures, in one sentence."""
    gated = [change for change in gate.changes if change.gated]
    beyond = f"worse by more than {gate.max_regression_percent:g} %"
    worse = sum(change.status is Status.REGRESSION for change in gated)
    if gate.passed:
        unsure = sum(change.status is Status.INCONCLUSIVE for change in gated)
        but = f"; {unsure} could not be decided" if unsure else ""
        return f"Pass: none of {len(gated)} gated figures is shown to be {beyond}{but}"
    if worse:
        return f"FAIL: {worse} of {len(gated)} gated figures {'is' if worse == 1 else 'are'} {beyond}"
    return "FAIL: NEW does not keep what OLD had, or nothing could be judged"


def lacks_intervals(gate: Gate) -> bool:
    """Whether bare ratios were judged."""
    return bool(gate.changes) and not gate.has_intervals


def percent_change(percent: float) -> str:
    """A change in percent, with its sign."""
    return f"{round(percent, 1) + 0.0:+,.1f}"  # with 0 added, -0.0 is 0.0


def marks_of(change: FigureChange, found: Sequence[Caution]) -> list[tuple[str, int | None]]:
    """What must be known of a change where it stands, each with the place of its caution among `found`."""
    marks: dict[str, int | None] = {}
    for place, each in enumerate(found):
        if each.engine in (None, change.engine) and not (each.of_latency_and_cost and change.figure == SUSTAINED):
            marks.setdefault(each.mark, place)
    return list(marks.items())


def cautions_of(old: Result, new: Result) -> list[Caution]:
    """What must be known of the figures of both runs."""
    return [
        Caution(f"{name}: {each.text}", f"{name}: {each.mark}", each.engine, each.of_latency_and_cost)
        for name, run in ((OLD, old), (NEW, new))
        for each in marked_cautions(run)
    ]


def _cautions(gate: Gate, old: Result, new: Result) -> list[Caution]:
    """Those of engines that were compared."""
    engines = {None, *(each.engine for each in gate.changes)}
    return [each for each in cautions_of(old, new) if each.engine in engines]


def _of_both(text_of: Callable[[Result], str], old: Result, new: Result) -> str:
    """What is said of both runs, once if it is the same."""
    one, other = text_of(old), text_of(new)
    return one if one == other else f"{OLD}: {one} {NEW}: {other}"


def _contestant(found: VerdictChange, old: Result, new: Result) -> Contestant:
    versions = [_version(found.engine, run) for run in (old, new)]
    version = versions[0] if versions[0] == versions[1] else f"{versions[0]} in {OLD}, {versions[1]} in {NEW}"
    verdict = None if found.new is None else found.new.value
    return Contestant(found.engine, found.engine, version, verdict)


def _version(name: str, run: Result) -> str:
    engine = next((each for each in run.engines if each.name == name), None)
    return "missing" if engine is None else engine.version or UNKNOWN_VERSION


def _figures(gate: Gate, found: Sequence[Caution]) -> Iterable[QuotedFigure]:
    """The gated figures, each with the change of every engine, all on one axis."""
    gated = [change for change in gate.changes if change.gated]
    scale = _scale(gated, gate.max_regression_percent)
    for name in dict.fromkeys(change.figure for change in gated):
        own = [change for change in gated if change.figure == name]
        yield QuotedFigure(
            capitalised(headline(name).label),
            "change in %",
            "+ is worse",
            tuple(_quoted(change, found, scale) for change in own),
            " ".join(map(_conclusion, own)),
        )


def _quoted(change: FigureChange, found: Sequence[Caution], scale: tuple[float, float]) -> Quoted:
    status = ((change.status.value, None),) if change.status in MARKED else ()
    marks = (*status, *marks_of(change, found))
    if change.change_percent is None:
        return Quoted(change.engine, NOT_MEASURED, "", marks)
    ends = change.interval_percent
    places = [(value - scale[0]) / (scale[1] - scale[0]) for value in (change.change_percent, *(ends or ()))]
    return Quoted(
        change.engine,
        percent_change(change.change_percent),
        _interval_text(change),
        marks,
        places[0],
        *(places[1:] or (places[0], places[0])),
    )


def _interval_text(change: FigureChange) -> str:
    ends = change.interval_percent
    if change.ratio is None or ends is None:
        return NO_INTERVAL
    return f"{confidence_text(change.ratio.confidence)} %: {percent_change(ends[0])} to {percent_change(ends[1])}"


def _scale(changes: Sequence[FigureChange], allowed_percent: float) -> tuple[float, float]:
    """The ends of an axis, in percent, that holds all changes with their intervals, and what is allowed."""
    ends = [0.0, allowed_percent, -allowed_percent, -1.0, 1.0]
    for change in changes:
        ends += [] if change.change_percent is None else [change.change_percent]
        ends += change.interval_percent or ()
    return min(ends), max(ends)


def _conclusion(change: FigureChange) -> str:
    """Both figures, what became of the change, and which one would have been found."""
    of = headline(change.figure)
    unit = "MiB" if of.unit == "bytes" else of.unit
    values = [NOT_MEASURED if value is None else figure_text(of, value) for value in (change.old, change.new)]
    mdc = change.minimum_detectable_percent
    found = "" if mdc is None else f"; MDC {percent_change(mdc)} %"
    return f"{change.engine}: {values[0]} to {values[1]} {unit}, {change.status.value}{found}."
