"""Every kind of difference is found, counted and decides the verdict; trouble never passes."""

from engines.contract.aggregate import Cell
from harness.evaluation.counts import MAX_EXAMPLES, compare, judge
from harness.results.correctness import Committed, Verdict

EXPECTED = {Cell(100 + at, "06037", "AT&T", "call"): 10 for at in range(20)}


def _compare(observed: dict[Cell, int], letters: tuple[list[bytes], list[bytes]] = ([], [])):
    return compare(EXPECTED, observed, expected_dead_letters=letters[0], observed_dead_letters=letters[1])


def test_equal_counts_pass() -> None:
    found = _compare(dict(EXPECTED), ([b"bad", b"bad"], [b"bad", b"bad"]))
    assert (found.expected, found.observed, found.expected_records) == (20, 20, 200)
    assert judge(found, []) == (Verdict.PASS, [])


def test_each_difference_is_counted_with_examples() -> None:
    observed = dict(EXPECTED)
    del observed[Cell(100, "06037", "AT&T", "call")]
    observed[Cell(101, "06037", "AT&T", "call")] = 8
    observed[Cell(102, "06037", "AT&T", "call")] = 11
    observed[Cell(999, "06001", "Sprint", "text")] = 4
    found = _compare(observed)
    assert (found.missing, found.extra, found.mismatched) == (1, 1, 2)
    assert (found.lost_records, found.surplus_records) == (10 + 2, 1 + 4)
    assert [(each.window_s, each.expected, each.observed) for each in found.examples.mismatched] == [
        (101, 10, 8),
        (102, 10, 11),
    ]
    assert found.examples.missing[0].observed is None and found.examples.extra[0].expected is None
    verdict, reasons = judge(found, [])
    assert verdict is Verdict.FAIL
    assert reasons == [
        "1 cells missing",
        "1 cells extra",
        "2 cells with a wrong count",
        "12 records lost",
        "5 records counted too often",
    ]


def test_examples_are_bounded() -> None:
    assert _compare({}).missing == 20
    assert len(_compare({}).examples.missing) == MAX_EXAMPLES


def test_dead_letters_are_compared_as_multisets() -> None:
    found = _compare(dict(EXPECTED), ([b"a", b"a", b"b"], [b"b", b"a", b"c", b"c"])).dead_letters
    assert (found.expected, found.observed, found.missing, found.extra) == (3, 4, 1, 2)
    verdict, reasons = judge(_compare(dict(EXPECTED), ([b"a"], [])), [])
    assert verdict is Verdict.FAIL and reasons == ["1 malformed lines missing from the dead-letter topic"]


def test_trouble_never_passes() -> None:
    right = _compare(dict(EXPECTED))
    assert judge(right, ["the engine died"]) == (Verdict.UNKNOWN, ["the engine died"])
    assert judge(None, ["the engine died"]) == (Verdict.UNKNOWN, ["the engine died"])
    assert judge(None, []) == (Verdict.UNKNOWN, ["the counts could not be verified"])
    assert judge(_compare({}), ["the engine died"])[0] is Verdict.FAIL


def test_what_was_committed_twice_is_wrong_whatever_the_counts_are_in_the_end() -> None:
    twice = Committed(messages=1000, repeated=2, lowered=1, examples=["offset 7 of partition 0: A is 2, again"])
    verdict, reasons = judge(_compare(dict(EXPECTED)), [], twice)
    assert verdict is Verdict.FAIL
    assert reasons == [
        "of 1,000 committed messages, 2 repeat a count and 1 lower a count: offset 7 of partition 0: A is 2, again"
    ]
    assert judge(None, ["the engine died"], twice)[0] is Verdict.FAIL
    once = Committed(messages=1000, repeated=0, lowered=0)
    assert judge(_compare(dict(EXPECTED)), [], once) == (Verdict.PASS, [])
    assert judge(None, [], once)[0] is Verdict.UNKNOWN


def test_a_transaction_that_is_left_open_is_the_engines_fault_unless_it_died() -> None:
    found = Committed(messages=1000, repeated=0, lowered=0, unseen=12, left_open=34)
    verdict, (reason,) = judge(_compare(dict(EXPECTED)), [], found)
    assert verdict is Verdict.FAIL
    assert reason.startswith("a transaction was left open: 34 offsets of the aggregates topic")
    assert judge(_compare(dict(EXPECTED)), ["the engine died"], found) == (Verdict.UNKNOWN, ["the engine died"])
    assert judge(_compare(dict(EXPECTED)), [], found.model_copy(update={"left_open": 0})) == (Verdict.PASS, [])
