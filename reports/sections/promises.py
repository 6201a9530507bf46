"""What each engine of a run promised, as it told by itself: figures of engines that promise less say less."""

from __future__ import annotations

from harness.results.result import EngineResult, Result
from reports.wording.tables import Section, Table

NOT_TOLD = "not told"
#: In the order of `engines.contract.promises.Promises`.
LABELS = {
    "delivery": "delivery, across restarts",
    "checkpoints": "checkpoints",
    "state_kept": "a cell without records is kept for",
    "upserts_joined": "upserts of a cell are joined over",
    "heap": "heap of the JVM",
}
CORES = "cores"
#: Of the JVM: `compilers` in the configuration in effect, see `engines.contract.compilers`.
COMPILERS = {"both": "both", "quick": "the quick one alone"}
_CAPTION = "By the engines' own account, but for the cores, which were read from the system."


def promises_section(result: Result) -> Section | None:
    """The section on what engines promised; None if no engine told anything."""
    if not any(_told(engine) for engine in result.engines):
        return None
    rows = [(label, *(_told(engine).get(key, NOT_TOLD) for engine in result.engines)) for key, label in LABELS.items()]
    compilers = [COMPILERS.get(engine.config.get("compilers", ""), NOT_TOLD) for engine in result.engines]
    if set(compilers) != {NOT_TOLD}:
        rows.append(("compilers of the JVM", *compilers))
    rows.append((CORES, *map(_cores, result.engines)))
    table = Table(
        _CAPTION,
        ("", *(engine.name for engine in result.engines)),
        tuple(rows),
        words=frozenset(range(len(result.engines) + 1)),
    )
    return Section("What each engine promised", "promises", (table,), warnings=_differences(rows))


def _told(engine: EngineResult) -> dict[str, str]:
    found = engine.config.get("promises")
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _cores(engine: EngineResult) -> str:
    found = {len(trial.engine_cpus) for trial in engine.trials if trial.engine_cpus}
    return " or ".join(map(str, sorted(found))) or NOT_TOLD


def _differences(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    """A warning that names the rows in which engines differ."""
    differ = [label for label, *cells in rows if len(set(cells)) > 1]
    return (f"The engines differ in: {'; '.join(differ)}. What one promises more has its price.",) if differ else ()
