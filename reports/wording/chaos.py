"""What the report of faults or operations begins with: who came through which, and how long that took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.results.resilience import FaultOutcome, Resilience
from harness.results.result import Result
from reports.wording.numbers import NOT_MEASURED, integer
from reports.wording.quoted import Quoted, QuotedFigure, on_one_axis

_NO_WINNER = "No winner is named: each {kind} came once, and a single time to recover has no interval."
NOT_IN_TIME = "not in time"
NOT_APPLICABLE = "not applicable"


def is_chaos(result: Result) -> bool:
    """Whether faults are what the result is about: what is normal is known from trials without any, beside them."""
    found = result.resilience
    return found is not None and bool({each.trial for each in found.controls} - {each.trial for each in found.faults})


def kind_of(found: Resilience) -> str:
    """What was done to the engines, in one word if that was all of a kind."""
    kinds = {each.operation for each in found.faults}
    return "operation" if kinds == {True} else "fault or operation" if len(kinds) == 2 else "fault"


def kinds_of(found: Resilience) -> str:
    """The same of several of them."""
    return kind_of(found).replace(" or ", "s and ") + "s"


def heading(found: Resilience) -> str:
    """What section and picture are called."""
    kinds = kinds_of(found).capitalize()
    return f"{kinds.replace(' and', ',')} and recovery"


def no_winner(found: Resilience) -> str:
    """Why no winner is named."""
    return _NO_WINNER.format(kind=kind_of(found))


def verdict_of_faults(found: Resilience) -> str:
    """How many faults each engine came through, in one sentence."""
    faults = applicable(found)
    passed = _passed(faults)
    each = ", ".join(f"{name} {_passed(own)} of {len(own)}" for name, own in _by_engine(found).items())
    return f"Valid run: {passed} of {len(faults)} {kinds_of(found)} passed ({each})"


def all_passed(found: Resilience) -> bool:
    """Whether every fault that could be injected was come through."""
    return all(each.verdict == "pass" for each in applicable(found))


def reasons_of_faults(found: Resilience) -> list[str]:
    """Why faults did not pass."""
    return [
        f"{each.engine}, {each.fault}: {each.verdict}: {'; '.join(each.reasons)}"
        for each in applicable(found)
        if each.verdict != "pass"
    ]


def applicable(found: Resilience) -> list[FaultOutcome]:
    """The faults that the engines have what they harm for."""
    return [each for each in found.faults if each.verdict != NOT_APPLICABLE]


def figures_of_faults(found: Resilience) -> tuple[QuotedFigure, ...]:
    """By engine: faults that were come through, records that are wrong, and the worst recovery and standstill."""
    engines = _by_engine(found)
    return (
        QuotedFigure(
            f"{kinds_of(found).capitalize()} come through",
            "of all",
            "more is better",
            tuple(map(_come_through, engines.values())),
            "",
        ),
        QuotedFigure(
            "Records lost or counted twice",
            "records",
            "0 is right",
            tuple(_wrong(name, own) for name, own in engines.items()),
            "Of those that must count, by the seed.",
        ),
        _worst(
            engines,
            "Longest recovery",
            lambda each: each.common_recover_s,
            "From the heal until lag and p99 were in the common band: only this compares engines.",
            lambda each: each.recovered is not None,
        ),
        _worst(
            engines,
            "Longest standstill",
            lambda each: each.worst_staleness_s,
            "In which no further record became visible.",
            lambda each: each.worst_staleness_s is not None,
        ),
    )


def _by_engine(found: Resilience) -> dict[str, list[FaultOutcome]]:
    faults = applicable(found)
    return {
        name: [each for each in faults if each.engine == name] for name in dict.fromkeys(each.engine for each in faults)
    }


def _passed(faults: Sequence[FaultOutcome]) -> int:
    return sum(each.verdict == "pass" for each in faults)


def _come_through(own: Sequence[FaultOutcome]) -> Quoted:
    bad = [(verdict, sum(each.verdict == verdict for each in own)) for verdict in ("fail", "unknown")]
    marks = tuple((f"{count} {verdict}", None) for verdict, count in bad if count)
    return Quoted(own[0].engine, f"{_passed(own)} of {len(own)}", "", marks)


def _wrong(name: str, own: Sequence[FaultOutcome]) -> Quoted:
    """The sum over all faults, and of how many it is not known."""
    known = [
        each.lost_records + each.surplus_records
        for each in own
        if each.lost_records is not None and each.surplus_records is not None
    ]
    lacking = len(own) - len(known)
    marks: tuple[tuple[str, int | None], ...] = (
        ((f"{NOT_MEASURED} after {lacking}", None),) if lacking and known else ()
    )
    return Quoted(name, integer(sum(known)) if known else NOT_MEASURED, "", marks)


def _worst(
    engines: dict[str, list[FaultOutcome]],
    title: str,
    of: Callable[[FaultOutcome], float | None],
    what: str,
    is_measured: Callable[[FaultOutcome], bool],
) -> QuotedFigure:
    """The longest time of each engine, with its fault; marked where one has no end, or was not measured."""
    rows, ends = [], []
    for name, own in engines.items():
        timed = [(value, each.fault) for each in own if (value := of(each)) is not None]
        endless = [each.fault for each in own if is_measured(each) and of(each) is None]
        lacking = sum(not is_measured(each) for each in own)
        marks = [*([(f"{NOT_IN_TIME}: {', '.join(endless)}", None)] if endless else [])]
        marks += [(f"{NOT_MEASURED} after {lacking}", None)] if lacking and (timed or endless) else []
        value, fault = max(timed, default=(None, ""))
        said = NOT_MEASURED if value is None else f"{value:.1f}"
        rows.append(Quoted(name, NOT_IN_TIME if value is None and endless else said, fault, tuple(marks)))
        ends.append(None if value is None else (value, value, value))
    return QuotedFigure(title, "s", "lower is better", on_one_axis(rows, ends), what)
