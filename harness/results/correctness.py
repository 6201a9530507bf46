"""Whether an engine's counts, answers and dead letters were right."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from harness.results.part import ResultPart


class Verdict(StrEnum):
    """Whether an engine's counts were proven right (`pass`) or wrong (`fail`), or could not be checked (`unknown`)."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"


class CellExample(ResultPart):
    """One cell whose count is not the expected one; a count is null where the cell does not exist."""

    window_s: int
    location: str
    operator: str
    type: str
    expected: int | None
    observed: int | None


class Examples(ResultPart):
    """Up to ten examples of each kind of difference."""

    missing: list[CellExample] = Field([])
    extra: list[CellExample] = Field([])
    mismatched: list[CellExample] = Field([])


class DeadLetters(ResultPart):
    """Malformed lines: how many were sent, how many arrived in the dead-letter topic, and how the two sets differ."""

    expected: int
    observed: int
    missing: int
    extra: int


class Correctness(ResultPart):
    """Every cell compared with the ground truth. All but the `*_records` fields count cells."""

    expected: int = Field(description="cells of the ground truth that must be counted")
    observed: int = Field(description="cells found in Redis")
    missing: int = Field(description="of those expected, cells that Redis lacks")
    extra: int = Field(description="cells in Redis of which no record may be counted")
    mismatched: int = Field(description="other cells in Redis whose counts are wrong")
    either: int = Field(description="late records that may be counted or dropped; they do not decide the verdict")
    must_drop: int = Field(0, description="late records that must be dropped; counted, they are surplus")
    expected_records: int = Field(description="that must be counted")
    lost_records: int = Field(description="sum of the shortfalls of all cells")
    surplus_records: int = Field(description="sum of the excesses of all cells")
    examples: Examples = Examples()
    dead_letters: DeadLetters


class Committed(ResultPart):
    """The aggregates topic, as a consumer sees it that reads what is committed."""

    messages: int
    repeated: int = Field(description="messages whose count had been told before, as the last one of its cell")
    lowered: int = Field(description="messages whose count is below the last one of its cell")
    unseen: int | None = Field(
        None, description="offsets that markers of transactions and aborted messages took up; null in older results"
    )
    left_open: int | None = Field(
        None,
        description="offsets behind a transaction that was open when the engine had ended, where no such consumer "
        "gets; null in older results",
    )
    examples: list[str] = Field([], description="the first ten of both, with partition and offset")


class AnswerExample(ResultPart):
    """One answer that is not the expected one; a value is null where there is none."""

    key: str
    expected: int | None
    observed: int | None


class AnswerExamples(ResultPart):
    """Up to ten examples of each kind of difference."""

    missing: list[AnswerExample] = Field([])
    extra: list[AnswerExample] = Field([])
    mismatched: list[AnswerExample] = Field([])


class Approximation(ResultPart):
    """How far approximate answers are from the exact ones, relative to these."""

    standard_error: float = Field(description="the greatest that the query's definition allows")
    error_max: float = Field(description="the greatest error, whichever way")
    error_mean: float = Field(description="the mean error, with its sign; far from 0, the estimator is biased")
    error_mean_bound: float = Field(description="the greatest mean error, whichever way, that chance explains")


class Answers(ResultPart):
    """The answers to a query other than counts, each compared with the truth. See docs/queries.md."""

    query: str
    version: int = Field(description="of the query's definition")
    parameters: dict[str, int]
    expected: int = Field(description="answers that must have been given by the end")
    open: int = Field(description="further answers of the truth, still open at the end; they need not be given")
    observed: int = Field(description="answers found in Redis")
    missing: int = Field(description="of those expected, answers that Redis lacks")
    extra: int = Field(description="answers in Redis that the truth does not have")
    mismatched: int = Field(description="other answers in Redis whose values are wrong, or further off than allowed")
    approximation: Approximation | None = Field(None, description="null where answers have to be exact")
    examples: AnswerExamples = AnswerExamples()
    dead_letters: DeadLetters
