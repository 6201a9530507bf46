"""Pictures of how engines came through faults."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from harness.results.resilience import FaultOutcome
from harness.results.result import Result, TrialResult
from reports.pictures.style import ALARM, MUTED, OKABE_ITO, STYLE, Picture, label_milliseconds, new_figure
from reports.wording.chaos import heading, kind_of, kinds_of

NAME = "resilience"
LAG, P99 = OKABE_ITO[0], OKABE_ITO[1]
#: In a colour-blind reader's eyes, too, these are apart; the terminal also has the word.
STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow", "not applicable": "dim"}


def draw_resilience(result: Result) -> Picture | None:
    """Lag and p99 over time of each trial with faults, each fault marked; None if there were none."""
    found = result.resilience
    if found is None:
        return None
    trials = [trial for engine in result.engines for trial in engine.trials if trial.series]
    faults = [[each for each in found.faults if each.trial in _labels(trial, result)] for trial in trials]
    shown = [(trial, marks) for trial, marks in zip(trials, faults, strict=True) if marks]
    if not shown:
        return None
    title, kinds = heading(found), kinds_of(found)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(title, height_in=2.6 * len(shown) + 0.6)
        for axes, (trial, marks) in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
            _draw(axes, trial, marks)
    return Picture(
        NAME,
        title,
        f"Lag and p99 second by second of {len(shown)} trials with {kinds}, each marked.",
        "Records due and not visible yet (solid), and p99 of those that became visible (dotted, right). Each shaded "
        f"stretch is {_an(kind_of(found))}, from its start to its heal; the paler one after it lasts "
        "until lag and p99 are back in the common band.",
        figure,
    )


def _an(kind: str) -> str:
    return f"an {kind}" if kind.startswith("o") else f"a {kind}"


def _labels(trial: TrialResult, result: Result) -> tuple[str, str]:
    """What a trial with faults may be called: after its engine, as named in the result; of several, with its number."""
    name = next(engine.name for engine in result.engines if trial in engine.trials)
    return name, f"{name}-{trial.block}"


def _draw(axes: Axes, trial: TrialResult, marks: list[FaultOutcome]) -> None:
    t_s = np.array([sample.t_s for sample in trial.series])
    axes.plot(t_s, [sample.lag_records for sample in trial.series], color=LAG)
    axes.set_yscale("symlog", linthresh=100)
    axes.set_ylim(0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda records, _place: f"{records:,.0f}"))
    axes.set_ylabel("lag, records", color=LAG)
    right = axes.twinx()
    p99_ms = np.array([sample.latency_ms_p99 for sample in trial.series], dtype=np.float64)
    right.plot(t_s, p99_ms, ":", color=P99)
    right.set_yscale("log")
    label_milliseconds(right, vertical=True)
    right.set_ylabel("p99", color=P99)
    right.grid(visible=False)
    for each in marks:
        if each.started_s is not None and each.healed_s is not None:
            axes.axvspan(each.started_s, each.healed_s, color=ALARM, alpha=0.15, linewidth=0)
            if each.common_recover_s:
                end_s = each.healed_s + each.common_recover_s
                axes.axvspan(each.healed_s, end_s, color=ALARM, alpha=0.06, linewidth=0)
            axes.annotate(
                each.fault,
                (each.started_s, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=8,
                color=MUTED,
            )
    engine, label = marks[0].engine, marks[0].trial
    axes.set_title(engine if engine == label else f"{engine}, {label}")
    axes.set_xlabel("s")
