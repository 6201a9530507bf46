"""What stands out: z-scores of counts per second, and anomalies of counties. Pure NumPy.

**Expectation.** A series is the counts per second of a county, or of an operator in a county. Its expected count in a
window is its share of the state's total, times the state's total in the same window, so that what all counties do
together, such as the time of day, is no anomaly. Its share is that of the baseline: of the last `BASELINE_WINDOWS`
finished windows without the newest `EXCLUDED_WINDOWS`, so that an anomaly does not hide itself at once.

**Robustness.** A share is a trailing mean, and each count goes into it cut off at `CUT_DEVIATIONS` from the series'
median. So an anomaly of up to a third of a baseline neither hides a second one nor leaves its own echo, a seeming lack
when it is over. A mean, not an average with decaying weights: its error is known, and it forgets in a known time. A
median alone would be 0 for rare counts. The state's total, too, must not follow a single county: it is what the
counties that do not stand out in the window (by `CUT_DEVIATIONS` + 1 of what the weighted median of all says) have,
divided by their shares.

**Deviation.** z = (x - mu) / sqrt(max(var, mu, 1)). Counts of independent records are Poisson distributed, and their
variance is the mean: never less is assumed. 1 is for counties with next to no records.

**Anomalies.** A county's score is that of the sum of its last `MEAN_WINDOWS` counts, which makes it sensitive to what
lasts. Its denominator has also the baseline's own error, of `MEAN_WINDOWS` / n in n windows. An anomaly begins when the
score is above the threshold, on one side, in `RUN_WINDOWS` windows in a row, and ends when it is below half of it.

**Threshold.** P(abs(N(0, 1)) > threshold) = 1 / (counties * `FALSE_ALARM_S`): were scores normal and independent, one
of all counties would be above it once in an hour. Scores of small counts have longer tails than the normal
distribution, but have to be above it in several windows in a row. Both together make one or two false alarms in ten
hours of Poisson counts, at 200 to 30,000 records per second; `tests/unit/viewer/test_zscore.py`
counts them in shorter times.
"""

from collections import deque
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import OPERATORS
from workloads.california import COUNTIES

BASELINE_WINDOWS = 60
EXCLUDED_WINDOWS = 5
#: No scores before the baseline has so many windows.
WARMUP_WINDOWS = 20
CUT_DEVIATIONS = 3.0
MEAN_WINDOWS = 3
RUN_WINDOWS = 3
FALSE_ALARM_S = 3600
#: The newest anomalies are kept.
MAX_ANOMALIES = 100

THRESHOLD = NormalDist().inv_cdf(1 - 1 / (2 * len(COUNTIES) * FALSE_ALARM_S))
FORMULA = (
    "z = (x - mu) / sqrt(max(var, mu, 1)); "
    f"mu = share of the state in the last {BASELINE_WINDOWS} windows before the newest {EXCLUDED_WINDOWS}, "
    "times the state's total now; "
    f"threshold: P(|N(0,1)| > threshold) = 1 / ({len(COUNTIES)} counties x {FALSE_ALARM_S} s), "
    f"for {RUN_WINDOWS} windows in a row"
)

Floats = NDArray[np.float64]

_ROUNDING = 1e-9
_COUNTIES = len(COUNTIES)
_SHAPE = (_COUNTIES, len(OPERATORS))


@dataclass
class Anomaly:
    """A county with far more, or far fewer, records than expected.

    Attributes:
        county: its number.
        since_s: the first window above the threshold, in seconds since the Unix epoch.
        until_s: the first window below half of it again; None while it lasts.
        peak_z: the score that is farthest from 0.
        factor: what there was then, divided by what was expected; NaN if nothing was.
    """

    county: int
    since_s: int
    until_s: int | None
    peak_z: float
    factor: float


class Detector:
    """Scores windows one after the other, each once, as its counts are then.

    Attributes:
        z: scores of the newest window, shape (counties, operators); NaN in the warm-up.
        county_z: scores of the counties over the last `MEAN_WINDOWS` windows, shape (counties,); NaN in the warm-up.
        anomalies: the newest `MAX_ANOMALIES`, in the order of their beginning.
        version: goes up when an anomaly begins, changes or ends.
        last_s: the newest window that was added, in seconds since the Unix epoch; None before the first.
    """

    def __init__(self) -> None:
        self.z: Floats = np.full(_SHAPE, np.nan)
        self.county_z: Floats = np.full(_COUNTIES, np.nan)
        self.anomalies: deque[Anomaly] = deque(maxlen=MAX_ANOMALIES)
        self.version = 0
        self.last_s: int | None = None
        self._rows: Floats = np.empty((0, _COUNTIES + _SHAPE[0] * _SHAPE[1]))
        self._levels: Floats = np.empty(0)
        self._recent: deque[tuple[Floats, Floats, Floats]] = deque(maxlen=MEAN_WINDOWS)
        self._runs = _Runs()

    def add(self, window_s: int, counts: NDArray[np.int64]) -> None:
        """Score the next finished window: its counts by county and operator, shape (counties, operators).

        Raises:
            ValueError: it does not follow the last one.
        """
        if self.last_s is not None and window_s != self.last_s + 1:
            raise ValueError(f"window {window_s} does not follow window {self.last_s}")
        self.last_s = window_s
        row = np.concatenate([counts.sum(axis=1), counts.ravel()]).astype(np.float64)
        windows = min(max(len(self._rows) - EXCLUDED_WINDOWS, 0), BASELINE_WINDOWS)
        level = self._score(row, windows) if windows >= WARMUP_WINDOWS else float(counts.sum())
        kept = BASELINE_WINDOWS + EXCLUDED_WINDOWS - 1
        self._rows = np.vstack([self._rows[-kept:], row])
        self._levels = np.append(self._levels[-kept:], level)

    def _score(self, row: Floats, windows: int) -> float:
        """Score `row` against a baseline of so many windows. Returns the state's total without what stands out."""
        baseline = slice(-EXCLUDED_WINDOWS - windows, -EXCLUDED_WINDOWS)
        shares, variances = _fit(self._rows[baseline], self._levels[baseline])
        level = _level(row[:_COUNTIES], shares[:_COUNTIES])
        expected = shares * level
        variance = np.maximum(np.maximum(variances * level, expected), 1.0)
        self.z = ((row - expected) / np.sqrt(variance))[_COUNTIES:].reshape(_SHAPE)
        self._recent.append((row[:_COUNTIES], expected[:_COUNTIES], variance[:_COUNTIES]))
        if len(self._recent) == MEAN_WINDOWS:
            self._score_counties(windows)
        return level

    def _score_counties(self, windows: int) -> None:
        counts, expected, variance = np.array(self._recent).sum(axis=0)
        self.county_z = (counts - expected) / np.sqrt(variance * (1 + MEAN_WINDOWS / windows))
        factors = np.divide(counts, expected, out=np.full(_COUNTIES, np.nan), where=expected > 0)
        assert self.last_s is not None
        if self._runs.add(self.last_s, self.county_z, factors, self.anomalies):
            self.version += 1


class _Runs:
    """For each county, how many windows in a row its score has been above the threshold, and its anomaly, if any."""

    def __init__(self) -> None:
        self._lengths = np.zeros(_COUNTIES, dtype=np.int64)
        self._sides = np.zeros(_COUNTIES)
        self._peaks = np.zeros(_COUNTIES)
        self._factors = np.ones(_COUNTIES)
        self._open: dict[int, Anomaly] = {}

    def add(self, window_s: int, scores: Floats, factors: Floats, anomalies: deque[Anomaly]) -> bool:
        """Take a window's scores; append to `anomalies` what begins. Returns whether anything has changed."""
        sides = np.where(np.abs(scores) > THRESHOLD, np.sign(scores), 0.0)
        goes_on = (sides != 0) & (sides == self._sides)
        self._lengths = np.where(sides == 0, 0, np.where(goes_on, self._lengths + 1, 1))
        self._sides = sides
        higher = ~goes_on | (np.abs(scores) > np.abs(self._peaks))
        self._peaks = np.where(higher, scores, self._peaks)
        self._factors = np.where(higher, factors, self._factors)
        changed = [self._follow(anomaly, window_s, scores) for anomaly in list(self._open.values())]
        for county in np.flatnonzero(self._lengths >= RUN_WINDOWS).tolist():
            if county not in self._open:
                self._open[county] = self._begin(county, window_s - RUN_WINDOWS + 1)
                anomalies.append(self._open[county])
                changed.append(True)
        return any(changed)

    def _begin(self, county: int, since_s: int) -> Anomaly:
        return Anomaly(county, since_s, None, float(self._peaks[county]), float(self._factors[county]))

    def _follow(self, anomaly: Anomaly, window_s: int, scores: Floats) -> bool:
        county = anomaly.county
        if scores[county] * np.sign(anomaly.peak_z) < THRESHOLD / 2:
            anomaly.until_s = window_s
            del self._open[county]
            return True
        if abs(self._peaks[county]) > abs(anomaly.peak_z) and self._peaks[county] * anomaly.peak_z > 0:
            anomaly.peak_z, anomaly.factor = float(self._peaks[county]), float(self._factors[county])
            return True
        return False


def _fit(rows: Floats, levels: Floats) -> tuple[Floats, Floats]:
    """Shares of the state's total, and variances for each record of it, of series in a baseline.

    Args:
        rows: counts, shape (windows, series); the counties come first.
        levels: the state's total in each window, shape (windows,).

    Returns:
        Two arrays of shape (series,), all 0 if there are no records. The counties' shares add up to 1.
    """
    busy = levels > 0
    if not busy.any():
        return np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    middles = _median(rows[busy] / levels[busy, np.newaxis], levels[busy]) * levels[:, np.newaxis]
    spans = CUT_DEVIATIONS * np.sqrt(np.maximum(middles, 1.0))
    cut = np.clip(rows, middles - spans, middles + spans)
    shares = cut.sum(axis=0) / levels.sum()
    variances = np.square(cut - shares * levels[:, np.newaxis]).mean(axis=0) / levels.mean()
    whole = shares[:_COUNTIES].sum()
    return (shares / whole, variances / whole) if whole > 0 else (shares, variances)


def _median(values: Floats, weights: Floats) -> Floats:
    """Medians, shape (series,), of values of shape (windows, series); windows have weights, shape (windows,).

    Windows with few records say little: where counts are small, their median is 0, whatever the share.
    """
    columns = np.ascontiguousarray(values.T)
    order = np.argsort(columns, axis=1)
    passed = np.cumsum(weights[order], axis=1) / weights.sum()
    # Two values share the middle if the windows below and above it weigh the same.
    middles = [(passed > 0.5 + side).argmax(axis=1)[:, np.newaxis] for side in (-_ROUNDING, _ROUNDING)]
    low, high = (np.take_along_axis(columns, np.take_along_axis(order, each, axis=1), axis=1) for each in middles)
    medians: Floats = ((low + high) / 2)[:, 0]
    return medians


def _level(counts: Floats, shares: Floats) -> float:
    """The state's total in a window, as the counties that do not stand out in it tell it.

    Args:
        counts: by county, shape (counties,).
        shares: the same shape.
    """
    known = np.flatnonzero(shares > 0)
    if not len(known):
        return float(counts.sum())
    told = counts[known] / shares[known]
    order = np.argsort(told)
    weights = np.cumsum(shares[known][order])
    middle = told[order][np.searchsorted(weights, weights[-1] / 2)]
    expected = shares * middle
    stands_out = np.abs(counts - expected) > (CUT_DEVIATIONS + 1) * np.sqrt(np.maximum(expected, 1.0))
    quiet = known[~stands_out[known]]
    # Where most stand out, there is no telling which of them are right.
    if shares[quiet].sum() < 0.5:
        quiet = known
    return float(counts[quiet].sum() / shares[quiet].sum())
