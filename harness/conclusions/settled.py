"""Whether an engine had settled: by one trial, and by all together. The answer never leaves out what was measured.

To cut the measured time where a statistic says that latency settled would forgive every stall before that point.

Two things are looked at. A *start* that is too short for a trend, such as ten bad seconds, is found by MSER (see
`harness.numerics.intervals.steady_from`). A *change* that goes on over the measured time is found by a line through the
logarithms of latency and of CPU time per second (see `change_over`). It is no test of significance, under which noise
would pass for rest: the interval of the change must not leave room for a large one. Where noise does, there is no
judgement.

**What to expect.** Simulated (`tests/unit/harness/conclusions/test_settled.py` repeats the essential part) with 60 s,
log-normal noise from second to second whose correlation with the next second's is 0.5, and the usual limit of 5 %:

===========================================  ==============  ====  ====  ====
engine                                       noise: 5 %      10 %  20 %  30 %
===========================================  ==============  ====  ====  ====
settled, found so by 6 trials, % of cases    99              91    76    52
settled, found so by 10 trials               100             95    81    78
settled, found so by 1 trial                 82              71    22    4
461 to 185 ms, tau 60 s: passes, 6 trials                    0     0     0
292 to 185 ms, tau 60 s: passes, 6 trials                    0     1     3
60 to 45 ms, tau 40 s: passes, 6 trials                      0     3     7
60 to 45 ms, tau 40 s: passes, 1 trial                       4     9     2
===========================================  ==============  ====  ====  ====

What does not pass is found not to have settled, or has no judgement. A saw tooth of micro-batches of 2 to 5 s passes in
85 to 92 % by 6 trials, one of 10 s in 62 %.
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from harness.conclusions.headline_figures import of_trials
from harness.numerics.intervals import Interval, typical
from harness.numerics.trends import MIN_SLOTS, steady_from
from harness.results.performance import CLOCK_RESOLUTION_MS, Change, SteadyState
from harness.results.result import TrialResult

#: Each end of an interval of a change is wrong in one case of ten: what must be found is found in nine.
CONFIDENCE = 0.8
#: A change has to be within so many times what is tolerated, for certain. With less, noise of 20 % would hide all rest.
CERTAIN_TIMES = 5
#: A longer warm-up that would change the mean by less than this share is not missed.
_TOLERATED_SHARE = 0.05
#: Batches are so long, in slots, that their means depend little on each other; more than these tell nothing more.
_BATCH_SLOTS, _MOST_BATCHES = 5, 12
#: With fewer, there is no line, and no interval of its slope within a trial.
_FEWEST_BATCHES, _FEWEST_FOR_INTERVAL = 3, 8


def start_had_settled(means_ms: NDArray[np.float64], warmup_slots: int) -> bool | None:
    """Whether latency had no start left at the end of the warm-up, such as a few bad seconds.

    It had none, if MSER (see `steady_from`) would cut no later, or if its cut would change the mean of what is measured
    by no more than 5 % or the clock's resolution: MSER cuts noise, too, but then little comes of it.

    Args:
        means_ms: mean latency of each slot, from the start of the warm-up, NaN where there is none, shape (slots,).
        warmup_slots: how many of them are the warm-up.

    Returns: None if there are fewer than `MIN_SLOTS` figures after the warm-up.
    """
    measured = means_ms[warmup_slots:]
    if np.count_nonzero(~np.isnan(measured)) < MIN_SLOTS:
        return None
    cut = steady_from(means_ms)
    if cut is not None and cut <= warmup_slots:
        return True
    steady_ms = float(np.nanmean(means_ms[len(means_ms) // 2 if cut is None else cut :]))
    bias_ms = abs(float(np.nanmean(measured)) - steady_ms)
    return bias_ms <= max(_TOLERATED_SHARE * steady_ms, CLOCK_RESOLUTION_MS)


def change_over(values: NDArray[np.float64], tolerated_share: float, resolution: float = 0.0) -> Change | None:
    """By what factor `values` changed over their whole time.

    Slots are put together in batches (batch means: Schmeiser 1982, Operations Research 30), because neighbouring
    seconds depend on each other. A line through the logarithms of the batches' means, with the median slope of all
    pairs (Theil, Sen), gives the factor, which a stalled batch or two leave as it is. Its interval is Sen's (1968).

    Args:
        values: one figure per slot, NaN where there is none, shape (slots,).
        tolerated_share: a change up to this is none.
        resolution: neither is one up to this, in the unit of `values`.

    Returns: None with fewer than 3 slots, or if a batch's mean is not positive; without interval, if there are fewer
        than 8 batches of 5 slots.
    """
    batches = min(_MOST_BATCHES, max(len(values) // _BATCH_SLOTS, _FEWEST_BATCHES))
    figures = [part[~np.isnan(part)] for part in np.array_split(values, batches)]
    places = (np.arange(batches) + 0.5) / batches
    there = np.array([len(each) > 0 for each in figures])
    means = np.array([each.mean() for each in figures if len(each)])
    if len(means) < _FEWEST_BATCHES or not (means > 0).all():
        return None
    found = scipy.stats.theilslopes(np.log(means), places[there], alpha=CONFIDENCE)
    known = len(means) >= _FEWEST_FOR_INTERVAL
    resolved_share = resolution / float(np.median(means))
    return Change(
        factor=float(np.exp(found.slope)),
        low=float(np.exp(found.low_slope)) if known else None,
        high=float(np.exp(found.high_slope)) if known else None,
        tolerated_share=max(tolerated_share, resolved_share),
        certain_share=max(CERTAIN_TIMES * tolerated_share, resolved_share),
    )


def trial_had_settled(start: bool | None, changes: Sequence[Change | None]) -> bool | None:
    """Whether a trial had settled, by itself: nothing speaks against it, and everything that can be told for it."""
    found = [start, *(None if each is None else _judged(_own(each), each) for each in changes)]
    return False if False in found else None if None in found else True


def why_unsettled(trials: list[TrialResult], *, by_latency_alone: bool = False) -> str:
    """Why an engine cannot be said to have settled, by all its trials together; empty if it had.

    The trial is the unit: the change of each is one figure, and the interval is that of their geometric mean, whatever
    the noise within a trial is like. CPU time is left out where it was out of reach, as it names no winner then, and
    for a figure of latency: one that stays as it is while CPU time falls is not the start's.
    """
    starts = [trial.steady.start_settled for trial in trials if trial.steady]
    if (bad := starts.count(False)) * 2 > len(trials):
        return f"reached no steady state in {of_trials(bad, trials)}"
    figures: list[tuple[str, Callable[[SteadyState], Change | None]]] = [("latency", lambda each: each.latency)]
    if not by_latency_alone and all(trial.cost for trial in trials):
        figures.append(("CPU time per second", lambda each: each.cpu))
    reasons = [_why_not(name, _changes(trials, of)) for name, of in figures]
    return next((reason for reason in reasons if reason), "")


def interval_of(changes: list[Change]) -> Interval | None:
    """The factor of a trial's change, or of several trials' together; None with too few trials, or too short ones."""
    if len(changes) == 1:
        return _own(changes[0])
    return typical([each.factor for each in changes], CONFIDENCE)


def change_text(found: Interval) -> str:
    """A change in words: in percent, with its interval."""
    return f"{found.estimate - 1:+.0%} ({found.low - 1:+.0%} to {found.high - 1:+.0%})"


def _changes(trials: list[TrialResult], of: Callable[[SteadyState], Change | None]) -> list[Change]:
    """Those of all trials; none, if a trial lacks it."""
    found = [change for trial in trials if trial.steady and (change := of(trial.steady))]
    return found if len(found) == len(trials) else []


def _why_not(name: str, changes: list[Change]) -> str:
    found = interval_of(changes) if changes else None
    if found is None:
        return f"may not have settled: no trend of its {name} could be told"
    widest = max(changes, key=lambda each: each.tolerated_share)
    if _judged(found, widest):
        return ""
    text = f"its {name} changed by {change_text(found)} over the measured time"
    if _judged(found, widest) is False:
        return f"had not settled: {text}, and {widest.tolerated_share:.0%} is tolerated"
    return f"may not have settled: {text}, and more than {widest.certain_share:.0%} are not ruled out"


def _own(change: Change) -> Interval | None:
    if change.low is None or change.high is None:
        return None
    return Interval(change.factor, change.low, change.high, CONFIDENCE)


def _judged(found: Interval | None, limits: Change) -> bool | None:
    """Whether a change is small enough: False if a larger one shows, None if it neither shows nor is ruled out."""
    if found is None:
        return None
    if found.excludes(1) and max(found.estimate, 1 / found.estimate) > 1 + limits.tolerated_share:
        return False
    return True if max(found.high, 1 / found.low) <= 1 + limits.certain_share else None
