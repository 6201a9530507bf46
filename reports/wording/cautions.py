"""What a reader must know before a figure is repeated: cold engines, a busy host, no settled state."""

from __future__ import annotations

from collections.abc import Callable

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


def cautions(result: Result) -> list[str]:
    """What a reader must know of figures that count all the same."""
    return [*_resumed(result), *_untested(result), *_cold(result), *_unsettled(result), *_disturbed(result)]


def _resumed(result: Result) -> list[str]:
    """When the run was gone on with, and what that means for the trials on both sides."""
    if not result.resumptions:
        return []
    times = "; ".join(f"{each.at}, after {each.finished_trials} finished trials" for each in result.resumptions)
    before_and_after = "trials before and after that had services of their own"
    return [f"the run ended early and was gone on with ({times}): {before_and_after}"]


def _untested(result: Result) -> list[str]:
    """The engines in versions that were resolved for the run."""
    return [
        f"{engine.name}: {engine.engine} {engine.version} is not among the tested versions; what it was locked to "
        "stands in `locked` of the result"
        for engine in result.engines
        if engine.version_tested is False
    ]


def _cold(result: Result) -> list[str]:
    """The engines whose compilers were still at work when the measured time began, and what to do about it."""
    notes = []
    for engine in result.engines:
        found = [trial.warmth for trial in cold_trials(engine) if trial.warmth]
        if found:
            worst = max(found, key=lambda warmth: warmth.compiler_cores)
            notes.append(
                f"{engine.name}: not warm in {of_trials(len(found), engine.trials)}: "
                f"its compilers used {worst.compiler_cores:.2f} cores at the "
                f"end of the warm-up of {worst.warmup_s} s, and {worst.compiler_cores_later:.2f} later"
                f"{_fall_text(worst)}; give it a longer one (--warmup)"
            )
    return notes


def _fall_text(warmth: Warmth) -> str:
    """By how much the use of the compilers still fell while latency was measured; empty if that was not measured."""
    if warmth.compiler_fall is None or warmth.compiler_fall <= 1:
        return ""
    return f" ({1 - 1 / warmth.compiler_fall:.0%} less in the second half of the measured time than in its first)"


def _disturbed(result: Result) -> list[str]:
    """The engines in whose trials others had more of the machine than the scenario's limit for naming winners."""
    limit = result.scenario.get("limits", {}).get("host_marked_share")
    notes = []
    for engine in result.engines:
        hosts = [trial.host for trial in engine.trials if trial.host]
        marked = [host for host in hosts if limit is not None and (disturbed_share(host) or 0.0) > limit]
        if marked:
            of = of_trials(len(marked), engine.trials)
            worst = max(marked, key=lambda host: disturbed_share(host) or 0.0)
            notes.append(f"{engine.name}: the host was not quiet in {of}: {disturbance_text(worst)}")
    return notes


def _unsettled(result: Result) -> list[str]:
    """The engines that had not settled when the measured time began, or of which nobody can tell."""
    return [f"{engine.name}: {why}" for engine in result.engines for why in _why_unsettled(engine.trials)]


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
