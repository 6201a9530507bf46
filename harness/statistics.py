"""Intervals and tests for figures of trials: what a difference, a trend or a backlog is worth.

Pure functions. The random numbers come from a generator with a fixed seed, so that the same data give the same answer.

**The trial is the unit.** The seconds within a trial depend on each other, and resampling them would give intervals
that are far too narrow. Everything here takes one figure per trial, apart from `steady_from`, `lag_slope` and `knee`.

**How the intervals are made.** Figures are positive and their noise is multiplicative, so that all of it happens on
logarithms. Each end is the farther one of two:

* the bootstrap-t (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 12.5; Hall 1988, Annals of
  Statistics 16), which follows skewed noise, to which Student's t is blind,
* Student's t. The bootstrap-t takes each outlier for skewness. In the difference of two engines with the same skewed
  noise, which is symmetric with long tails, it alone misses 6 to 7 % of the time where it promises 5 %.

The bootstrap is smoothed. A plain resample of six values may hold two or three different ones only. Its variance is
then next to nothing, and at high confidence the interval becomes needlessly long: at 98.3 %, six pairs under log-normal
noise of 4 % show a difference of 20 % in 82 % of the cases only, and smoothed in 97 %. Each resampled value gets normal
noise of standard deviation s / sqrt(n). With it, resamples have the variance s^2 on average, and not (n - 1) / n of it
(Silverman and Young 1987, Biometrika 74; Hesterberg 2014, "What Teachers Should Know about the Bootstrap").

**What to expect.** Simulated (`tests/unit/test_statistics.py` repeats the essential part), with 6 to 12 trials:

* Log-normal noise: 95 % intervals cover in 95 to 97 % of the cases, and of two equal engines, `paired_ratio` finds
  fewer different than the confidence allows, at 1 - 0.05 / 9 as well. Six blocks under noise of 4 % show a difference
  of 20 % in 97 % of the cases at a confidence of 1 - 0.05 / 3.
* Noise whose logarithm is exponential: two equal engines are still found different more rarely than the confidence
  allows, and the difference of 20 % is found in 93 %. Around the typical figure of one engine, 95 % intervals cover in
  92.7 % of the cases with 6 trials, 93.7 % with 8 and 94.5 % with 12. Higher confidence falls short by more: 98.3 %
  are 96 to 97.5 %, and 99.4 % are 98 to 98.6 %. The same goes for ratios if nearly all of the noise is that of one
  engine: then `unpaired_ratio` covers in 91.6 % with 6 trials, 93 % with 8 and 94 % with 12.
* With five trials, that would be 92.6 and 91 %, and a difference of 20 % would be missed once in nine times even if
  noise is log-normal. Hence `MIN_TRIALS`.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

#: With fewer trials there is no interval; the module's description says why.
MIN_TRIALS = 6
#: A change is called detectable that is found with this probability.
POWER = 0.8
#: A series with fewer figures is too short to be judged.
MIN_SLOTS = 10
#: Enough for five in each tail at a confidence of 99.9 %.
RESAMPLES = 9_999
PERMUTATIONS = 10_000

_SEED = 1
_FEWEST_SLOTS_KEPT = 5
# Share of the unit square.
_LEAST_BEND = 0.1

Figures: TypeAlias = Sequence[float] | NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval, both ends included.

    Attributes:
        confidence: the share of such intervals that hold the true value, for example 0.95.
    """

    estimate: float
    low: float
    high: float
    confidence: float

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval."""
        return value < self.low or value > self.high


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


@dataclass(frozen=True)
class _Mean:
    """A mean, and the same mean in `RESAMPLES` resamples of the data.

    Attributes:
        variance: squared standard error of `value`.
        freedom: degrees of freedom of `variance`.
        errors: means of the resamples less `value`, shape (RESAMPLES,).
        variances: their squared standard errors, shape (RESAMPLES,).
    """

    value: float
    variance: float
    freedom: float
    errors: NDArray[np.floating[Any]]
    variances: NDArray[np.floating[Any]]

    def minus(self, other: "_Mean") -> "_Mean":
        """The difference of two independent means, with Welch's standard error and degrees of freedom."""
        variance = self.variance + other.variance
        uncertainty = self.variance**2 / self.freedom + other.variance**2 / other.freedom
        return _Mean(
            value=self.value - other.value,
            variance=variance,
            freedom=variance**2 / uncertainty if uncertainty else self.freedom + other.freedom,
            errors=self.errors - other.errors,
            variances=self.variances + other.variances,
        )


# Intervals


def typical(values: Figures, confidence: float = 0.95) -> Interval | None:
    """Interval of the geometric mean of `values`, one positive figure per trial, in the unit of the figures.

    See the module's description for the method. If all values are equal, the interval has no width.

    Returns:
        None if there are fewer than `MIN_TRIALS` values, or any is not positive and finite.

    Raises:
        ValueError: `confidence` is not between 0.5 and 1.
    """
    _check(confidence)
    logs = _logs(values)
    if logs is None or len(logs) < MIN_TRIALS:
        return None
    return _interval(_resampled(logs), confidence)


def paired_ratio(numerators: Figures, denominators: Figures, confidence: float = 0.95) -> Interval | None:
    """Interval of the geometric mean of the ratios a / b of blocks, each of which has one figure a and one figure b.

    What slows both trials of a block down by the same factor cancels, such as a slow drift of the machine. The ratio
    says nothing on what differs within a block: see `order_effect`. The method is that of `typical`, on log(a / b).

    Args:
        numerators: the figures a in the order of the blocks, shape (blocks,).
        denominators: the figures b of the same blocks, same shape.

    Returns:
        None if there are fewer than `MIN_TRIALS` blocks, or any figure is not positive and finite.

    Raises:
        ValueError: the two differ in length, or `confidence` is not between 0.5 and 1.
    """
    _check(confidence)
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} numerators cannot be paired with {len(denominators)} denominators")
    over, under = _logs(numerators), _logs(denominators)
    if over is None or under is None or len(over) < MIN_TRIALS:
        return None
    return _interval(_resampled(over - under), confidence)


@dataclass(frozen=True)
class Detectable:
    """The least ratio that is found with a certain probability, by what it has to be beyond a bound.

    Attributes:
        by_interval: the factor by which the true ratio has to lie beyond a bound, so that the whole interval does.
        by_estimate: the factor by which it has to, so that the estimate does.
    """

    by_interval: float
    by_estimate: float


@dataclass(frozen=True)
class UnpairedRatio:
    """The ratio of two independent runs, before it is known with what confidence it is wanted."""

    _difference: _Mean

    def interval(self, confidence: float = 0.95) -> Interval:
        """Interval of the ratio; with more confidence, it holds all that it holds with less.

        Raises:
            ValueError: `confidence` is not between 0.5 and 1.
        """
        _check(confidence)
        return _interval(self._difference, confidence)

    def detectable(self, confidence: float, power: float = POWER) -> Detectable:
        """What ratio two further runs of as many trials would show, with probability `power`, at `confidence`.

        Let s be the standard error of the mean log ratio, and c half the width of its interval in units of s. A ratio
        that lies beyond a bound by K s is shown if Z + K U > c V. Z is the error of the further runs' estimate in units
        of the true standard error, and normal. U and V are the standard errors of these and of those runs in the same
        units. Neither is the true one: they vary, independently, like the root of a chi-squared over its degrees of
        freedom. K is such that this happens with probability `power`, with the sum taken for normal. To take s for the
        true standard error, as the usual formula does, finds 70 % of the changes that it says 80 % of (six trials).

        Where noise has a long tail, less is found: 73 % instead of 80 %, if its logarithm is exponential.

        Raises:
            ValueError: `confidence` or `power` is not between 0.5 and 1.
        """
        _check(confidence)
        _check(power)
        error = math.sqrt(self._difference.variance)
        if error == 0:
            return Detectable(1.0, 1.0)
        interval = _interval(self._difference, confidence)
        if not 0 < interval.low < interval.high < math.inf:
            return Detectable(math.inf, math.inf)
        reach = (math.log(interval.high) - math.log(interval.low)) / 2 / error
        with np.errstate(over="ignore"):
            factors = np.exp([error * _needed(each, power, self._difference.freedom) for each in (reach, 0.0)])
        return Detectable(*factors.tolist())


def unpaired_ratio(new: Figures, old: Figures) -> UnpairedRatio | None:
    """The ratio new / old of the geometric means of two independent runs, one positive figure per trial.

    The method is that of `typical`, on the difference of the mean logs with Welch's standard error, so that the runs
    may differ in noise and in the number of trials. What changed on the machine between the runs is part of the ratio.

    Returns:
        None if either run has fewer than `MIN_TRIALS` figures, or any figure is not positive and finite.
    """
    over, under = _logs(new), _logs(old)
    if over is None or under is None or min(len(over), len(under)) < MIN_TRIALS:
        return None
    # With the same random numbers, runs of equal length would be resampled in step, as if they were paired.
    return UnpairedRatio(_resampled(over, stream=0).minus(_resampled(under, stream=1)))


def adjusted(confidence: float, comparisons: int) -> float:
    """The confidence each of `comparisons` intervals needs, so that all of them hold with `confidence` (Bonferroni).

    Raises:
        ValueError: `confidence` is not between 0.5 and 1, or there is no comparison.
    """
    _check(confidence)
    if comparisons < 1:
        raise ValueError(f"{comparisons} comparisons: there must be one at least")
    return 1 - (1 - confidence) / comparisons


def step_down(claims: Sequence[Callable[[float], bool]], confidence: float) -> list[float]:
    """The confidence each of `claims` is judged with, so that with `confidence` none of those made is wrong.

    Holm's step-down (1979, Scandinavian Journal of Statistics 6, "A simple sequentially rejective multiple test
    procedure"), whatever the claims have to do with each other. All m of them are judged as by `adjusted`. With k of
    them made, the others are judged anew as if they were m - k, until no further one can be made. (Holm makes the
    clearest one alone in each step. All that can be made at once follow in the next steps, with less confidence.)

    Args:
        claims: whether the data show each claim with the confidence given. What they show, they show with less, too.

    Returns:
        With what confidence a claim was made or, if it could not be, with what it was judged last.

    Raises:
        ValueError: `confidence` is not between 0.5 and 1.
    """
    judged: dict[int, float] = {}
    left = list(range(len(claims)))
    while left:
        each = adjusted(confidence, len(left))
        judged |= dict.fromkeys(left, each)
        unmade = [at for at in left if not claims[at](each)]
        if len(unmade) == len(left):
            break
        left = unmade
    return [judged[at] for at in range(len(claims))]


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
    residuals = _logs([figure for _, figure in values_in_order])
    trials = Counter(engines)
    if residuals is None or min(trials.values(), default=0) < MIN_TRIALS:
        return None
    positions = np.arange(len(engines), dtype=np.float64)
    for engine in trials:
        own = engines == engine
        residuals[own], positions[own] = _centred(residuals[own]), _centred(positions[own])
    if not residuals.any():
        # Figures without any spread have no tau, and no trend.
        return Trend(percent_per_trial=0.0, p_value=1.0)
    slope = float(scipy.stats.theilslopes(residuals, positions).slope)
    deviation = scipy.stats.norm.isf(scipy.stats.kendalltau(positions, residuals).pvalue / 2)
    deviation *= math.sqrt((len(engines) - len(trials)) / (len(engines) - 1))
    return Trend(percent_per_trial=math.expm1(slope) * 100, p_value=2 * float(scipy.stats.norm.sf(deviation)))


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
    logs = _logs(np.concatenate([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)]))
    if logs is None or min(len(first), len(second)) < 2:
        return None
    before, after = np.split(_centred(logs), [len(first)])
    test = scipy.stats.permutation_test(
        (before, after), _difference, vectorized=True, n_resamples=PERMUTATIONS, rng=np.random.default_rng(_SEED)
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
    _check(confidence)
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
    _check(confidence)
    if not len(x) == len(y) == len(groups):
        raise ValueError(f"{len(x)} x, {len(y)} y and {len(groups)} groups are not as many of each")
    log_x, log_y = _logs(x), _logs(y)
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
    over = np.concatenate([_centred(log_x[each]) for each in members])
    up = np.concatenate([_centred(log_y[each]) for each in members])
    squares = float(over @ over)
    slope = float(over @ up) / squares
    residuals = up - slope * over
    error = math.sqrt(float(residuals @ residuals) / freedom / squares)
    reach = float(scipy.stats.t.ppf((1 + confidence) / 2, freedom)) * error
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


def _check(confidence: float) -> None:
    if not 0.5 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0.5 and 1")


def _logs(values: Figures) -> NDArray[np.float64] | None:
    """Logarithms, shape (n,); None if any value is not positive and finite."""
    figures = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(figures) & (figures > 0)).all():
        return None
    return np.log(figures)


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` less their mean, shape (n,); exactly 0 if they are equal, which rounding would spoil."""
    shifted = values - values[0]
    centred: NDArray[np.float64] = shifted - shifted.mean()
    return centred


def _difference(one: NDArray[np.float64], other: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    difference: NDArray[np.float64] = one.mean(axis=axis) - other.mean(axis=axis)
    return difference


@lru_cache(maxsize=4)
def _draws(count: int, stream: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices below `count` and standard normal noise, of shape (count, RESAMPLES) each, not to be changed.

    Kept, as drawing them takes longer than all the rest. Streams are independent of each other.
    """
    random = np.random.default_rng([_SEED, stream])
    return random.integers(0, count, (count, RESAMPLES)), random.standard_normal((count, RESAMPLES))


def _resampled(logs: NDArray[np.float64], stream: int = 0) -> _Mean:
    """The mean of `logs`, shape (n,), and those of its smoothed resamples. The order of `logs` makes no difference."""
    count = len(logs)
    ordered = np.sort(logs)
    centred = _centred(ordered)
    deviation = float(centred.std(ddof=1))
    indices, noise = _draws(count, stream)
    resamples = centred[indices] + deviation / math.sqrt(count) * noise
    return _Mean(
        value=float(ordered.mean()),
        variance=deviation**2 / count,
        freedom=count - 1,
        errors=resamples.mean(axis=0),
        variances=resamples.var(axis=0, ddof=1) / count,
    )


def _interval(mean: _Mean, confidence: float) -> Interval:
    """The exponentials of `mean.value` and of the farther ends of its bootstrap-t and Student's t intervals."""
    estimate = math.exp(mean.value)
    if mean.variance == 0:
        return Interval(estimate, estimate, estimate, confidence)
    tail = (1 - confidence) / 2
    studentized = mean.errors / np.sqrt(mean.variances)
    least, greatest = np.quantile(studentized, [tail, 1 - tail], method="weibull")
    student = scipy.stats.t.ppf(1 - tail, mean.freedom)
    error = math.sqrt(mean.variance)
    ends = mean.value + error * np.array([-max(greatest, student), max(-least, student)])
    with np.errstate(over="ignore"):
        low, high = np.exp(ends).tolist()
    return Interval(estimate, low, high, confidence)


def _needed(reach: float, power: float, freedom: float) -> float:
    """K of `UnpairedRatio.detectable`, for c = `reach`: the greater root of m (K - c) = z sqrt(1 + (c^2 + K^2) v).

    m and v are mean and variance of U and of V, z is the normal distribution's quantile of `power`.
    """
    mean = math.sqrt(2 / freedom) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    squared, variance = mean**2, 1 - mean**2
    quantile = float(scipy.stats.norm.ppf(power)) ** 2
    leading = squared - quantile * variance
    if leading <= 0:
        return math.inf  # with so little known of the spread, no ratio is large enough
    rest = squared * reach**2 - quantile * (1 + variance * reach**2)
    return (squared * reach + math.sqrt((squared * reach) ** 2 - leading * rest)) / leading
