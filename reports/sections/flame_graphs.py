"""The flame graphs of a run: where JVMs used their CPU time, in files beside the report."""

from __future__ import annotations

from harness.results.result import Result
from reports.wording.tables import Section, Table

_TITLE = "Open them in a browser. The wider a bar, the more of the CPU time went to the method and all that it called."
_WARNING = "The JVMs were sampled within the measured time, which costs a little: compare with runs that were, too."


def flame_graphs_section(result: Result) -> Section | None:
    """The section on flame graphs; None if none were drawn."""
    rows = tuple(
        (engine.name, str(number), file)
        for engine in result.engines
        for number, trial in enumerate(engine.trials, start=1)
        for file in trial.flame_graphs
    )
    if not rows:
        return None
    table = Table(_TITLE, ("engine", "trial", "file beside the report"), rows, words=frozenset({0, 2}))
    return Section("Flame graphs", "flame-graphs", (table,), warnings=(_WARNING,))
