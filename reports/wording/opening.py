"""What a run's report begins with: whether the run is valid, who won, what was compared, and the figures to quote."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.results.correctness import Verdict
from harness.results.live_map import Dashboard
from harness.results.resilience import Resilience
from harness.results.result import EngineResult, Result
from harness.results.soak import Soak
from reports.wording.cautions import cautions, cold_text
from reports.wording.chaos import (
    all_passed,
    figures_of_faults,
    is_chaos,
    no_winner,
    reasons_of_faults,
    verdict_of_faults,
)
from reports.wording.contestants import differences
from reports.wording.dashboard import (
    all_held,
    effect_of_users,
    figures_of_users,
    reasons_of_users,
    verdict_of_users,
)
from reports.wording.delivery import price_sentences
from reports.wording.head import UNKNOWN_VERSION, Contestant, Head
from reports.wording.notes import asks_for_counts, most_trials
from reports.wording.quoted import QuotedFigure, quoted_figures
from reports.wording.setting import floor_text, floor_warning, machine_text, quiet_text, workload_text
from reports.wording.soak import all_sound, figures_of_soak, reasons_of_soak
from reports.wording.summary import engine_title
from reports.wording.winner import compared, short_note, winner_sentences, winners_in_short

NO_WINNER_SINGLE_TRIAL = "No winner is named: a single trial per engine gives no interval."
NO_WINNER_INVALID = "No winner is named: the run is invalid."
NO_WINNER_ONE_ENGINE = "No winner is named: there is one engine only."

INVALID = "INVALID RUN. These numbers must not be used."


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
    if not comparison or is_chaos(result):
        nobody = (_why_nobody(result),)
        return Opening(title, (), nobody, nobody, *nobody)
    brief = [*winner_sentences(comparison, short=True), short_note(comparison)]
    short = tuple(line for line in brief if line)
    return Opening(title, (), winner_sentences(comparison), short, winners_in_short(comparison))


def _why_nobody(result: Result) -> str:
    """Why no winner is named of a valid run whose engines were not compared, or which is about faults."""
    if result.resilience and is_chaos(result):
        return no_winner(result.resilience)
    return NO_WINNER_SINGLE_TRIAL if most_trials(result) < 2 else NO_WINNER_ONE_ENGINE


def head_of(result: Result) -> Head:
    """The same, with what was compared, on what machine, and the figures that people quote."""
    opening = opening_of(result)
    head = Head(
        good=result.valid,
        verdict=opening.title,
        reasons=opening.reasons,
        in_short=(opening.in_short,),
        contestants=tuple(map(_contestant, result.engines)),
        compared=(*differences(result), *price_sentences(result), workload_text(result)),
        setting=(
            ("Machine", machine_text(result.environment)),
            ("How quiet it was", quiet_text(result)),
            ("The harness alone", floor_text(result.environment)),
        ),
        figures=tuple(quoted_figures(result)),
        cautions=tuple(cautions(result)),
        conclusions=("Winners" if len(opening.winners) > 1 else "Winner", opening.winners),
        invalid="" if result.valid else INVALID,
        picture_warnings=tuple(filter(None, [floor_warning(result)])),
    )
    if result.soak:
        return _of_soak(head, result.soak, result.resilience)
    if result.resilience and is_chaos(result):
        return _of_chaos(head, result.resilience)
    return _of_users(head, result.dashboard) if result.dashboard else head


def _of_soak(head: Head, found: Soak, faults: Resilience | None) -> Head:
    """The same of a soak test: what leaks is its verdict, and what did not come through its faults."""
    return replace(
        _about_else(head, figures_of_soak(found)),
        good=head.good and all_sound(found) and (faults is None or all_passed(faults)),
        reasons=(*head.reasons, *reasons_of_soak(found), *(reasons_of_faults(faults) if faults else ())),
    )


def _of_users(head: Head, found: Dashboard) -> Head:
    """The same of a load test of the live map: what its users experienced is its verdict."""
    about = _about_else(head, figures_of_users(found), verdict_of_users(found), tuple(effect_of_users(found)))
    return replace(about, good=head.good and all_held(found), reasons=(*head.reasons, *reasons_of_users(found)))


def _of_chaos(head: Head, found: Resilience) -> Head:
    """The same of a run that is about faults: these are its verdict and its figures."""
    about = _about_else(head, figures_of_faults(found), verdict_of_faults(found), head.in_short)
    return replace(about, good=head.good and all_passed(found), reasons=(*head.reasons, *reasons_of_faults(found)))


def _about_else(
    head: Head, figures: tuple[QuotedFigure, ...], verdict: str | None = None, in_short: tuple[str, ...] = ()
) -> Head:
    """The head of a result that is not about who wins; that a run is invalid is said rather than its own `verdict`."""
    if verdict is not None and not head.invalid:
        head = replace(head, verdict=verdict, in_short=in_short)
    return replace(head, figures=figures, conclusions=("", ()), picture_warnings=())


def _contestant(engine: EngineResult) -> Contestant:
    version = engine.version or UNKNOWN_VERSION
    return Contestant(engine.name, engine_title(engine), version, engine.verdict.value, tuple(engine.reasons))


def _leaks_text(result: Result) -> str:
    """Of a soak test, whether anything leaks; what was not judged is not told of here."""
    growth = [each for trial in result.soak.trials for each in trial.growth] if result.soak else []
    judged = sum(each.verdict != "not judged" for each in growth)
    leaking = sum(each.verdict == "fail" for each in growth)
    return f", {leaking} of {judged} resources that were judged leak" if growth else ""
