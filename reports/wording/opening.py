"""The first sentence of a report: whether the run is valid, and who won."""

from __future__ import annotations

from dataclasses import dataclass

from harness.results.correctness import Verdict
from harness.results.result import Result
from reports.wording.cautions import cold_text
from reports.wording.notes import asks_for_counts, most_trials
from reports.wording.winner import compared, short_note, winner_sentences, winners_in_short

NO_WINNER_SINGLE_TRIAL = "No winner is named: a single trial per engine gives no interval."
NO_WINNER_INVALID = "No winner is named: the run is invalid."
NO_WINNER_ONE_ENGINE = "No winner is named: there is one engine only."


@dataclass(frozen=True)
class Opening:
    """The first thing a reader must know: whether the run counts, why not, and who won, or why nobody is named.

    Attributes:
        short_winners: the same as `winners`, for a terminal.
        in_short: who won, or why nobody did, in one sentence.
    """

    title: str
    reasons: tuple[str, ...]
    winners: tuple[str, ...]
    short_winners: tuple[str, ...]
    in_short: str


def opening_of(result: Result) -> Opening:
    """Whether the run is valid, the reasons if it is not, and the winners that its comparison names."""
    if not result.valid:
        reasons = tuple(result.invalid_reasons) or ("no reason was recorded",)
        nobody = (NO_WINNER_INVALID,)
        return Opening("Invalid run: its numbers must not be used", reasons, nobody, nobody, *nobody)
    passed = sum(engine.verdict is Verdict.PASS for engine in result.engines)
    do = "count" if asks_for_counts(result) else "answer"
    title = (
        f"Valid run: {passed} of {len(result.engines)} engines proven to {do} right{_leaks_text(result)}"
        f"{cold_text(result)}"
    )
    comparison = compared(result)
    if not comparison:
        nobody = (NO_WINNER_SINGLE_TRIAL if most_trials(result) < 2 else NO_WINNER_ONE_ENGINE,)
        return Opening(title, (), nobody, nobody, *nobody)
    brief = [*winner_sentences(comparison, short=True), short_note(comparison)]
    short = tuple(line for line in brief if line)
    return Opening(title, (), winner_sentences(comparison), short, winners_in_short(comparison))


def _leaks_text(result: Result) -> str:
    """Of a soak test, whether anything leaks; what was not judged is not told of here."""
    growth = [each for trial in result.soak.trials for each in trial.growth] if result.soak else []
    judged = sum(each.verdict != "not judged" for each in growth)
    leaking = sum(each.verdict == "fail" for each in growth)
    return f", {leaking} of {judged} resources that were judged leak" if growth else ""
