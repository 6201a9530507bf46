"""What is said where a baseline is missing."""

from __future__ import annotations

from harness.conclusions.headline_figures import BASELINE, ratios_to_baseline
from harness.conclusions.headline_figures import headline as headline_of
from harness.results.result import Result
from reports.wording.notes import asks_for_counts
from reports.wording.numbers import decimal

NO_BASELINE = "no baseline"
HOW_TO_HAVE_A_BASELINE = (
    "There is no baseline in this run: with --engine baseline beside the other engines, or `baseline` among the "
    "scenario's `engines`, it tells what a single thread does with the same records (COST)."
)


def baseline_notes(result: Result) -> list[str]:
    """What each engine is worth against one thread, or how to find out; nothing of a run that must not be used."""
    if not result.valid or not asks_for_counts(result):
        return []
    if all(engine.name != BASELINE for engine in result.engines):
        return [HOW_TO_HAVE_A_BASELINE]
    ratios = ratios_to_baseline(result.engines)
    notes = []
    for name in dict.fromkeys(each.engine for each in ratios):
        own = [f"{headline_of(each.figure).label} {decimal(each.ratio)} x" for each in ratios if each.engine == name]
        notes.append(f"{name} against the baseline, which is one thread (COST): {', '.join(own)}.")
    return notes
