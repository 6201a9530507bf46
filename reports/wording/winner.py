"""In which words a winner is named, or why none is. No winner is named but those that the result itself names."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.conclusions.headline_figures import headline
from harness.results.result import Comparison, Confidence, Ratio, Result


def interval_text(ratio: Confidence | None) -> str:
    """A ratio with its interval."""
    if ratio is None:
        return "no interval"
    estimate, low, high = ratio_texts(ratio)
    return f"{estimate} [{low}, {high}]"


MOST_DECIMALS = 6


def compared(result: Result) -> Comparison | None:
    """What may be said of the engines side by side: nothing of an invalid run, or of one trial each."""
    if not result.valid or all(len(engine.trials) < 2 for engine in result.engines):
        return None
    return result.comparison


def winner_sentences(comparison: Comparison, *, short: bool = False) -> tuple[str, ...]:
    """A sentence for each ratio: the winner, or why there is none. One for all, if none has one for one reason."""
    reasons = {ratio.why_not for ratio in comparison.ratios}
    if len(reasons) == 1 and not any(ratio.winner for ratio in comparison.ratios):
        return (f"No winner is named by any figure: {reasons.pop()}.",)
    return tuple(_sentence(ratio, short=short) for ratio in comparison.ratios)


def best_engine(comparison: Comparison, figure: str) -> str | None:
    """The engine that wins against every other by this figure; None if none does."""
    ratios = [ratio for ratio in comparison.ratios if ratio.figure == figure]
    names = dict.fromkeys(name for ratio in ratios for name in (ratio.a, ratio.b))
    wins = {name: sum(ratio.winner == name for ratio in ratios) for name in names}
    return next((name for name, won in wins.items() if won == len(names) - 1), None)


def winners_in_short(comparison: Comparison) -> str:
    """In one sentence, which engines are better than all others, and by which figures; or why none is."""
    best: dict[str, list[str]] = {}
    for figure in dict.fromkeys(ratio.figure for ratio in comparison.ratios):
        if name := best_engine(comparison, figure):
            best.setdefault(name, []).append(headline(figure).label)
    if best:
        return f"Best of all: {'; '.join(f'{name} by {and_text(labels)}' for name, labels in best.items())}."
    if any(ratio.winner for ratio in comparison.ratios):
        return "No engine is better than all others by any figure; some are better than one other."
    sentences = winner_sentences(comparison)
    return sentences[0] if len(sentences) == 1 else "No winner is named by any figure."


def and_text(parts: Sequence[str]) -> str:
    """`parts` as a sentence lists them."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _sentence(ratio: Ratio, *, short: bool) -> str:
    label = capitalised(headline(ratio.figure).label)
    if not ratio.winner or not ratio.ratio:
        return f"{label}: no winner between {ratio.a} and {ratio.b}: {ratio.why_not}"
    won, loser = (ratio.ratio, ratio.b) if ratio.winner == ratio.a else (_inverse(ratio.ratio), ratio.a)
    than = f"{ratio.winner} is {'lower' if won.estimate < 1 else 'higher'} than {loser}"
    estimate, low, high = ratio_texts(won)
    if short:
        return f"{label}: {than}, {estimate} ({low} to {high}){_worst_trial(ratio)}"
    interval = f"{confidence_text(won.confidence)} % interval {low} to {high}"
    by = f"by {percent_text(abs(1 - won.estimate))} % (ratio {estimate}, {interval})"
    return f"{label}: {than} {by}{_worst_trial(ratio)}"


def _worst_trial(ratio: Ratio) -> str:
    if ratio.winners_worst_trial is None:
        return ""
    return f"; the worst trial of {ratio.winner}: {ratio.winners_worst_trial:,.3g} {headline(ratio.figure).unit}"


def short_note(comparison: Comparison) -> str:
    """What the numbers in short sentences are; empty if there are none."""
    won = [ratio.ratio for ratio in comparison.ratios if ratio.winner and ratio.ratio]
    if not won:
        return ""
    return (
        f"Numbers: the ratio and its interval, at {confidence_text(won[0].confidence)} % each and "
        f"{confidence_text(comparison.confidence)} % together."
    )


def _inverse(ratio: Confidence) -> Confidence:
    return Confidence(estimate=1 / ratio.estimate, low=1 / ratio.high, high=1 / ratio.low, confidence=ratio.confidence)


def capitalised(text: str) -> str:
    """`text` as a sentence begins; capitals within it stay."""
    return text[:1].upper() + text[1:]


def ratio_texts(ratio: Confidence) -> tuple[str, str, str]:
    """Estimate and ends of a ratio's interval, to the same place.

    To two figures at least, and to two figures of an end's distance from 1: none must seem to be 1 that is not.
    """
    ends = (ratio.low, ratio.high)
    finest = min([ratio.low, *(abs(end - 1) for end in ends if end != 1)])
    decimals = 1 - math.floor(math.log10(finest)) if finest > 0 else 2
    decimals = min(max(decimals, 2 if ratio.low < 10 else 1 if ratio.low < 100 else 0), MOST_DECIMALS)
    estimate, low, high = (f"{value:,.{decimals}f}" for value in (ratio.estimate, *ends))
    return estimate, low, high


def percent_text(share: float) -> str:
    """`share` in percent, to two figures at least; never rounded up to all of it."""
    percent = 100 * share
    if 10 <= percent < 99 or percent >= 100:
        return f"{percent:,.0f}"
    return f"{math.floor(percent * 10) / 10:.1f}" if percent >= 99 else f"{percent:.2g}"


def confidence_text(confidence: float) -> str:
    """`confidence` in percent, to a tenth, never rounded up."""
    return f"{math.floor(1000 * confidence + 1e-6) / 10:g}"
