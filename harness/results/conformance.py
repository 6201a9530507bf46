"""What `ringbench conformance` finds, as it is saved."""

from enum import StrEnum
from pathlib import Path
from typing import Any

from engines.contract.job import AT_LEAST_ONCE
from harness.results.part import Missing, ResultPart, save_whole
from harness.results.result import Environment

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """What came of a check. A warning is the failure of a check that is not required."""

    PASS = "pass"  # noqa: S105 - no password
    WARNING = "warning"
    FAIL = "fail"
    SKIPPED = "skipped"


class CheckResult(ResultPart):
    """One check.

    Attributes:
        id: what it is called.
        title: what holds if it passes.
        required: whether an engine must pass it.
        docs: where the contract is described, below ``docs/``.
        outcome: what came of it.
        did, expected, seen, likely: of a failure or a warning, what was done, what the contract says, what was found,
            and what is likely wrong; of others, only what was found, or why it was skipped.
    """

    id: str
    title: str
    required: bool
    docs: str
    outcome: Outcome
    did: str = ""
    expected: str = ""
    seen: str = ""
    likely: str = ""


class Conformance(ResultPart):
    """All of it.

    Attributes:
        engine, directory: the engine's name, and the folder that it stands in.
        version, config: what it said of itself; null and empty if it never did.
        quick: whether less was sent, and less patience had.
        delivery: what the engine's jobs had to keep to.
        checks: in the order of the list.
        missing: what was not done, and why; None if nothing is missing.
    """

    schema_version: int = SCHEMA_VERSION
    conformance_id: str
    started_at: str
    finished_at: str
    command: list[str]
    environment: Environment
    engine: str
    directory: str
    version: str | None
    config: dict[str, Any]
    quick: bool
    delivery: str = AT_LEAST_ONCE
    checks: list[CheckResult]
    missing: Missing | None = None

    @property
    def passed(self) -> bool:
        """Whether no check has failed, and all were made."""
        return not self.missing and not self.with_outcome(Outcome.FAIL)

    def with_outcome(self, outcome: Outcome) -> list[CheckResult]:
        """The checks that came out so."""
        return [check for check in self.checks if check.outcome == outcome]


def save_conformance(found: Conformance, directory: Path) -> Path:
    """Write ``conformance.json`` to `directory`. Returns its path."""
    return save_whole(found, directory / "conformance.json")
