"""Trends in series: drifts, effects of order, slopes of lag, power laws, knees."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

from harness.numerics.intervals import MIN_TRIALS, SEED, Figures, Interval, check_confidence, logarithms, without_mean

#: A series with fewer figures is too short to be judged.
MIN_SLOTS = 10
PERMUTATIONS = 10_000
_FEWEST_SLOTS_KEPT = 5
# Share of the unit square.
_LEAST_BEND = 0.1


@dataclass(frozen=True)
class Trend:
    """How figures change from one trial of a run to the next.

    Attributes:
        percent_per_trial: change per position in the run; positive if the figures grow.
        p_value: of the hypothesis that there is no trend, two-sided.
    """

    percent_per_trial: float
    p_value: float


@dataclass(frozen=True)
class Effect:
    """What a circumstance does to a figure.

    Attributes:
        percent: by how much the circumstance raises the figure; negative if it lowers it.
        p_value: of the hypothesis that it does nothing, two-sided.
    """

    percent: float
    p_value: float


# Circumstances of a run


def drift(values_in_order: Sequence[tuple[str, float]]) -> Trend | None:
    """Whether figures rise or fall in the course of a run, whichever engine they are of.

    Each engine's own mean log is taken from its logs, and its own mean position from its positions: without the
    latter, a trend would vanish where each engine's trials came one after the other. The slope is the median of the
    slopes of all pairs (Theil 1950; Sen 1968, Journal of the American Statistical Association 63). The p-value is that
    of Kendall's tau, with its deviation made smaller by sqrt((n - e) / (n - 1)) for n trials of e engines: taking
    away e means and not one leaves residuals less freedom than tau supposes. Without that, 6 to 7 % of runs without a
    trend have a p-value below 0.05; with it, 4 to 5 % have.

    Args:
        values_in_order: (engine, figure) of the trials, in the order in which they took place, shape (trials, 2).

    Returns:
        None if an engine has fewer than `MIN_TRIALS` trials, there is none, or a figure is not positive and finite.
    """
    engines = np.array([engine for engine, _ in values_in_order], dtype=object)
    residuals = logarithms([figure for _, figure in values_in_order])
    trials = Counter(engines)
    if residuals is None or min(trials.values(), default=0) < MIN_TRIALS:
        return None
    positions = np.arange(len(engines), dtype=np.float64)
    for engine in trials:
        own = engines == engine
        residuals[own], positions[own] = without_mean(residuals[own]), without_mean(positions[own])
    if not residuals.any():
        # Figures without any spread have no tau, and no trend.
        return Trend(percent_per_trial=0.0, p_value=1.0)
    slope = float(scipy.stats.theilslopes(residuals, positions).slope)
    deviation = -special.ndtri(scipy.stats.kendalltau(positions, residuals).pvalue / 2)
    deviation *= math.sqrt((len(engines) - len(trials)) / (len(engines) - 1))
    return Trend(percent_per_trial=math.expm1(slope) * 100, p_value=2 * float(special.ndtr(-deviation)))


def order_effect(first: Figures, second: Figures) -> Effect | None:
    """Whether it matters to go first in a block of two trials, one of engine A and one of engine B.

    Going first is taken to multiply an engine's figure by a factor f, compared with going second. Then the ratio a / b
    is f times the true one where A went first, and 1 / f of it where B did. So the estimate of f is the exponential of
    half the difference of the mean logs, and `percent` is (f - 1) * 100.

    The p-value is that of a permutation test of the difference: over all ways to say which blocks A was first in if
    there are at most `PERMUTATIONS`, else over as many random ones, where the true one counts as one more (Phipson and
    Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9). It cannot be below 2 / 20 with three
    blocks of each order, and 2 / 924 with six.

    Args:
        first: ratios a / b of the blocks in which A went before B, shape (n,).
        second: ratios a / b, not b / a, of the blocks in which B went before A, shape (m,).

    Returns:
        None if either has fewer than 2, or any ratio is not positive and finite.
    """
    logs = logarithms(np.concatenate([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)]))
    if logs is None or min(len(first), len(second)) < 2:
        return None
    before, after = np.split(without_mean(logs), [len(first)])
    test = scipy.stats.permutation_test(
        (before, after), _difference, vectorized=True, n_resamples=PERMUTATIONS, rng=np.random.default_rng(SEED)
    )
    return Effect(percent=math.expm1(float(test.statistic) / 2) * 100, p_value=float(test.pvalue))


# Series within a trial


def steady_from(series: Figures) -> int | None:
    """Index of the slot from which on `series` has no warm-up transient, by MSER.

    MSER (White 1997, Simulation 69, "An effective truncation heuristic for bias reduction in simulation output") cuts
    off the start after which the squared standard error of the mean of the rest, sum of squares / n^2, is least. Cuts
    that leave less than a quarter of the figures, or less than five, are not considered: the spread of a few figures
    may be tiny by chance. Slots are not put together in batches of five as in MSER-5 (White, Cobb and Spratt 2000,
    Winter Simulation Conference): a slot's figure sums up many records already, and a trial has some dozens of slots,
    of which too few batches would be left.

    It removes an initial transient and cannot do more. A ramp goes on to its end, so that the least standard error is
    typically in the second half and the answer None; but a ramp that rises by less than about seven standard deviations
    of the noise mostly goes unnoticed, as does a late and small change of level. Use `lag_slope` for those. None, for
    its part, is no proof of a trend: of flat series, it is the answer to 7 % of those of 30 slots and 1 % of those of
    60 if the noise is normal, and to 18 and 7 % if it is exponential.

    Args:
        series: one latency figure per time slot, in any unit, shape (n,). NaN is a slot without a figure: it is left
            out of the sums, keeps its position, and is never the answer.

    Returns:
        The index of the first slot to keep. None if that is not in the first half (White's rule: the series is too
        short or does not settle), if there are fewer than `MIN_SLOTS` figures, or if any is infinite.
    """
    values = np.asarray(series, dtype=np.float64)
    there = np.flatnonzero(~np.isnan(values))
    if len(there) < MIN_SLOTS or np.isinf(values).any():
        return None
    # From the end, and from a typical value: so a transient of seconds does not round away a spread of microseconds.
    backwards = (values[there] - np.median(values[there]))[::-1]
    kept = np.arange(1, len(there) + 1)
    squares = np.maximum(np.cumsum(backwards**2) - np.cumsum(backwards) ** 2 / kept, 0)
    squared_errors = (squares / kept**2)[::-1]
    fewest = max(len(there) // 4, _FEWEST_SLOTS_KEPT)
    start = int(there[np.argmin(squared_errors[: len(there) - fewest + 1])])
    return start if 2 * start < len(values) else None


def lag_slope(times_s: Figures, lag_records: Figures, confidence: float = 0.95) -> Interval:
    """Growth of the backlog in records per second: the median of the slopes of all pairs of readings (Theil, Sen).

    The interval is Sen's (1968), from the distribution of Kendall's tau, and takes the readings for independent. They
    are not. Where the lag wanders, the interval is too narrow: with a correlation of 0.5 from one reading to the next,
    a lag without a trend has a 95 % interval without 0 in a quarter of the cases, and with 0.9 in more than half. Only
    several trials can tell a trend from that. Where the lag is a sawtooth, as with micro-batches, many teeth make the
    interval too wide. A handful make it too narrow, since each of them rises for longer than it falls and tilts the
    slope. With three teeth or more, a growth below the height of a tooth divided by the duration means nothing,
    whatever the interval.

    Time and memory grow with the square of the number of readings; a few thousand take a second.

    Args:
        times_s: when the lag was read, in seconds from any origin, shape (n,), in any order.
        lag_records: the lag in records, same shape.

    Raises:
        ValueError: the two differ in length, there are fewer than `MIN_SLOTS` readings, any is not finite, a time
            occurs twice, or `confidence` is not between 0.5 and 1.
    """
    check_confidence(confidence)
    times, lag = np.asarray(times_s, dtype=np.float64), np.asarray(lag_records, dtype=np.float64)
    if times.shape != lag.shape or times.ndim != 1 or len(times) < MIN_SLOTS:
        raise ValueError(
            f"times of shape {times.shape} and lags of shape {lag.shape}: need {MIN_SLOTS} of both or more"
        )
    if not np.isfinite([times, lag]).all() or len(np.unique(times)) < len(times):
        raise ValueError("times and lags must be finite, and no time may occur twice")
    found = scipy.stats.theilslopes(lag, times, alpha=confidence)
    return Interval(float(found.slope), float(found.low_slope), float(found.high_slope), confidence)


@dataclass(frozen=True)
class PowerLaw:
    """y ~ x to the power of an exponent.

    Attributes:
        exponent: with its interval.
        trials: how many it was fitted to.
        off: the farthest level from the line: its geometric mean, over or under the line, by this factor (1 or more).
    """

    exponent: Interval
    trials: int
    off: float


def power_law(x: Figures, y: Figures, groups: Sequence[Any], confidence: float = 0.95) -> PowerLaw | str:
    """The exponent by which y grows with x: least squares on logarithms, with Student's t for the interval.

    Each group has a factor of its own, and all have one exponent: so trials count together in which something else
    differs, as long as that something is the group. What a group has at one x only says nothing of growth, and is left
    out. The interval takes noise to be multiplicative, and alike at all x, and the law to hold; `off` tells whether it
    does.

    Args:
        x, y: one pair for each trial, shape (trials,).
        groups: what else each trial differs by, anything that can be a dictionary's key; as many.
        confidence: of the interval.

    Returns:
        Why there is no fit, if there is none: a figure that is not positive and finite, or fewer than three x.

    Raises:
        ValueError: lengths differ, or `confidence` is not between 0.5 and 1.
    """
    check_confidence(confidence)
    if not len(x) == len(y) == len(groups):
        raise ValueError(f"{len(x)} x, {len(y)} y and {len(groups)} groups are not as many of each")
    log_x, log_y = logarithms(x), logarithms(y)
    if log_x is None or log_y is None:
        return "a figure is not positive"
    members = [np.array([at for at, other in enumerate(groups) if other == group]) for group in dict.fromkeys(groups)]
    members = [each for each in members if len(np.unique(log_x[each])) > 1]
    kept = np.concatenate([*members, np.array([], dtype=np.int64)]).astype(np.int64)
    levels = np.unique(log_x[kept])
    if len(levels) < 3:
        return f"{len(levels)} different values, and a fit needs 3"
    # With three levels, there is one group of three trials or there are two of two: always 1 or more.
    freedom = len(kept) - len(members) - 1
    over = np.concatenate([without_mean(log_x[each]) for each in members])
    up = np.concatenate([without_mean(log_y[each]) for each in members])
    squares = float(over @ over)
    slope = float(over @ up) / squares
    residuals = up - slope * over
    error = math.sqrt(float(residuals @ residuals) / freedom / squares)
    reach = float(special.stdtrit(freedom, (1 + confidence) / 2)) * error
    off = max(abs(float(residuals[log_x[kept] == level].mean())) for level in levels)
    return PowerLaw(Interval(slope, slope - reach, slope + reach, confidence), len(kept), math.exp(off))


def knee(loads: Figures, latencies: Figures) -> int | None:
    """Index of the knee of a curve of latency against load: where more load begins to cost more than it brings.

    Kneedle (Satopaa, Albrecht, Irwin and Raghavan 2011, ICDCS Workshops, "Finding a 'Kneedle' in a Haystack") for a
    convex increasing curve: both axes are stretched to [0, 1], and the knee is the point farthest below the diagonal.
    There is no smoothing; each point stands for a whole trial. The knee belongs to the range that was measured: with
    loads closer to saturation, it lies closer to saturation as well.

    Args:
        loads: increasing, in any unit, shape (n,).
        latencies: in any unit, same shape.

    Returns:
        None with fewer than 4 points, with a latency that is not finite, or if the curve has no bend: if it does not
        fall below the diagonal by a tenth of the square, which a straight line with noise of 2 % does not.

    Raises:
        ValueError: the two differ in length, or the loads are not finite and increasing.
    """
    x, y = np.asarray(loads, dtype=np.float64), np.asarray(latencies, dtype=np.float64)
    if x.shape != y.shape or not np.isfinite(x).all() or (np.diff(x) <= 0).any():
        raise ValueError("loads must be finite and increasing, and as many as latencies")
    if len(x) < 4 or not np.isfinite(y).all() or np.ptp(y) == 0:
        return None
    below = (x - x[0]) / np.ptp(x) - (y - y.min()) / np.ptp(y)
    found = int(np.argmax(below))
    # A curve that falls is farthest below the diagonal at its end.
    return found if below[found] > _LEAST_BEND and found < len(x) - 1 else None


def _difference(one: NDArray[np.float64], other: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = one.mean(axis=axis) - other.mean(axis=axis)
    return difference
