"""The viewer's mirror of Redis: what has changed is told once, what makes no sense is counted and does no harm."""

import json
from itertools import product

import numpy as np
import pytest

from engines.contract.record import OPERATORS, TYPES
from viewer.cells import CELLS_PER_WINDOW, NUMBERS, by_county_and_operator, cell_number, type_of
from viewer.side import WIRE, Side, encode
from viewer.state import FINISHED_ANYWAY_S, FINISHED_BEHIND_S, FINISHED_QUIET_MS, HISTORY_S, LONGEST_LEAP_S, Counts
from workloads.california import COUNTIES

EPOCH_S = 1_767_225_600
NOW_MS = 1_790_000_000_000
ALAMEDA, YUBA = b"06001|AT&T|call", b"06115|Verizon|text"
LAST_CELL = CELLS_PER_WINDOW - 1


def update(window_s: int, name: bytes, count: int) -> tuple[bytes, int]:
    """One line of a stream entry, decoded."""
    return b"%d|%b" % (window_s, name), count


def rows(encoded: list[str]) -> list[list[int]]:
    """Rows as numbers: window, cell, count, cell, count, and so on."""
    return [json.loads(row) for row in encoded]


def counts_of(*updates: tuple[bytes, int]) -> Counts:
    """Counts after one entry."""
    counts = Counts()
    counts.apply(updates, NOW_MS)
    return counts


def test_cells_are_numbered_by_county_operator_and_type() -> None:
    numbers = (range(len(COUNTIES)), range(len(OPERATORS)), range(len(TYPES)))
    for number, (county, operator, kind) in enumerate(product(*numbers)):
        assert cell_number(county, operator, kind) == number
        assert NUMBERS[f"{COUNTIES[county].fips}|{OPERATORS[operator]}|{TYPES[kind]}".encode()] == number
        assert type_of(number) == kind
    assert len(NUMBERS) == CELLS_PER_WINDOW == 464


def test_types_are_summed() -> None:
    sums = by_county_and_operator(np.arange(CELLS_PER_WINDOW))
    assert sums.shape == (58, 4)
    assert sums[3, 2] == cell_number(3, 2, 0) + cell_number(3, 2, 1)


def test_what_has_changed_is_told_once() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 7), update(EPOCH_S, ALAMEDA, 3))
    assert rows(counts.take_delta()) == [[EPOCH_S, 0, 3, LAST_CELL, 7]]
    assert rows(counts.take_delta()) == []
    counts.apply([update(EPOCH_S, YUBA, 7), update(EPOCH_S, ALAMEDA, 4)], NOW_MS)
    assert rows(counts.take_delta()) == [[EPOCH_S, 0, 4]]
    assert rows(counts.snapshot()) == [[EPOCH_S, 0, 4, LAST_CELL, 7]]
    assert (counts.now_s, counts.updated_ms, counts.updates) == (EPOCH_S, NOW_MS, 4)


def test_counts_are_absolute() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 7), update(EPOCH_S, YUBA, 5))
    assert rows(counts.snapshot()) == [[EPOCH_S, LAST_CELL, 5]]


def test_a_count_of_zero_is_a_count() -> None:
    assert rows(counts_of(update(EPOCH_S, YUBA, 0)).snapshot()) == [[EPOCH_S, LAST_CELL, 0]]


def test_a_snapshot_shows_what_has_changed_since_the_one_before() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 1), update(EPOCH_S + 1, YUBA, 2))
    assert rows(counts.snapshot()) == [[EPOCH_S, LAST_CELL, 1], [EPOCH_S + 1, LAST_CELL, 2]]
    counts.apply([update(EPOCH_S, ALAMEDA, 5)], NOW_MS)
    assert rows(counts.snapshot()) == [[EPOCH_S, 0, 5, LAST_CELL, 1], [EPOCH_S + 1, LAST_CELL, 2]]
    counts.replace({EPOCH_S: {YUBA: b"7"}}, NOW_MS)
    assert rows(counts.snapshot()) == [[EPOCH_S, LAST_CELL, 7]]


def test_the_oldest_entry_that_no_delta_holds_yet_is_known_until_one_does() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 1))
    counts.apply([update(EPOCH_S, YUBA, 2)], NOW_MS + 40)
    assert (counts.since_ms, counts.updated_ms) == (NOW_MS, NOW_MS + 40)
    counts.take_delta()
    assert counts.since_ms is None
    counts.apply([update(EPOCH_S, YUBA, 3)], NOW_MS + 90)
    assert counts.since_ms == NOW_MS + 90


def test_only_the_last_five_minutes_are_kept() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 1), update(EPOCH_S + 1, YUBA, 2))
    counts.apply([update(EPOCH_S + HISTORY_S, YUBA, 3)], NOW_MS)
    kept = [[EPOCH_S + 1, LAST_CELL, 2], [EPOCH_S + HISTORY_S, LAST_CELL, 3]]
    assert rows(counts.snapshot()) == kept
    assert rows(counts.take_delta()) == kept
    counts.apply([update(EPOCH_S, YUBA, 4)], NOW_MS)
    assert rows(counts.snapshot()) == kept
    assert counts.too_old == 1
    assert counts.oldest_s == EPOCH_S + 1


@pytest.mark.parametrize(
    "bad",
    [
        (b"", 1),
        (b"no key", 1),
        update(EPOCH_S, b"06002|AT&T|call", 1),
        update(EPOCH_S, b"06001|AT&T|fax", 1),
        update(EPOCH_S, YUBA, -1),
        update(EPOCH_S, YUBA, 2**31),
        (b"yesterday|" + YUBA, 1),
        (b"-5|" + YUBA, 1),
        ("²|".encode() + YUBA, 1),
        (b"9" * 30 + b"|" + YUBA, 1),
        update(EPOCH_S + LONGEST_LEAP_S + 1, YUBA, 1),
    ],
)
def test_what_makes_no_sense_is_counted_and_skipped(bad: tuple[bytes, int]) -> None:
    counts = counts_of(update(EPOCH_S, ALAMEDA, 1), bad, update(EPOCH_S, YUBA, 2))
    assert rows(counts.snapshot()) == [[EPOCH_S, 0, 1, LAST_CELL, 2]]
    assert counts.skipped == 1
    assert counts.now_s == EPOCH_S


def test_replacing_forgets_what_was_and_is_no_delta() -> None:
    counts = counts_of(update(EPOCH_S + 50, ALAMEDA, 1))
    windows = {EPOCH_S + 1: {YUBA: b"2", b"nobody": b"1"}, EPOCH_S: {YUBA: b"1", ALAMEDA: b"many"}}
    counts.replace(windows, NOW_MS + 5)
    assert rows(counts.snapshot()) == [[EPOCH_S, LAST_CELL, 1], [EPOCH_S + 1, LAST_CELL, 2]]
    assert rows(counts.take_delta()) == []
    assert (counts.now_s, counts.updated_ms, counts.generation) == (EPOCH_S + 1, NOW_MS + 5, 1)
    assert (counts.malformed, counts.unknown_cells) == (1, 1)
    counts.replace({}, None)
    assert rows(counts.snapshot()) == []
    assert (counts.now_s, counts.updated_ms, counts.oldest_s) == (None, None, None)


def test_a_window_far_ahead_does_not_push_the_others_out_of_a_snapshot() -> None:
    counts = Counts()
    counts.replace({EPOCH_S: {YUBA: b"1"}, 9_999_999_999: {YUBA: b"1"}}, NOW_MS)
    assert rows(counts.snapshot()) == [[EPOCH_S, LAST_CELL, 1]]


def test_a_window_has_finished_when_it_is_behind_and_quiet() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 1))
    newest_s = EPOCH_S + FINISHED_BEHIND_S
    assert not counts.is_finished(EPOCH_S)
    counts.apply([update(newest_s - 1, YUBA, 1)], NOW_MS + FINISHED_QUIET_MS)
    assert not counts.is_finished(EPOCH_S)
    counts.apply([update(EPOCH_S, YUBA, 2)], NOW_MS + FINISHED_QUIET_MS)
    counts.apply([update(newest_s, YUBA, 1)], NOW_MS + 2 * FINISHED_QUIET_MS - 1)
    assert not counts.is_finished(EPOCH_S)
    counts.apply([update(newest_s, YUBA, 2)], NOW_MS + 2 * FINISHED_QUIET_MS)
    assert counts.is_finished(EPOCH_S)
    assert not counts.is_finished(EPOCH_S + 1)


def test_late_records_do_not_keep_a_window_from_finishing() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 1), update(EPOCH_S + FINISHED_ANYWAY_S, YUBA, 1))
    assert counts.is_finished(EPOCH_S)


def test_a_window_without_any_count_may_be_about_to_come() -> None:
    counts = counts_of(update(EPOCH_S, YUBA, 1))
    counts.apply([update(EPOCH_S + FINISHED_ANYWAY_S, YUBA, 1)], NOW_MS + 2 * FINISHED_QUIET_MS)
    assert counts.is_finished(EPOCH_S)
    assert not counts.is_finished(EPOCH_S + 1)
    counts.apply([update(EPOCH_S + FINISHED_ANYWAY_S + 1, YUBA, 1)], NOW_MS + 2 * FINISHED_QUIET_MS)
    assert counts.is_finished(EPOCH_S + 1)


def test_windows_without_records_count_as_zero() -> None:
    assert counts_of(update(EPOCH_S, YUBA, 9)).window(EPOCH_S).sum() == 9
    assert counts_of(update(EPOCH_S, YUBA, 9)).window(EPOCH_S + 1).tolist() == [0] * CELLS_PER_WINDOW


# Frames


def test_frames_are_numbered_and_say_what_changed() -> None:
    side = Side(0, "baseline")
    side.counts.apply([update(EPOCH_S, YUBA, 1)], NOW_MS)
    first, second = side.next_delta(3), side.next_delta(3)
    assert (first["type"], first["seq"], rows(first["windows"])) == ("delta", 1, [[EPOCH_S, LAST_CELL, 1]])
    assert (second["seq"], second["windows"]) == (2, [])
    assert "z" not in first
    snapshot = side.snapshot(3)
    assert (snapshot["type"], snapshot["seq"], rows(snapshot["windows"])) == ("snapshot", 2, [[EPOCH_S, LAST_CELL, 1]])
    assert snapshot["z"] == [None] * 232
    assert snapshot["county_z"] == [None] * 58
    assert snapshot["events"] == []
    assert snapshot["clients"] == 3


def test_a_frame_tells_each_client_its_own_losses() -> None:
    side = Side(1, "baseline")
    side.counts.apply([update(EPOCH_S, ALAMEDA, 1), update(EPOCH_S, YUBA, 2)], NOW_MS)
    frame = encode(side.next_delta(1), frozenset({0, 1}))
    assert json.loads(frame.message(0)["text"])["dropped"] == 0
    assert json.loads(frame.message(12)["text"]) == json.loads(frame.message(0)["text"]) | {"dropped": 12}
    # Two bytes of header, and two of length.
    assert frame.message(12)[WIRE][4:].decode() == frame.message(12)["text"]


@pytest.mark.parametrize(
    ("types", "windows"), [({0}, [[EPOCH_S, 0, 1]]), ({1}, [[EPOCH_S, LAST_CELL, 2]]), (set(), [])], ids=str
)
def test_a_frame_has_the_wanted_types_only(types: set[int], windows: list[list[int]]) -> None:
    side = Side(0, "baseline")
    side.counts.apply([update(EPOCH_S, ALAMEDA, 1), update(EPOCH_S, YUBA, 2)], NOW_MS)
    assert json.loads(encode(side.next_delta(1), frozenset(types)).message(0)["text"])["windows"] == windows


def test_scores_come_with_the_frame_after_their_window_has_finished() -> None:
    side = Side(0, "baseline")
    for second in range(40):
        side.counts.apply([update(EPOCH_S + second, YUBA, 100 + second % 2)], NOW_MS + 1000 * second)
    fields = side.next_delta(1)
    assert fields["z"][-1] is not None
    assert fields["county_z"][-1] is not None
    assert side.detector.last_s == EPOCH_S + 39 - FINISHED_BEHIND_S
    assert "z" not in side.next_delta(1)


def test_scores_begin_anew_after_a_gap_longer_than_the_history() -> None:
    side = Side(0, "baseline")
    for second in (*range(40), *range(2 * HISTORY_S, 2 * HISTORY_S + 10)):
        side.counts.apply([update(EPOCH_S + second, YUBA, 100)], NOW_MS + 1000 * second)
        side.judge()
    assert side.detector.last_s == EPOCH_S + 2 * HISTORY_S + 9 - FINISHED_BEHIND_S
    assert np.isnan(side.detector.z).all()
