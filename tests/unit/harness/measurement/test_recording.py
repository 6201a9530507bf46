"""A recording holds what the stream told, and when after the start of the load; what is left of one can be read."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.measurement.recording import MAX_COMPRESSION, MAX_LENGTH_S, Recorder, keep_files, read_recording

START_MS = 1_790_000_000_000
FIELD = b"1767225600|06037|AT&T|call=3\n1767225600|06001|Verizon|text=1"
LINE = FIELD.replace(b"\n", b" ")


def write(path: Path, text: str) -> Path:
    """A gzip file that holds `text`."""
    with gzip.open(path, "wt") as file:
        file.write(text)
    return path


def test_what_is_recorded_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flink-2.updates.gz"
    with Recorder(path, START_MS) as recorder:
        recorder.add([(START_MS + 300, FIELD), (START_MS + 300, b"a=1")])
        recorder.add([])
        recorder.add([(START_MS + 1700, b"a=2")])
    found = read_recording(path)
    assert (found.name, found.start_ms, found.notes) == ("flink-2", START_MS, [])
    assert (found.at_ms, found.updates) == ([300, 300, 1700], [LINE, b"a=1", b"a=2"])
    assert gzip.decompress(path.read_bytes()).startswith(b"start %d\n%d " % (START_MS, START_MS + 300))
    assert read_recording(path, "mine").name == "mine"


def test_where_nothing_comes_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.updates.gz"
    with Recorder(path, START_MS) as recorder:
        recorder.add([])
    assert not path.exists()


def test_the_recorder_being_killed_leaves_what_it_had_flushed(tmp_path: Path) -> None:
    path = tmp_path / "a.updates.gz"
    program = (
        "import os, signal, sys; from pathlib import Path; from harness.measurement.recording import Recorder\n"
        "with Recorder(Path(sys.argv[1]), 1000) as recorder:\n"
        "    recorder.add([(1005, b'a=1'), (1006, b'a=2')])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[4]
    killed = subprocess.run(
        [sys.executable, "-c", program, str(path)], check=False, env=os.environ | {"PYTHONPATH": str(root)}
    )
    assert killed.returncode == -9
    found = read_recording(path)
    assert (found.at_ms, found.updates) == ([5, 6], [b"a=1", b"a=2"])
    assert len(found.notes) == 1 and "cut off" in found.notes[0]


@pytest.mark.parametrize("missing", [1, 8, 9, 500, 10_000])
def test_one_that_was_cut_off_is_read_up_to_there_and_no_count_is_halved(tmp_path: Path, missing: int) -> None:
    path = tmp_path / "a.updates.gz"
    # What does not compress, so that much of it is in the part that is kept.
    counts = np.random.default_rng(1).integers(10**8, 10**9, 20_000).tolist()
    with Recorder(path, START_MS) as recorder:
        recorder.add((START_MS + at, b"a=%d" % count) for at, count in enumerate(counts))
    path.write_bytes(path.read_bytes()[:-missing])
    found = read_recording(path)
    assert 10_000 < len(found.at_ms) <= 20_000
    assert found.updates == [b"a=%d" % count for count in counts[: len(found.updates)]]
    assert len(found.notes) == 1 and "cut off" in found.notes[0]


def test_entries_from_before_the_start_are_kept_at_the_start_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.updates.gz"
    with Recorder(path, START_MS) as recorder:
        recorder.add([(START_MS - 20, b"a=1"), (START_MS - 10, b"a=2"), (START_MS, b"a=3"), (START_MS + 1, b"a=4")])
    found = read_recording(path)
    assert (found.at_ms, found.updates) == ([0, 0, 0, 1], [b"a=1", b"a=2", b"a=3", b"a=4"])
    assert len(found.notes) == 1 and "2 entries from before the start" in found.notes[0]


def test_lines_that_make_no_sense_are_skipped_and_told(tmp_path: Path) -> None:
    text = "start 1000\n1005 a=1\n1004 a=2\n\nyesterday a=3\n1007\n-5 a=4\n1008 a=5\n"
    found = read_recording(write(tmp_path / "a.updates.gz", text))
    assert (found.at_ms, found.updates) == ([5, 8], [b"a=1", b"a=5"])
    assert len(found.notes) == 1 and "5 malformed lines" in found.notes[0]


@pytest.mark.parametrize("text", ["", "1000 a=1\n1005 a=2\n", "start\n1005 a=1\n", "start soon\n1005 a=1\n"])
def test_a_file_without_a_start_is_no_recording(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="is no recording"):
        read_recording(write(tmp_path / "a.updates.gz", text))


def test_files_that_cannot_be_shown_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no entry"):
        read_recording(write(tmp_path / "empty.updates.gz", "start 1000\n"))
    (tmp_path / "text").write_text("start 1000\n1000 x=1")
    with pytest.raises(OSError, match="gzip"):
        read_recording(tmp_path / "text")
    with pytest.raises(FileNotFoundError):
        read_recording(tmp_path / "absent")


HOSTILE = {
    "a time that no recording reaches": (b"start 0\n9999999999999 x\n", r":2: an entry of more than 259,200 s"),
    "a time of 400 digits": (b"start 0\n1 a=1\n%s x\n" % (b"9" * 400), r":3: an entry of more than 259,200 s"),
    "a time of 5,000 digits": (b"start 0\n%s x\n" % (b"9" * 5000), r":2: an entry of more than 259,200 s"),
    "a start of 5,000 digits": (b"start %s\n1 x\n" % (b"9" * 5000), "is no recording"),
    "lines that shrink to nothing": (b"start 0\n" + b"1 x\n" * 600_000, r":\d+: more than [\d,]+ bytes up to here"),
    "one long line": (b"start 0\n1 " + b"x" * 20_000_000, r":2: a line of more than 16,777,216 bytes"),
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_would_take_much_memory_is_refused_with_file_line_and_limit(
    tmp_path: Path, text: bytes, words: str
) -> None:
    path = tmp_path / "a.updates.gz"
    path.write_bytes(gzip.compress(text, 6))
    with pytest.raises(ValueError, match=f"{path}.*{words}"):
        read_recording(path)


def test_a_recording_of_a_slow_load_shrinks_less_than_one_may(tmp_path: Path) -> None:
    path = tmp_path / "a.updates.gz"
    with Recorder(path, START_MS) as recorder:
        recorder.add((START_MS + 1000 * at, FIELD) for at in range(MAX_LENGTH_S // 10))
    found = read_recording(path)
    assert len(found.at_ms) == MAX_LENGTH_S // 10
    assert sum(map(len, found.updates)) < MAX_COMPRESSION * path.stat().st_size / 4


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.updates.gz"
    with Recorder(path, START_MS) as recorder:
        recorder.add((START_MS + at, FIELD) for at in range(1000))
    whole = path.read_bytes()
    # A wrong checksum, and a block of a kind that there is not.
    path.write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    with pytest.raises(OSError, match="CRC"):
        read_recording(path)
    path.write_bytes(whole[:100] + bytes([0xFF] * 200) + whole[300:])
    with pytest.raises(ValueError, match="is damaged"):
        read_recording(path)


def test_recordings_are_kept_all_or_none(tmp_path: Path) -> None:
    there = tmp_path / "a.updates.gz"
    there.write_bytes(b"a")
    (tmp_path / "run").mkdir()
    with pytest.raises(FileNotFoundError):
        keep_files([there, tmp_path / "absent"], tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []
    keep_files([there], tmp_path / "run")
    assert (tmp_path / "run" / "a.updates.gz").read_bytes() == b"a"
