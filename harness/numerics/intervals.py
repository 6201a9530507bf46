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

**What to expect.** Simulated (`tests/unit/harness/numerics/test_intervals.py` repeats the essential part), with 6 to
12 trials:

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

#: With fewer trials there is no interval; the module's description says why.
MIN_TRIALS = 6
#: A change is called detectable that is found with this probability.
POWER = 0.8
#: Enough for five in each tail at a confidence of 99.9 %.
RESAMPLES = 9_999
SEED = 1
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

    def __str__(self) -> str:
        return f"{self.estimate:.2f} ({self.low:.2f} to {self.high:.2f})"

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval."""
        return value < self.low or value > self.high


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
    check_confidence(confidence)
    logs = logarithms(values)
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
    check_confidence(confidence)
    if len(numerators) != len(denominators):
        raise ValueError(f"{len(numerators)} numerators cannot be paired with {len(denominators)} denominators")
    over, under = logarithms(numerators), logarithms(denominators)
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
        check_confidence(confidence)
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
        check_confidence(confidence)
        check_confidence(power)
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
    over, under = logarithms(new), logarithms(old)
    if over is None or under is None or min(len(over), len(under)) < MIN_TRIALS:
        return None
    # With the same random numbers, runs of equal length would be resampled in step, as if they were paired.
    return UnpairedRatio(_resampled(over, stream=0).minus(_resampled(under, stream=1)))


def adjusted(confidence: float, comparisons: int) -> float:
    """The confidence each of `comparisons` intervals needs, so that all of them hold with `confidence` (Bonferroni).

    Raises:
        ValueError: `confidence` is not between 0.5 and 1, or there is no comparison.
    """
    check_confidence(confidence)
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


def check_confidence(confidence: float) -> None:
    if not 0.5 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0.5 and 1")


def logarithms(values: Figures) -> NDArray[np.float64] | None:
    """Logarithms, shape (n,); None if any value is not positive and finite."""
    figures = np.asarray(values, dtype=np.float64)
    if not (np.isfinite(figures) & (figures > 0)).all():
        return None
    return np.log(figures)


def without_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` less their mean, shape (n,); exactly 0 if they are equal, which rounding would spoil."""
    shifted = values - values[0]
    centred: NDArray[np.float64] = shifted - shifted.mean()
    return centred


@lru_cache(maxsize=4)
def _draws(count: int, stream: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices below `count` and standard normal noise, of shape (count, RESAMPLES) each, not to be changed.

    Kept, as drawing them takes longer than all the rest. Streams are independent of each other.
    """
    random = np.random.default_rng([SEED, stream])
    return random.integers(0, count, (count, RESAMPLES)), random.standard_normal((count, RESAMPLES))


def _resampled(logs: NDArray[np.float64], stream: int = 0) -> _Mean:
    """The mean of `logs`, shape (n,), and those of its smoothed resamples. The order of `logs` makes no difference."""
    count = len(logs)
    ordered = np.sort(logs)
    centred = without_mean(ordered)
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
    student = float(special.stdtrit(mean.freedom, 1 - tail))
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
    quantile = float(special.ndtri(power)) ** 2
    leading = squared - quantile * variance
    if leading <= 0:
        return math.inf  # with so little known of the spread, no ratio is large enough
    rest = squared * reach**2 - quantile * (1 + variance * reach**2)
    return (squared * reach + math.sqrt((squared * reach) ** 2 - leading * rest)) / leading
