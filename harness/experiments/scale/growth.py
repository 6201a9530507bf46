"""What a scaling's trials say: exponents of growth, and how much the base point differed by itself."""

from collections.abc import Sequence

from harness.numerics.trends import power_law
from harness.results.scale import (
    Dimension,
    FitQuality,
    ScaleControl,
    ScaledFigure,
    ScaleFit,
    ScalePoint,
    ScaleTrial,
    figure_of,
    level_of,
)

CONFIDENCE = 0.95
#: A level that lies off the line by more than this makes a fit poor: the law does not hold there.
TOLERATED_OFF = 1.25
#: An interval that reaches farther than this from the exponent makes a fit poor: it could be half as much or more.
TOLERATED_REACH = 0.5


def fits(trials: Sequence[ScaleTrial], engines: Sequence[str], varied: Sequence[Dimension]) -> list[ScaleFit]:
    """A fit, or why there is none, for each engine, varied dimension and figure."""
    counted = {name: [each for each in trials if each.engine == name and each.counted] for name in engines}
    return [
        fit(counted[engine], engine, dimension, figure)
        for engine in engines
        for dimension in varied
        for figure in ScaledFigure
    ]


def fit(trials: Sequence[ScaleTrial], engine: str, dimension: Dimension, figure: ScaledFigure) -> ScaleFit:
    """How `figure` grows with `dimension` among `trials`, all of them counted; other dimensions make the groups."""
    measured = [(each, value) for each in trials if (value := figure_of(each, figure)) is not None]
    found = power_law(
        [float(level_of(each, dimension)) for each, _ in measured],
        [value for _, value in measured],
        [each.point.without(dimension) for each, _ in measured],
        CONFIDENCE,
    )
    if isinstance(found, str):
        return ScaleFit(
            engine=engine,
            dimension=dimension,
            figure=figure,
            quality=FitQuality.NONE,
            why=found,
            exponent=None,
            low=None,
            high=None,
            confidence=CONFIDENCE,
            trials=len(measured),
            off_percent=None,
        )
    interval, off_percent = found.exponent, (found.off - 1) * 100
    reasons = []
    if found.off > TOLERATED_OFF:
        reasons.append(f"a level lies {off_percent:.0f} % off the line: no power law")
    if interval.high - interval.estimate > TOLERATED_REACH:
        reasons.append("too few or too noisy trials: the interval is wide")
    return ScaleFit(
        engine=engine,
        dimension=dimension,
        figure=figure,
        quality=FitQuality.POOR if reasons else FitQuality.GOOD,
        why="; ".join(reasons),
        exponent=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=CONFIDENCE,
        trials=found.trials,
        off_percent=off_percent,
    )


def controls(trials: Sequence[ScaleTrial], engines: Sequence[str], base: ScalePoint) -> list[ScaleControl]:
    """How much the figures of the base point differed; of engines that have two counted trials of it or more."""
    found = []
    for engine in engines:
        own = [each for each in trials if each.engine == engine and each.counted and each.point == base]
        for figure in ScaledFigure:
            values = [value for each in own if (value := figure_of(each, figure))]
            if len(values) > 1:
                spread = (max(values) / min(values) - 1) * 100
                found.append(ScaleControl(engine=engine, figure=figure, trials=len(values), spread_percent=spread))
    return found
