"""Which figures of a run are worse than those of an earlier one, which are better, and what would have been found.

The two runs are called OLD and NEW, as on the command line. Pure functions; `harness.conclusions.gate`
decides with them on builds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from statistics import geometric_mean

from pydantic import Field

from harness.conclusions.headline_figures import HeadlineFigure, headline, worst_of
from harness.numerics.intervals import POWER, Interval, UnpairedRatio, step_down, typical, unpaired_ratio
from harness.results.part import ResultPart
from harness.results.result import Confidence

OLD, NEW = "OLD", "NEW"
STRICT = "--strict"

# Below this, a change beyond the allowed one is an error of floating-point arithmetic.
_ROUNDING_PERCENT = 1e-9


class Status(StrEnum):
    """What became of a figure.

    `unchanged` means that no change was shown, not that there is none: the interval says how large it may be.
    """

    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    NOT_GATED = "not gated"
    NOT_MEASURED = "not measured"


class FigureChange(ResultPart):
    """A headline figure of one engine in both runs."""

    engine: str
    figure: str
    gated: bool = Field(description="whether it can fail the build")
    old: float | None = Field(description="geometric mean of the trials; null if any lacks the figure or has a 0")
    new: float | None
    old_worst_trial: float | None = Field(description="of the trials' figures, the worst one; null as `old` is")
    new_worst_trial: float | None
    new_interval: Confidence | None = Field(description="of `new` taken by itself; null without intervals")
    ratio: Confidence | None = Field(
        description="new / old, at the confidence that the figure was judged with; if it is not gated, taken by itself"
    )
    change_percent: float | None = Field(description="of the estimates; positive is worse")
    minimum_detectable_percent: float | None = Field(
        description="the least change for the worse that would have been found to be a regression with the probability "
        "`power`, by the trials' spread and number; null without intervals, or if the figure is not gated"
    )
    status: Status
    reason: str = Field(description="why it fails the build; empty if it does not")

    @property
    def interval_percent(self) -> tuple[float, float] | None:
        """The ends of the ratio's interval as changes in percent, the better one first; positive is worse."""
        return _ends_percent(self.ratio, headline(self.figure)) if self.ratio else None


@dataclass(frozen=True)
class Pair:
    """A headline figure of one engine: the figure of each trial, shape (trials,); None if it was not measured.

    Attributes:
        gated: whether it can fail the build.
    """

    engine: str
    of: HeadlineFigure
    old: list[float] | None
    new: list[float] | None
    gated: bool


@dataclass(frozen=True)
class Rule:
    """How to judge.

    Attributes:
        max_regression_percent: the change for the worse that is allowed.
        confidence: that no regression is named where there is none, and the same of improvements; above 0.75.
        has_intervals: whether there are enough trials for intervals; if not, the estimates alone decide.
        strict: whether inconclusive figures fail the build.
    """

    max_regression_percent: float
    confidence: float
    has_intervals: bool
    strict: bool = False

    @property
    def beyond_percent(self) -> float:
        """What a change for the worse has to exceed."""
        return self.max_regression_percent + _ROUNDING_PERCENT


@dataclass(frozen=True, eq=False)
class _Measured:
    """A pair that was measured in both runs.

    Attributes:
        old: geometric mean of the trials, and `new` likewise.
        ratio: of the two; None without intervals.
    """

    pair: Pair
    rule: Rule
    old: float
    new: float
    ratio: UnpairedRatio | None

    @property
    def change_percent(self) -> float:
        return _worse_percent(self.new / self.old, self.pair.of)

    def status(self, confidence: float) -> Status:
        """What it is by the interval whose better end, and whose worse one, each hold with `confidence`."""
        if abs(self.new - self.old) <= self.pair.of.resolution:
            return Status.UNCHANGED
        beyond = self.rule.beyond_percent
        # Without an interval, the allowed change stands for the noise, for the better as for the worse.
        least, greatest = self.change_percent, self.change_percent + beyond
        if self.ratio:
            least, greatest = _ends_percent(self.ratio.interval(_of_both_ends(confidence)), self.pair.of)
        if least > beyond:
            return Status.REGRESSION
        if self.change_percent > beyond:
            return Status.INCONCLUSIVE
        return Status.IMPROVEMENT if greatest < 0 else Status.UNCHANGED

    def minimum_detectable_percent(self, confidence: float) -> float | None:
        """The change for the worse that would be a regression with probability `POWER`; see `UnpairedRatio`.

        It has to be shown by the interval, and the estimates have to differ by more than the resolution.
        """
        of = self.pair.of
        worse = 1 if of.lower_is_better else -1
        allowed = 1 + worse * self.rule.max_regression_percent / 100
        resolved = 1 + worse * of.resolution / self.old
        if self.ratio is None or min(allowed, resolved) <= 0:
            return None
        found = self.ratio.detectable(_of_both_ends(confidence), POWER)
        if not math.isfinite(found.by_interval):
            return None
        ratios = (allowed * found.by_interval**worse, resolved * found.by_estimate**worse)
        return max(_worse_percent(ratio, of) for ratio in ratios)


def judge(pairs: Sequence[Pair], rule: Rule) -> list[FigureChange]:
    """What became of each of `pairs`, in their order, by the rules of `harness.conclusions.gate.gate`."""
    measured = [_measured(pair, rule) for pair in pairs]
    judged_with = _confidences([each for each in measured if each and each.pair.gated], rule)
    return [
        _change(each, rule, judged_with.get(each)) if each else _not_measured(pair, rule)
        for pair, each in zip(pairs, measured, strict=True)
    ]


def _measured(pair: Pair, rule: Rule) -> _Measured | None:
    if pair.old is None or pair.new is None:
        return None
    ratio = unpaired_ratio(pair.new, pair.old) if rule.has_intervals else None
    return _Measured(pair, rule, geometric_mean(pair.old), geometric_mean(pair.new), ratio)


def _confidences(gated: list[_Measured], rule: Rule) -> dict[_Measured, float]:
    """With what confidence each of `gated` is judged: among all of them, by the claim that its estimate suggests."""

    def claims(what: Status) -> dict[_Measured, float]:
        made = [partial(_is, each, what) for each in gated]
        return dict(zip(gated, step_down(made, rule.confidence), strict=True))

    worse, better = claims(Status.REGRESSION), claims(Status.IMPROVEMENT)
    return {each: (worse if each.change_percent > 0 else better)[each] for each in gated}


def _is(figure: _Measured, what: Status, confidence: float) -> bool:
    return figure.status(confidence) is what


def _change(figure: _Measured, rule: Rule, judged_with: float | None) -> FigureChange:
    """What became of a figure that was judged with a confidence for each end; None if it is not gated."""
    pair = figure.pair
    assert pair.old is not None and pair.new is not None
    of_interval = rule.confidence if judged_with is None else _of_both_ends(judged_with)
    change = FigureChange(
        engine=pair.engine,
        figure=pair.of.name,
        gated=pair.gated,
        old=figure.old,
        new=figure.new,
        old_worst_trial=worst_of(pair.old, pair.of),
        new_worst_trial=worst_of(pair.new, pair.of),
        new_interval=_new_interval(pair.new, rule),
        ratio=_model(figure.ratio.interval(of_interval)) if figure.ratio else None,
        change_percent=figure.change_percent,
        minimum_detectable_percent=None if judged_with is None else figure.minimum_detectable_percent(judged_with),
        status=Status.NOT_GATED if judged_with is None else figure.status(judged_with),
        reason="",
    )
    return change.model_copy(update={"reason": _reason(change, rule)})


def _not_measured(pair: Pair, rule: Rule) -> FigureChange:
    reason = f"{pair.engine}: {pair.of.label} was measured in {OLD}, but not in every trial of {NEW}"
    return FigureChange(
        engine=pair.engine,
        figure=pair.of.name,
        gated=pair.gated,
        old=geometric_mean(pair.old) if pair.old else None,
        new=geometric_mean(pair.new) if pair.new else None,
        old_worst_trial=worst_of(pair.old, pair.of) if pair.old else None,
        new_worst_trial=worst_of(pair.new, pair.of) if pair.new else None,
        new_interval=_new_interval(pair.new, rule) if pair.new else None,
        ratio=None,
        change_percent=None,
        minimum_detectable_percent=None,
        status=Status.NOT_MEASURED,
        reason=reason if pair.old and pair.gated else "",
    )


# In words


def improvement(change: FigureChange) -> str:
    """What is better, in words; empty if it is not shown to be."""
    if change.status is not Status.IMPROVEMENT:
        return ""
    return _sentence(change, f"better{_at_least(-change.interval_percent[1] if change.interval_percent else None)}")


def _reason(change: FigureChange, rule: Rule) -> str:
    """Why a figure fails the build; empty if it does not."""
    ends = change.interval_percent
    allowed = f"{rule.max_regression_percent:g} % is allowed"
    if change.status is Status.REGRESSION:
        return f"{_sentence(change, f'worse{_at_least(ends[0] if ends else None)}')}; {allowed}"
    if change.status is Status.INCONCLUSIVE and rule.strict and ends:
        seems = _sentence(change, f"worse by the estimate, and {ends[0]:+.1f} to {ends[1]:+.1f} % by the interval")
        return f"{seems}; {allowed}, and with {STRICT}, what is inconclusive fails"
    return ""


def _at_least(percent: float | None) -> str:
    return "" if percent is None else f", by {percent:.1f} % at least"


def _sentence(change: FigureChange, how: str) -> str:
    """By how many percent a figure is `how`, and what it was in both runs."""
    of, values = headline(change.figure), (change.old, change.new, change.old_worst_trial, change.new_worst_trial)
    old, new, old_worst, new_worst = ("" if value is None else _number(value) for value in values)
    assert change.change_percent is not None
    return (
        f"{change.engine}: {of.label} is {abs(change.change_percent):.1f} % {how} "
        f"(from {old} to {new} {of.unit}; worst trials {old_worst} and {new_worst} {of.unit})"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


# Ratios and intervals


def _of_both_ends(confidence: float) -> float:
    """The confidence of an interval each of whose ends holds with `confidence`."""
    return 2 * confidence - 1


def _ends_percent(ratio: Interval | Confidence, of: HeadlineFigure) -> tuple[float, float]:
    ends = [_worse_percent(end, of) for end in (ratio.low, ratio.high)]
    return min(ends), max(ends)


def _worse_percent(ratio: float, of: HeadlineFigure) -> float:
    return (ratio - 1) * 100 if of.lower_is_better else (1 - ratio) * 100


def _new_interval(new: list[float], rule: Rule) -> Confidence | None:
    return _model(typical(new, rule.confidence)) if rule.has_intervals else None


def _model(interval: Interval | None) -> Confidence | None:
    if interval is None:
        return None
    return Confidence(estimate=interval.estimate, low=interval.low, high=interval.high, confidence=interval.confidence)
