"""How figures grow with a load, in words, and what stands at the top of a scaling's page."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results.scale import Dimension, FitQuality, Scale, ScaledFigure, ScaleFit
from reports.wording.cautions import Caution
from reports.wording.contestants import differences
from reports.wording.head import UNKNOWN_VERSION, Contestant, Head
from reports.wording.numbers import NOT_MEASURED
from reports.wording.quoted import Quoted, QuotedFigure
from reports.wording.setting import floor_text, machine_text
from reports.wording.winner import and_text, confidence_text

NO_FIT = "no fit"
POOR = "poor fit"
FIT_NOTE = (
    "A figure grows as the dimension to the power of the exponent: 1 is in proportion, 0 not at all. Least squares on "
    "logarithms, with {percent:g} % intervals."
)


def head_of_scale(scale: Scale) -> Head:
    """The head of a scaling's page: by which power of each dimension CPU time grows."""
    found = _cautions(scale)
    design = "Every combination of levels" if scale.full else "One dimension at a time is varied"
    return Head(
        good=scale.finished and any(each.counted for each in scale.trials),
        verdict=_verdict(scale),
        reasons=(scale.missing.text(),) if scale.missing else (),
        in_short=tuple(text for each in scale.engines if (text := spread_text(scale, each.name))),
        contestants=tuple(Contestant(each.name, each.name, each.version or UNKNOWN_VERSION) for each in scale.engines),
        compared=(*differences(scale), f"{design}, around the base point: {scale.base.text()}."),
        setting=(("Machine", machine_text(scale.environment)), ("The harness alone", floor_text(scale.environment))),
        figures=tuple(_figure(scale, dimension, found) for dimension in varied(scale)),
        cautions=tuple(each.text for each in found),
    )


def varied(scale: Scale) -> list[Dimension]:
    """The dimensions that have several levels."""
    return [dimension for dimension in Dimension if len(scale.levels[dimension]) > 1]


def fit_of(scale: Scale, engine: str, dimension: Dimension, figure: ScaledFigure) -> ScaleFit | None:
    """How a figure of an engine grows with a dimension; None if nobody looked."""
    found = (fit for fit in scale.fits if (fit.engine, fit.dimension, fit.figure) == (engine, dimension, figure))
    return next(found, None)


def hundredths(number: float) -> str:
    """`number` to two places, and what rounds to nothing without a sign."""
    return f"{round(number, 2) + 0.0:.2f}"


def spread_text(scale: Scale, engine: str) -> str:
    """By how much the base point's own figures differed, in a line; empty if it was not repeated."""
    own = [each for each in scale.controls if each.engine == engine]
    if not own:
        return ""
    said = ", ".join(f"{each.figure.value} {each.spread_percent:.0f} %" for each in own)
    return f"{engine}: the base point, measured {own[0].trials} times, differed by itself: {said}."


def _verdict(scale: Scale) -> str:
    """How CPU time per record grows with the first dimension, in one sentence."""
    if not scale.finished:
        return f"Not finished: {len(scale.trials)} of {scale.planned_trials} trials were made"
    if not (dimensions := varied(scale)):
        return "Nothing was varied"
    fits = [(each.name, fit_of(scale, each.name, dimensions[0], ScaledFigure.CPU)) for each in scale.engines]
    said = [f"{hundredths(fit.exponent)} of {name}" for name, fit in fits if fit and fit.exponent is not None]
    if not said:
        return f"No power law was fitted of CPU time per record by {dimensions[0]}"
    return f"CPU time per record grows with the {dimensions[0]} to the power of {and_text(said)}"


def _figure(scale: Scale, dimension: Dimension, found: Sequence[Caution]) -> QuotedFigure:
    rows = tuple(_quoted(scale, each.name, dimension, found) for each in scale.engines)
    about = "1 is in proportion, 0 not at all"
    return QuotedFigure(f"CPU per record by {dimension}", "exponent", about, rows, "")


def _quoted(scale: Scale, engine: str, dimension: Dimension, found: Sequence[Caution]) -> Quoted:
    fit = fit_of(scale, engine, dimension, ScaledFigure.CPU)
    marks = tuple((each.mark, place) for place, each in enumerate(found) if each.engine == engine)
    if fit is None:
        return Quoted(engine, NOT_MEASURED, "", marks)
    if fit.exponent is None or fit.low is None or fit.high is None:
        return Quoted(engine, NO_FIT, fit.why, marks)
    poor: tuple[tuple[str, int | None], ...] = ((f"{POOR}: {fit.why}", None),) if fit.quality is FitQuality.POOR else ()
    ends = f"{confidence_text(fit.confidence)} %: {hundredths(fit.low)} to {hundredths(fit.high)}"
    return Quoted(engine, hundredths(fit.exponent), ends, (*poor, *marks))


def _cautions(scale: Scale) -> list[Caution]:
    """Of each engine, which trials are not counted."""
    cautions = []
    for engine in scale.engines:
        own = [each for each in scale.trials if each.engine == engine.name]
        left_out = [each for each in own if not each.counted]
        if left_out:
            why = "; ".join(dict.fromkeys(reason for each in left_out for reason in each.reasons[:1]))
            text = f"{engine.name}: {len(left_out)} of {len(own)} trials are not counted in fits: {why}"
            cautions.append(Caution(text, f"{len(left_out)} trial{'s' * (len(left_out) > 1)} left out", engine.name))
    return cautions
