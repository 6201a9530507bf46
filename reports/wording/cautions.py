"""What a reader must know before a figure is repeated: cold engines, a busy host, no settled state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.conclusions.headline_figures import cold_trials, of_trials
from harness.conclusions.settled import change_text, interval_of, why_unsettled
from harness.numerics.intervals import MIN_TRIALS
from harness.results.performance import Change, SteadyState, Warmth
from harness.results.result import Result, TrialResult
from reports.wording.numbers import NOT_MEASURED


def cold_text(result: Result) -> str:
    """Which engines were not warm: their figures are those of a start."""
    names = [engine.name for engine in result.engines if cold_trials(engine)]
    return f"; not warm: {', '.join(names)}" if names else ""


@dataclass(frozen=True)
class Caution:
    """What a reader must know of figures that count all the same.

    Attributes:
        text: in full.
        mark: in two or three words, to stand beside the figures.
        engine: of whose figures; None of all.
        of_latency_and_cost: whether it is of these alone, and not of throughput.
    """

    text: str
    mark: str
    engine: str | None = None
    of_latency_and_cost: bool = False


def marked_cautions(result: Result) -> list[Caution]:
    """What a reader must know of figures that count all the same, with whose they are."""
    return [*_resumed(result), *_untested(result), *_cold(result), *_unsettled(result), *_disturbed(result)]


def cautions(result: Result) -> list[str]:
    """The same, in words alone."""
    return [each.text for each in marked_cautions(result)]


def _resumed(result: Result) -> list[Caution]:
    """When the run was gone on with, and what that means for the trials on both sides."""
    if not result.resumptions:
        return []
    times = "; ".join(f"{each.at}, after {each.finished_trials} finished trials" for each in result.resumptions)
    before_and_after = "trials before and after that had services of their own"
    return [Caution(f"the run ended early and was gone on with ({times}): {before_and_after}", "gone on with")]


def _untested(result: Result) -> list[Caution]:
    """The engines in versions that were resolved for the run."""
    return [
        Caution(
            f"{engine.name}: {engine.engine} {engine.version} is not among the tested versions; what it was locked to "
            "stands in `locked` of the result",
            "untested version",
            engine.name,
        )
        for engine in result.engines
        if engine.version_tested is False
    ]


def _cold(result: Result) -> list[Caution]:
    """The engines whose compilers were still at work when the measured time began, and what to do about it."""
    notes = []
    for engine in result.engines:
        found = [trial.warmth for trial in cold_trials(engine) if trial.warmth]
        if found:
            worst = max(found, key=lambda warmth: warmth.compiler_cores)
            text = (
                f"{engine.name}: not warm in {of_trials(len(found), engine.trials)}: "
                f"its compilers used {worst.compiler_cores:.2f} cores at the "
                f"end of the warm-up of {worst.warmup_s} s, and {worst.compiler_cores_later:.2f} later"
                f"{_fall_text(worst)}; give it a longer one (--warmup)"
            )
            notes.append(Caution(text, "not warm", engine.name, of_latency_and_cost=True))
    return notes


def _fall_text(warmth: Warmth) -> str:
    """By how much the use of the compilers still fell while latency was measured, or that nobody can tell."""
    if warmth.compiler_fall is None:
        return " (whether that still fell, nobody can tell of so short a time at an even load)"
    if warmth.compiler_fall <= 1:
        return ""
    return f" ({1 - 1 / warmth.compiler_fall:.0%} less in the second half of the measured time than in its first)"


def _disturbed(result: Result) -> list[Caution]:
    """The engines in whose trials others had more of the machine than the scenario's limit for naming winners."""
    limit = marked_share_of(result.scenario)
    notes = []
    for engine in result.engines:
        hosts = [trial.host for trial in engine.trials if trial.host]
        marked = [host for host in hosts if limit is not None and (disturbed_share(host) or 0.0) > limit]
        if marked:
            of = of_trials(len(marked), engine.trials)
            worst = max(marked, key=lambda host: disturbed_share(host) or 0.0)
            text = f"{engine.name}: the host was not quiet in {of}: {disturbance_text(worst)}"
            notes.append(Caution(text, "host not quiet", engine.name))
    return notes


def marked_share_of(scenario: Mapping[str, Any]) -> float | None:
    """The share of the machine beyond which others' use of it is told, and no winner named; None in older results."""
    limit = scenario.get("limits", {}).get("host_marked_share")
    return None if limit is None else float(limit)


def _unsettled(result: Result) -> list[Caution]:
    """The engines that had not settled when the measured time began, or of which nobody can tell."""
    return [
        Caution(f"{engine.name}: {why}", "not settled", engine.name, of_latency_and_cost=True)
        for engine in result.engines
        for why in _why_unsettled(engine.trials)
    ]


def _why_unsettled(trials: list[TrialResult]) -> list[str]:
    """By all trials together, where they are enough for that; else by each, as in results of before that was done."""
    if len(trials) >= MIN_TRIALS and any(trial.steady and trial.steady.latency for trial in trials):
        reason = why_unsettled(trials)
        return [reason] if reason else []
    settled = [trial.steady.settled for trial in trials if trial.steady]
    texts = {
        False: "latency or CPU time had not settled by the end of the warm-up",
        None: "nobody can tell whether it had settled by the end of the warm-up",
    }
    return [f"{text} in {of_trials(settled.count(found), trials)}" for found, text in texts.items() if found in settled]


def change_of(trials: list[TrialResult], of: Callable[[SteadyState], Change | None]) -> str:
    """By how much latency or CPU time changed over the measured time, in percent, with its interval where there is one.

    Of several trials, by all of them together, if there are enough for an interval.
    """
    found = [change for trial in trials if trial.steady and (change := of(trial.steady))]
    if not found or len(found) < len(trials):
        return NOT_MEASURED
    if interval := interval_of(found):
        return change_text(interval)
    return f"{found[0].factor - 1:+.0%}" if len(found) == 1 else TOO_FEW_TRIALS


TOO_FEW_TRIALS = "too few trials to tell"
