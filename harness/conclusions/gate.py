"""Whether a run is worse than an earlier one of the same workload on the same host: what fails a build, and why.

The two runs are called OLD and NEW, as on the command line. Pure functions; `reports/documents/gate.py` shows what
they find.

**What the intervals know.** They are made of the noise between the trials of one run. What changed on the host from one
run to the other is part of the ratio, as if the engine had caused it. The allowed regression has to leave room for it:
compare two runs of the same commit to see how much that is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pydantic import Field

from harness.conclusions.comparable import engines_in_both, settings_of
from harness.conclusions.gate_figures import NEW, OLD, FigureChange, Pair, Rule, Status, improvement, judge
from harness.conclusions.headline_figures import GATED, HeadlineFigure, figures, headline, headlines_of
from harness.conclusions.hop_price import HopPrice, by_route
from harness.errors import InvalidRun, UsageError
from harness.numerics.intervals import MIN_TRIALS, POWER
from harness.results.correctness import Verdict
from harness.results.part import ResultPart
from harness.results.result import EngineResult, Result

MAX_REGRESSION_PERCENT = 5.0
CONFIDENCE = 0.95
#: To be given in place of figures: all of them are gated.
ALL = "all"
NO_INTERVALS = (
    "NO INTERVALS: there are too few trials, so that bare ratios were judged. "
    "Noise alone can fail this build, and can hide a regression."
)
# An interval whose ends hold with less each would hold half of the time, and say nothing.
_LEAST_CONFIDENCE = 0.75


class VerdictChange(ResultPart):
    """The verdicts on an engine of OLD in both runs."""

    engine: str
    old: Verdict
    new: Verdict | None = Field(description="null if the engine is not in NEW")
    reason: str = Field(description="why it fails the build; empty if it does not")


class Gate(ResultPart):
    """Two runs compared: whether NEW passes, and what that rests on."""

    old_run_id: str
    new_run_id: str
    max_regression_percent: float
    confidence: float = Field(description="that no regression is named where there is none; and so of improvements")
    power: float = Field(description="with which a change of `minimum_detectable_percent` is found")
    strict: bool = Field(description="whether inconclusive figures fail the build")
    passed: bool
    reasons: list[str] = Field(description="why it did not pass: those of the verdicts and of the changes")
    improvements: list[str] = Field(description="what is better, in words")
    verdicts: list[VerdictChange]
    changes: list[FigureChange]
    hop_prices: list[HopPrice] = Field([], description="of the Kafka hop, if the runs have different routes")
    notes: list[str]
    has_intervals: bool


# Is the new one worse?


def gate(
    old: Result,
    new: Result,
    *,
    max_regression_percent: float = MAX_REGRESSION_PERCENT,
    confidence: float = CONFIDENCE,
    gated: Sequence[str] = (),
    point_estimates: bool = False,
    strict: bool = False,
    notes: Sequence[str] = (),
) -> Gate:
    """Judge NEW by OLD. The runs must be comparable (`check_comparable`, whose notes can be handed on as `notes`).

    Every gated headline figure of every engine in both runs is judged by the ratio NEW / OLD of the geometric means of
    its trials. A change counts as positive where the figure got worse: latency p99 from 10 to 11 ms is +10 %, and so is
    throughput from 100 to 90 records/s. The first of these that holds is its status:

    * `not measured`: a trial of either run lacks the figure, or its figure is not above 0.
    * `not gated`: it is shown, and not judged.
    * `unchanged`: the estimates differ by no more than the figure's resolution.
    * `regression`: the whole interval lies beyond `max_regression_percent`.
    * `inconclusive`: the estimate lies beyond it, but not the whole interval. More trials may decide.
    * `improvement`: the whole interval lies below 0.
    * `unchanged`: none of these.

    NEW fails with a regression; if it lacks an engine that OLD has; if it lacks a gated figure that OLD has; if the
    verdict on an engine is `pass` in OLD and anything else in NEW; and, if `strict`, with an inconclusive figure.
    Engines that only NEW has are named in a note.

    **How sure that is.** With a probability of `confidence`, none of the regressions that are named is a figure that
    did not change by more than allowed, as far as `unpaired_ratio` keeps what it promises; see
    `harness.numerics.intervals`. So noise alone fails a build with a probability of 1 - `confidence` at most, and with
    an allowed regression above 0 far more rarely. (With `strict`, noise alone fails it as often as it makes an estimate
    exceed what is allowed.) The same holds for improvements, by themselves. Each interval has the confidence that
    Holm's step-down (`intervals.step_down`) gives its figure: one end of it can make a claim, so that with `confidence`
    0.95, of 10 figures, none of which changed, each end holds with 0.995 and the interval with 0.99.

    Intervals need `MIN_TRIALS` trials of each compared engine in both runs. With fewer, `point_estimates` lets the
    estimates alone decide (then `regression` is any change beyond the allowed one, and `improvement` any below
    minus the allowed one), and a note says so. It changes nothing where there are intervals.

    Args:
        max_regression_percent: the change for the worse that is allowed, in percent.
        confidence: between 0.75 and 1.
        gated: the names of the figures that can fail the build, or `ALL`; by default, those of
            `headline_figures.GATED`.

    Raises:
        InvalidRun: a run is invalid; the message says which, and its first reason.
        UsageError: too few trials for intervals; a figure that the runs are not compared by; or an argument makes no
            sense.
    """
    _check_arguments(max_regression_percent, confidence)
    _check_valid(old, new)
    headlines = headlines_of(old.engines)
    chosen = _chosen(gated, headlines)
    both = engines_in_both(old, new)
    has_intervals = _has_intervals(both, point_estimates=point_estimates)
    pairs = [_pair(before, after, of, gated=of.name in chosen) for before, after in both for of in headlines]
    changes = judge(pairs, Rule(max_regression_percent, confidence, has_intervals=has_intervals, strict=strict))
    verdicts = [_verdict_change(engine, new) for engine in old.engines]
    reasons = [each.reason for each in verdicts if each.reason] + [each.reason for each in changes if each.reason]
    if not both and not reasons:
        reasons = ["no engine is in both runs: nothing was compared"]
    loud = [NO_INTERVALS] if changes and not has_intervals else []
    return Gate(
        old_run_id=old.run_id,
        new_run_id=new.run_id,
        max_regression_percent=max_regression_percent,
        confidence=confidence,
        power=POWER,
        strict=strict,
        passed=not reasons,
        reasons=reasons,
        improvements=[sentence for each in changes if (sentence := improvement(each))],
        verdicts=verdicts,
        changes=changes,
        hop_prices=by_route(old, new, _differing_in_route_only(old, new)),
        notes=[*loud, *notes, *_engine_notes(old, new), *_figure_notes(changes)],
        has_intervals=has_intervals,
    )


def _chosen(gated: Sequence[str], headlines: Sequence[HeadlineFigure]) -> set[str]:
    """The names of the figures that can fail the build."""
    known = [of.name for of in headlines]
    unknown = [name for name in gated if name not in (ALL, *known)]
    if unknown:
        raise UsageError(
            f"--gate {unknown[0]!r}: these runs are not compared by such a figure",
            fix=f"give {ALL}, or any of {', '.join(known)}",
        )
    return set(known if ALL in gated else gated or [of.name for of in GATED])


def _check_arguments(max_regression_percent: float, confidence: float) -> None:
    if not (math.isfinite(max_regression_percent) and max_regression_percent >= 0):
        raise UsageError(
            f"--max-regression: {max_regression_percent:g} % makes no sense", fix="give a percentage from 0 on"
        )
    if not _LEAST_CONFIDENCE < confidence < 1:
        raise UsageError(
            f"--confidence: {confidence:g} makes no sense",
            fix=f"give one between {_LEAST_CONFIDENCE:g} and 1, like 0.95",
        )


def _check_valid(old: Result, new: Result) -> None:
    invalid = [
        f"{name} ({run.run_id}) is an invalid run: {(run.invalid_reasons or ['no reason was recorded'])[0]}"
        for name, run in ((OLD, old), (NEW, new))
        if not run.valid
    ]
    if invalid:
        raise InvalidRun("; ".join(invalid), fix="compare valid runs only: repeat the run")


def _has_intervals(both: list[tuple[EngineResult, EngineResult]], *, point_estimates: bool) -> bool:
    old = min((len(engine.trials) for engine, _ in both), default=0)
    new = min((len(engine.trials) for _, engine in both), default=0)
    if min(old, new) >= MIN_TRIALS:
        return True
    if both and not point_estimates:
        raise UsageError(
            f"too few trials for intervals: {OLD} has {old}, {NEW} has {new}",
            fix=f"run both with --trials {MIN_TRIALS}, or give --point-estimates to judge by the bare ratios",
        )
    return False


def _pair(old: EngineResult, new: EngineResult, of: HeadlineFigure, *, gated: bool) -> Pair:
    return Pair(old.name, of, _measured(old, of), _measured(new, of), gated=gated)


def _measured(engine: EngineResult, of: HeadlineFigure) -> list[float] | None:
    """The figure of each trial; None if any lacks it. What is not above 0 has no ratio, and counts as lacking."""
    found = figures(engine.trials, of)
    return found if found and all(math.isfinite(value) and value > 0 for value in found) else None


def _verdict_change(engine: EngineResult, new: Result) -> VerdictChange:
    verdict = next((each.verdict for each in new.engines if each.name == engine.name), None)
    reason = ""
    if verdict is None:
        reason = f"{engine.name} is in {OLD}, but not in {NEW}"
    elif engine.verdict is Verdict.PASS and verdict is not Verdict.PASS:
        reason = f"{engine.name}: the verdict was pass in {OLD}, and is {verdict.value} in {NEW}"
    return VerdictChange(engine=engine.name, old=engine.verdict, new=verdict, reason=reason)


def _differing_in_route_only(old: Result, new: Result) -> list[tuple[EngineResult, EngineResult]]:
    """The engines in both runs that are of the same version and have the same settings."""
    return [
        (before, after)
        for before, after in engines_in_both(old, new)
        if before.version == after.version and settings_of(old, before) == settings_of(new, after)
    ]


def _engine_notes(old: Result, new: Result) -> Iterator[str]:
    known = {engine.name for engine in old.engines}
    yield from (f"{each.name} is in {NEW} only, and was not compared" for each in new.engines if each.name not in known)
    for before, after in engines_in_both(old, new):
        if before.verdict is not Verdict.PASS:
            yield (
                f"{before.name}: the verdict was {before.verdict.value} in {OLD} already, and is {after.verdict.value} "
                f"in {NEW}; what an engine costs that does not count right says little"
            )


def _figure_notes(changes: list[FigureChange]) -> Iterator[str]:
    inconclusive = sum(change.status is Status.INCONCLUSIVE for change in changes)
    if inconclusive:
        gated = sum(change.gated for change in changes)
        yield f"{inconclusive} of {gated} gated figures are inconclusive; with more trials, intervals are narrower"
    lacking = [change for change in changes if change.status is Status.NOT_MEASURED and not change.reason]
    for each in lacking:
        what = f"{each.engine}: {headline(each.figure).label}"
        if each.old is not None:
            yield f"{what} was measured in {OLD}, but not in every trial of {NEW}; it is not gated"
            continue
        also = "" if each.new is not None else f", nor in {NEW}"
        yield f"{what} was not measured in every trial of {OLD}{also}"
