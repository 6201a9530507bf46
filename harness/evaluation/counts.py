"""The verifier: compares every cell that an engine produced with the ground truth."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from engines.contract.aggregate import Cell
from harness.evaluation.ground_truth import TrialTruth, certain_counts
from harness.results.correctness import CellExample, Committed, Correctness, DeadLetters, Examples, Verdict
from harness.trial.outcome import Trial
from workloads.truth import ExpectedCounts

MAX_EXAMPLES = 10


def compare(
    expected: Mapping[Cell, int],
    observed: Mapping[Cell, int],
    *,
    expected_dead_letters: Iterable[bytes],
    observed_dead_letters: Iterable[bytes],
    either: Mapping[Cell, int] | None = None,
) -> Correctness:
    """Compare counts cell by cell, and dead letters line by line (as multisets: their order is not promised).

    Args:
        expected: records that must be counted, by cell; only cells with any.
        observed: what an engine counted.
        expected_dead_letters, observed_dead_letters: malformed lines.
        either: further records that may be counted or not, by cell. A count may be anything from `expected` to the
            sum of both; within, no count is wrong, because which records it is of cannot be told.
    """
    spare = either or {}

    def excess(cell: Cell) -> int:
        wanted, found = expected.get(cell, 0), observed.get(cell, 0)
        return max(found - wanted - spare.get(cell, 0), 0) or min(found - wanted, 0)

    missing = sorted(expected.keys() - observed.keys())
    extra = sorted(observed.keys() - expected.keys() - spare.keys())
    counted = observed.keys() & (expected.keys() | spare.keys())
    mismatched = sorted(cell for cell in counted if excess(cell))
    differences = [excess(cell) for cell in (*missing, *extra, *mismatched)]

    def examples(cells: list[Cell]) -> list[CellExample]:
        return [
            CellExample(**cell._asdict(), expected=expected.get(cell), observed=observed.get(cell))
            for cell in cells[:MAX_EXAMPLES]
        ]

    return Correctness(
        expected=len(expected),
        observed=len(observed),
        missing=len(missing),
        extra=len(extra),
        mismatched=len(mismatched),
        either=sum(spare.values()),
        expected_records=sum(expected.values()),
        lost_records=-sum(each for each in differences if each < 0),
        surplus_records=sum(each for each in differences if each > 0),
        examples=Examples(missing=examples(missing), extra=examples(extra), mismatched=examples(mismatched)),
        dead_letters=compare_dead_letters(expected_dead_letters, observed_dead_letters),
    )


def compare_dead_letters(expected_lines: Iterable[bytes], observed_lines: Iterable[bytes]) -> DeadLetters:
    """Compare malformed lines as multisets: their order is not promised."""
    expected, observed = Counter(expected_lines), Counter(observed_lines)
    return DeadLetters(
        expected=expected.total(),
        observed=observed.total(),
        missing=(expected - observed).total(),
        extra=(observed - expected).total(),
    )


def judge(
    correctness: Correctness | None, troubles: list[str], committed: Committed | None = None
) -> tuple[Verdict, list[str]]:
    """The verdict on an engine, and the reasons if it is not `pass`.

    A wrong count is a `fail` whatever else happened. Without one, `troubles` (the engine died, say) make it `unknown`:
    right counts from an engine that did not live to the end prove nothing about the rest. Of delivery exactly once,
    what was `committed` must not have come twice, and an engine that ended in good order must have left no transaction
    open: that is wrong whatever the counts are in the end.
    """
    wrong = wrongly_committed(committed, troubles)
    if correctness is None and not wrong:
        return Verdict.UNKNOWN, troubles or ["the counts could not be verified"]
    return verdict_on([*(_differences(correctness) if correctness else []), *wrong], troubles)


def wrongly_committed(found: Committed | None, troubles: list[str]) -> list[str]:
    """What is wrong with what was committed, in words: nothing of an engine that delivers at least once."""
    return [*_committed_twice(found), *([] if troubles else _left_open(found))] if found else []


def _left_open(found: Committed) -> Iterator[str]:
    if found.left_open:
        yield (
            f"a transaction was left open: {found.left_open:,} offsets of the aggregates topic are behind it, and no "
            "reader of what is committed gets there before it times out"
        )


def _committed_twice(found: Committed) -> Iterator[str]:
    if found.repeated or found.lowered:
        what = told({"repeat a count": found.repeated, "lower a count": found.lowered})
        yield f"of {found.messages:,} committed messages, {' and '.join(what)}: " + "; ".join(found.examples[:3])


def verdict_on(wrong: list[str], troubles: list[str]) -> tuple[Verdict, list[str]]:
    """As `judge`, of what was found to be `wrong`."""
    if wrong:
        return Verdict.FAIL, wrong + troubles
    return (Verdict.UNKNOWN, troubles) if troubles else (Verdict.PASS, [])


def _differences(correctness: Correctness) -> list[str]:
    found = {
        "cells missing": correctness.missing,
        "cells extra": correctness.extra,
        "cells with a wrong count": correctness.mismatched,
        "records lost": correctness.lost_records,
        "records counted too often": correctness.surplus_records,
    }
    return told(found | dead_letter_differences(correctness.dead_letters))


def dead_letter_differences(letters: DeadLetters) -> dict[str, int]:
    """What differs in malformed lines, and how often."""
    return {
        "malformed lines missing from the dead-letter topic": letters.missing,
        "lines in the dead-letter topic that do not belong there": letters.extra,
    }


def told(found: Mapping[str, int]) -> list[str]:
    """What of `found` there is, in words."""
    return [f"{count:,} {what}" for what, count in found.items() if count]


def correctness_of(trial: Trial, truth: TrialTruth | None, expected: ExpectedCounts) -> Correctness | None:
    """How the trial's counts differ from `truth`, which counts all records, less those that need not be counted."""
    if not truth or not trial.is_complete or trial.observed is None:
        return None
    found = compare(
        certain_counts(truth.counts, expected),
        trial.observed,
        expected_dead_letters=expected.malformed_lines,
        observed_dead_letters=trial.dead_letters,
        either=expected.either,
    )
    return found.model_copy(update={"must_drop": len(expected.must_drop_indexes)})
