"""What the report of a soak test begins with: whether anything leaks, and how long was looked."""

from __future__ import annotations

from collections.abc import Sequence

from harness.results.soak import Soak, SoakTrial
from reports.wording.numbers import integer
from reports.wording.quoted import Quoted, QuotedFigure, on_one_axis

NOTHING_JUDGED = "nothing was judged"


def all_sound(found: Soak) -> bool:
    """Whether resources of every engine were judged, none leaks, and no count was wrong."""
    return all(trial.verdict == "pass" and not trial.verified.wrong_cells for trial in found.trials)


def reasons_of_soak(found: Soak) -> list[str]:
    """What leaks, and what could not be judged."""
    lines = ["The soak test was ended by Ctrl-C: what was seen until then is shown."] if found.interrupted else []
    for trial in found.trials:
        if trial.ended_early:
            lines.append(f"{trial.engine}: the trial ended early: {trial.ended_early}")
        if trial.verdict == "not judged":
            lines.append(f"{trial.engine}: nothing was there for long enough to be judged: take a longer time")
        lines += [f"{trial.engine}: {each.why}" for each in trial.growth if each.verdict == "fail"]
    return lines


def figures_of_soak(found: Soak) -> tuple[QuotedFigure, ...]:
    """By engine: resources that leak, cells that were wrong while the load went on, and how long it lasted."""
    trials = found.trials
    return (
        QuotedFigure("Resources that leak", "of those judged", "0 is right", tuple(map(_leaking, trials)), ""),
        QuotedFigure("Cells that were wrong", "in verified windows", "0 is right", tuple(map(_wrong, trials)), ""),
        QuotedFigure("Load", "minutes", "the longer, the smaller a leak is found", _lasted(trials), ""),
    )


def _leaking(trial: SoakTrial) -> Quoted:
    judged = [each for each in trial.growth if each.verdict != "not judged"]
    leaking = [f"{each.process}: {each.resource}" for each in judged if each.verdict == "fail"]
    left = len(trial.growth) - len(judged)
    marks = tuple((name, None) for name in leaking) + (((f"{left} not judged", None),) if left else ())
    return Quoted(trial.engine, f"{len(leaking)} of {len(judged)}" if judged else NOTHING_JUDGED, "", marks)


def _wrong(trial: SoakTrial) -> Quoted:
    return Quoted(trial.engine, integer(trial.verified.wrong_cells), f"{trial.verified.windows:,} windows of a second")


def _lasted(trials: Sequence[SoakTrial]) -> tuple[Quoted, ...]:
    rows = [
        Quoted(
            each.engine,
            f"{each.lasted_s / 60:,.1f}",
            "",
            ((f"ended early: {each.ended_early}", None),) * bool(each.ended_early),
        )
        for each in trials
    ]
    return on_one_axis(rows, [(each.lasted_s, each.lasted_s, each.lasted_s) for each in trials])
