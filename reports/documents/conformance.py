"""What `ringbench conformance` ends with: a line for each check, and for each that failed, what its author needs."""

from collections.abc import Iterable

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.results.conformance import CheckResult, Conformance, Outcome

STYLES = {Outcome.PASS: "green", Outcome.WARNING: "yellow", Outcome.FAIL: "bold red", Outcome.SKIPPED: "dim"}
#: What is told of a failure, by the field.
PARTS = {"did": "done", "expected": "expected", "seen": "seen", "likely": "likely", "docs": "contract"}


def conformance_report(found: Conformance) -> Group:
    """Every check in a line, then those that failed in full, then what it comes to."""
    table = Table(show_edge=False, pad_edge=False, box=None, show_header=False)
    for check in found.checks:
        passed_or_skipped = check.outcome in (Outcome.PASS, Outcome.SKIPPED)
        seen = f" ({check.seen})" if check.seen and passed_or_skipped else ""
        outcome = Text(check.outcome, style=STYLES[check.outcome])
        table.add_row(outcome, check.id, Text(check.title) + Text(seen, style="dim"))
    wrong = [*found.with_outcome(Outcome.FAIL), *found.with_outcome(Outcome.WARNING)]
    return Group(table, *(part for check in wrong for part in _in_full(check)), Text(), _verdict(found))


def _in_full(check: CheckResult) -> Iterable[Text | Padding]:
    yield Text(f"\n{check.id}: {check.title}", style=STYLES[check.outcome])
    words = Table(show_edge=False, pad_edge=False, box=None, show_header=False)
    for name, heading in PARTS.items():
        value = f"docs/{check.docs}" if name == "docs" else getattr(check, name)
        words.add_row(Text(heading, style="dim"), Text(value))
    yield Padding(words, (0, 0, 0, 2))


def _verdict(found: Conformance) -> Text:
    numbers = {outcome: len(found.with_outcome(outcome)) for outcome in Outcome}
    told = ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number)
    if found.passed:
        return Text(f"{found.engine} keeps to the contract: {told}", style="bold green")
    if found.missing and not numbers[Outcome.FAIL]:
        return Text(f"whether {found.engine} keeps to the contract is not known: {told}", style="bold red")
    return Text(f"{found.engine} does not keep to the contract: {told}", style="bold red")


def list_table(checks: Iterable[tuple[str, str, bool, str]]) -> Table:
    """The list of checks: what each is called, what holds if it passes, whether it is required, where it stands."""
    table = Table("check", "passes if", "required", "contract", show_edge=False, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for name, title, required, docs in checks:
        table.add_row(name, title, "yes" if required else "no", f"docs/{docs}")
    return table
