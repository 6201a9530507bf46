"""The lag of a recording is the mean latency of its records, however they were batched."""

from pathlib import Path

import pytest

from harness.measurement.recording import Recorder, read_recording
from viewer.cells import NUMBERS
from viewer.lag import MEAN_MS, Lag

EPOCH_S = 1_767_225_600
START_MS = 1_790_000_000_000
RATE = 500
LOAD_S = 20
NAMES = list(NUMBERS)


def lag_of(tmp_path: Path, entries: list[tuple[float, bytes]]) -> Lag:
    """The lag of these entries: milliseconds after the start, and field."""
    path = tmp_path / "a.updates.gz"
    with Recorder(path, START_MS) as recorder:
        recorder.add((START_MS + int(at_ms), field) for at_ms, field in entries)
    return Lag(read_recording(path))


def engine(late_ms: int, batch_ms: int = 1) -> list[tuple[float, bytes]]:
    """An engine that shows, at each multiple of `batch_ms`, all records that were due `late_ms` before."""
    entries = []
    counts: dict[int, int] = {}
    due = 0
    for at_ms in range(0, LOAD_S * 1000 + late_ms + 2 * batch_ms, batch_ms):
        changed = set()
        while due < RATE * LOAD_S and due * 1000 / RATE <= at_ms - late_ms:
            second = due // RATE
            counts[second] = counts.get(second, 0) + 1
            changed.add(second)
            due += 1
        if changed:
            fields = (b"%d|%b=%d" % (EPOCH_S + each, NAMES[each % 7], counts[each]) for each in sorted(changed))
            entries.append((float(at_ms), b"\n".join(fields)))
    return entries


@pytest.mark.parametrize(("late_ms", "batch_ms", "mean_ms"), [(0, 2, 0), (40, 2, 40), (700, 2, 700), (100, 500, 349)])
def test_it_is_the_mean_latency(tmp_path: Path, late_ms: int, batch_ms: int, mean_ms: float) -> None:
    lag = lag_of(tmp_path, engine(late_ms, batch_ms))
    assert lag.load_ms == LOAD_S * 1000
    for position_ms in (MEAN_MS + 2000, 15_000, LOAD_S * 1000):
        assert lag.mean_ms(position_ms) == pytest.approx(mean_ms, abs=1.5)


def test_two_engines_differ_by_as_much_as_their_latencies_do(tmp_path: Path) -> None:
    first, second = (lag_of(tmp_path, engine(late_ms)) for late_ms in (20, 320))
    assert second.mean_ms(10_000) - first.mean_ms(10_000) == pytest.approx(300, abs=0.5)


def test_before_anything_is_shown_all_of_the_load_is_behind(tmp_path: Path) -> None:
    lag = lag_of(tmp_path, engine(4000))
    assert lag.mean_ms(0) == 0
    assert lag.mean_ms(3000) == pytest.approx(1500)


def test_an_engine_that_stops_falls_behind_by_as_much_as_time_passes(tmp_path: Path) -> None:
    early = [each for each in engine(10) if each[0] < 8000]
    lag = lag_of(tmp_path, [*early, (18_000.0, early[-1][1])])
    assert lag.load_ms == 8000
    assert lag.mean_ms(18_000) == pytest.approx(10_000 - MEAN_MS / 2, abs=10)


def test_what_is_no_count_of_the_load_makes_no_difference(tmp_path: Path) -> None:
    entries = engine(40)
    odd = [
        b"nonsense",
        b"1|%b=900000" % NAMES[0],
        b"%d|%b=900000" % (EPOCH_S - 60, NAMES[0]),
        b"%d|%b=900000" % (EPOCH_S + 86_400, NAMES[0]),
        b"%d|99999|AT&T|call=900000" % EPOCH_S,
        b"%d|%b=-900000" % (EPOCH_S, NAMES[0]),
        b"%b|%b=1" % (b"9" * 5000, NAMES[0]),
    ]
    lag = lag_of(tmp_path, sorted([*entries, *((5000.0, each) for each in odd)], key=lambda each: each[0]))
    assert lag.mean_ms(12_000) == pytest.approx(40, abs=1.5)


def test_a_recording_of_nothing_that_is_known_has_a_lag_all_the_same(tmp_path: Path) -> None:
    lag = lag_of(tmp_path, [(1000.0, b"nonsense")])
    assert (lag.load_ms, lag.mean_ms(1000)) == (0, 500)
