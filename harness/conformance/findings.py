"""What was found, check by check."""

from dataclasses import dataclass, field

from harness.conformance.checks import CHECKS, Check
from harness.results.conformance import CheckResult, Outcome

#: What a check that was never come to is told of.
NOT_REACHED = "not reached, because the engine did not get so far"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a check failed, in words for the engine's author: see `harness.results.conformance.CheckResult`."""

    did: str
    expected: str
    seen: str
    likely: str


@dataclass
class Findings:
    """Takes in what comes of each check; the first failure of a check stands."""

    _found: dict[str, CheckResult] = field(default_factory=dict)

    def hold(self, check_id: str, problem: Problem | None, seen: str = "") -> None:
        """The check passed, with what was `seen`, or there is a `problem`; if what it needs failed, it is skipped."""
        check = _check(check_id)
        if self.has_failed(check_id):
            return
        if blocked := self.blocking(check_id):
            self.skip(check_id, f"needs {blocked}, which did not pass")
        elif problem is None:
            self._found[check_id] = _result(check, Outcome.PASS, seen=seen)
        else:
            self._found[check_id] = _result(check, Outcome.FAIL if check.required else Outcome.WARNING, **vars(problem))

    def skip(self, check_id: str, why: str) -> None:
        """The check cannot be made."""
        self._found[check_id] = _result(_check(check_id), Outcome.SKIPPED, seen=why)

    def blocking(self, check_id: str) -> str | None:
        """The first check that this one needs and that has failed, if one has."""
        return next((each for each in _check(check_id).needs if self.has_failed(each)), None)

    def has_failed(self, check_id: str) -> bool:
        """Whether the check has failed."""
        return check_id in self._found and self._found[check_id].outcome in (Outcome.FAIL, Outcome.WARNING)

    def has(self, check_id: str) -> bool:
        """Whether anything is known of the check."""
        return check_id in self._found

    def results(self, why_not_reached: str = NOT_REACHED) -> list[CheckResult]:
        """All checks in the order of the list; those never come to are skipped, and told why."""
        for check in CHECKS:
            if check.id not in self._found:
                blocked = self.blocking(check.id)
                self.skip(check.id, f"needs {blocked}, which did not pass" if blocked else why_not_reached)
        return [self._found[check.id] for check in CHECKS]


def _check(check_id: str) -> Check:
    return next(check for check in CHECKS if check.id == check_id)


def _result(check: Check, outcome: Outcome, **words: str) -> CheckResult:
    return CheckResult(
        id=check.id, title=check.title, required=check.required, docs=check.docs, outcome=outcome, **words
    )
