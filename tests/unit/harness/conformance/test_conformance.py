"""What conformance decides, from what was sent and seen; and the list of checks is the documents'."""

import re
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console

from engines.contract.events import Event
from engines.contract.record import parse
from harness.cli import app
from harness.conformance import judge_counts, judge_life, judge_messages
from harness.conformance.checks import CHECKS, DOCUMENT
from harness.conformance.findings import NOT_REACHED, Findings, Problem
from harness.conformance.ledger import Ledger, key_of, line
from harness.conformance.rig import Ending, Output
from harness.results.conformance import CheckResult, Conformance, Outcome
from reports.documents.conformance import conformance_report

TEXT = (Path(__file__).parents[4] / "docs" / DOCUMENT).read_text(encoding="utf-8")
MS = 1_767_225_600_000
PROBLEM = Problem(did="d", expected="e", seen="s", likely="l")


def described() -> list[tuple[str, str, bool]]:
    """Of each check in the document: its section's anchor, its name, and whether it is required."""
    found = []
    for section in TEXT.split("\n## ")[1:]:
        anchor = section.splitlines()[0].lower().replace(" ", "-")
        rows = re.findall(r"^\| `([a-z]+(?:\.[a-z-]+)?)` \| (.*) \|$", section, re.MULTILINE)
        found += [(anchor, name, not text.startswith("not required")) for name, text in rows]
    known = {check.id for check in CHECKS}
    return [each for each in found if each[1] in known]


def test_every_check_is_described_in_its_section() -> None:
    assert sorted(described()) == sorted((check.section, check.id, check.required) for check in CHECKS)


def test_what_a_check_needs_is_a_check_before_it_or_among_them() -> None:
    names = [check.id for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {need for check in CHECKS for need in check.needs} <= set(names)


def test_a_check_whose_need_has_failed_is_skipped_and_names_it() -> None:
    findings = Findings()
    findings.hold("start.ready", PROBLEM)
    findings.hold("events.progress", None)
    results = {each.id: each for each in findings.results()}
    assert results["start.ready"].outcome == Outcome.FAIL
    assert results["events.progress"].outcome == Outcome.SKIPPED
    assert "needs start.ready" in results["counts.cells"].seen
    assert results["descriptor"].seen == NOT_REACHED


def test_the_failure_of_a_check_that_is_not_required_is_a_warning_and_the_first_one_stands() -> None:
    findings = Findings()
    findings.hold("late.dropped", PROBLEM)
    findings.hold("late.dropped", None)
    findings.hold("stop.sigterm", PROBLEM)
    outcomes = {each.id: each.outcome for each in findings.results()}
    assert (outcomes["late.dropped"], outcomes["stop.sigterm"]) == (Outcome.WARNING, Outcome.FAIL)


def output_of(counts: dict[bytes, list[bytes | None]], partition: int = 0) -> Output:
    """What an engine has written that sent these values, by key."""
    output = Output()
    for key, values in counts.items():
        for value in values:
            output.add_upsert(key, value, partition)
    return output


@pytest.fixture
def ledger() -> Ledger:
    """Two cells with two records and with one, and a malformed line."""
    found = Ledger()
    found.add([(0, line(MS)), (1, line(MS)), (0, line(MS + 1000)), (0, b"x"), (0, None)])
    return found


def right(ledger: Ledger) -> Output:
    """What an engine that counts right has written."""
    return output_of({key: [b"%d" % each for each in range(1, count + 1)] for key, count in ledger.counts.items()})


def test_a_right_engine_has_no_problem(ledger: Ledger) -> None:
    output = right(ledger)
    output.dead_letters.update([b"x", b""])
    for each in (judge_messages.keys, judge_messages.values, judge_messages.partitions):
        assert each(output) is None
    assert judge_messages.absolute(ledger, output) is None
    assert judge_counts.counts(ledger, output, "") is None
    for tombstones in (True, False):
        assert judge_counts.dead_letters(ledger, output, exactly=True, did="", tombstones=tombstones) is None


def key(end_ms: int) -> bytes:
    """The key of the cell of `line(end_ms)`."""
    record = parse(line(end_ms))
    assert record
    return key_of(record)


def started(_: bytes) -> dict[bytes, list[bytes | None]]:
    """Counts in the windows of StartT."""
    return {key(MS - 65_432): [b"2"], key(MS - 64_432): [b"1"]}


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (started, "the window is that of StartT"),
        (lambda cell: {cell: [b"4"], key(MS + 1000): [b"2"]}, "counted twice"),
        (lambda cell: {cell: [b"2"]}, "dropped"),
        (lambda cell: {cell: [b"3"], key(MS + 1000): [b"1"]}, "more than once"),
        (lambda cell: {cell: [b"3"]}, "another cell"),
    ],
)
def test_wrong_counts_are_explained(
    ledger: Ledger, counts: Callable[[bytes], dict[bytes, list[bytes | None]]], words: str
) -> None:
    problem = judge_counts.counts(ledger, output_of(counts(key(MS))), "")
    assert problem and words in problem.likely


def test_malformed_lines_that_are_counted_are_found_out() -> None:
    ledger = Ledger()
    ledger.add([(0, line(MS)), (0, line(MS, call_ms=-1))])
    problem = judge_counts.counts(ledger, output_of({key(MS): [b"2"]}), "")
    assert problem and "malformed lines are counted" in problem.likely


def test_increments_are_found_out_and_repeated_upserts_are_not_mistaken_for_them(ledger: Ledger) -> None:
    problem = judge_messages.absolute(ledger, output_of({key(MS): [b"1", b"1"]}))
    assert problem and "increments" in problem.likely
    assert judge_messages.absolute(ledger, output_of({key(MS): [b"1", b"1", b"2", b"2"]})) is None


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (b"1767225600000|06001|Verizon|call", "milliseconds"),
        (b"2026-01-01 00:00:00|06001|Verizon|call", "a date"),
        (b"1767225600|Verizon|06001|call", "another order"),
        (b"", "missing"),
    ],
)
def test_wrong_keys_are_explained(key: bytes, words: str) -> None:
    problem = judge_messages.keys(output_of({key: [b"1"]}))
    assert problem and words in problem.likely


@pytest.mark.parametrize("value", [b"1.0", b"01", b"0", b"-1", b" 1", b"\x00\x00\x00\x01", b"", None])
def test_values_that_are_no_counts_are_found(value: bytes | None) -> None:
    problem = judge_messages.values(output_of({key(MS): [b"1", value]}))
    assert problem and ("tombstones" in problem.likely) == (value is None)


@pytest.mark.parametrize(
    ("letters", "words"),
    [([b""], "no dead letter arrives"), ([b"y", b""], "Keep the bytes"), ([b"x", b"x"], "more than once")],
)
def test_wrong_dead_letters_are_explained(ledger: Ledger, letters: list[bytes], words: str) -> None:
    output = right(ledger)
    output.dead_letters.update(letters)
    problem = judge_counts.dead_letters(ledger, output, exactly=True, did="", tombstones=False)
    assert problem and words in problem.likely


def test_what_is_committed_twice_is_found_out(ledger: Ledger) -> None:
    once = Output()
    for key, value in ((b"a", b"1"), (b"b", b"1"), (b"a", b"3")):
        once.add_upsert(key, value, 0)
    assert judge_messages.once(ledger, once) is None
    once.add_upsert(b"a", b"3", 0)
    once.add_upsert(b"b", b"1", 0)
    found = judge_messages.once(ledger, once)
    assert found and found.seen.startswith("2 upserts: b'a' is b'3' after b'3', in partition 0")
    letters = Output(dead_letters=Counter({b"never sent": 2}))
    found = judge_messages.once(ledger, letters)
    assert found and found.seen == "2 dead letters too many: b'never sent'"


def test_after_a_restart_dead_letters_may_be_repeated_but_not_lost(ledger: Ledger) -> None:
    output = right(ledger)
    output.dead_letters.update([b"x", b"x"])
    assert judge_counts.dead_letters(ledger, output, exactly=False, did="", tombstones=False) is None
    output.dead_letters.clear()
    assert judge_counts.dead_letters(ledger, output, exactly=False, did="", tombstones=False)


def progress(at_s: float, **fields: object) -> Event:
    """An event of progress."""
    return Event("progress", int(at_s * 1000), {"records_in": 1, "malformed": 0, "late": None} | fields)


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        ([progress(0), progress(2), progress(4, records_in=2)], ""),
        ([progress(0, late=3), progress(2), progress(4, records_in=None)], ""),
        ([progress(0), progress(7)], "7.0 s without"),
        ([progress(0, records_in=5), progress(1, records_in=3)], "from 5 to 3"),
        ([progress(0, malformed="0")], "`malformed` is '0'"),
        ([Event("progress", 0, {"records_in": 1, "malformed": 0})], "`late` is 'nothing'"),
    ],
)
def test_progress_is_held_to_the_contract(events: list[Event], seen: str) -> None:
    problem = judge_messages.progress([events])
    assert (problem is not None) == bool(seen)
    assert problem is None or seen in problem.seen


STOPPED = Event("stopped", 0, {"records_in": 1, "malformed": 0, "late": None})


@pytest.mark.parametrize(
    ("end", "stopped", "words"),
    [
        (Ending(0, 0.1, []), STOPPED, ""),
        (Ending(137, 20.1, []), None, "SIGTERM is ignored"),
        (Ending(143, 0.1, []), None, "before it can tell"),
        (Ending(1, 0.1, []), STOPPED, "on the way out"),
        (Ending(0, 0.1, []), Event("stopped", 0, {}), "final totals"),
    ],
)
def test_the_end_is_held_to_the_contract(end: Ending, stopped: Event | None, words: str) -> None:
    problem = judge_life.ending(end, stopped)
    assert (problem is not None) == bool(words)
    assert problem is None or words in problem.likely


def test_a_transaction_that_is_open_at_the_end_is_told_with_its_topic() -> None:
    assert judge_life.closed({"aggregates": 0, "dead-letters": 0}) is None
    problem = judge_life.closed({"aggregates": 0, "dead-letters": 3})
    assert problem and problem.seen == "behind a transaction that is open: 3 offsets of dead-letters"


def test_the_report_tells_failures_in_full_and_everything_in_a_line() -> None:
    findings = Findings()
    findings.hold("start.ready", None, "after 1.0 s")
    findings.hold("upserts.key", Problem(did="[b]", expected="e", seen="s", likely="why"))
    found = Conformance.model_construct(engine="mine", checks=findings.results())
    console = Console(file=StringIO(), width=200)
    console.print(conformance_report(found))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(check.id in text for check in CHECKS)
    assert "(after 1.0 s)" in text and "[b]" in text and "why" in text and "docs/conformance.md#upserts" in text
    assert "mine does not keep to the contract: 1 pass, 1 fail" in text


def test_a_result_can_be_read_back() -> None:
    check = CheckResult(id="a", title="b", required=True, docs="c", outcome=Outcome.PASS)
    assert CheckResult.model_validate_json(check.model_dump_json()) == check


def test_the_command_line_has_the_command() -> None:
    assert "conformance" in typer.main.get_command(app).commands  # type: ignore[attr-defined]
