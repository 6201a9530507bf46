"""`ringbench input check`: what it says, to people and programs, and the exit code it ends with."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness import cli
from harness.console.interrupt import SIGNALS

START_MS = 1_709_287_200_000
MAP = {"time": "ms", "columns": {"start": "t", "duration": "s", "county": "c", "type": {"constant": "call"}}}


@dataclass(frozen=True)
class Said:
    """What the command said on both streams, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What programs were told."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@pytest.fixture
def check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Said]]:
    """Checks a file of these rows with `MAP`."""
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "map.yaml").write_text(yaml.safe_dump(MAP), encoding="utf-8")

    def asked(rows: list[str], *options: str) -> Said:
        path = tmp_path / "a.csv"
        path.write_text("\n".join(["t,s,c", *rows]), encoding="utf-8")
        given = [str(path), "--input-map", str(tmp_path / "map.yaml"), *options]
        monkeypatch.setattr(sys, "argv", ["ringbench", "input", "check", *given])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capfd.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    yield asked
    SIGNALS.release()


def _rows(count: int, length_s: int = 60) -> list[str]:
    return [f"{START_MS + 1000 * row},{length_s},Fresno" for row in reversed(range(count))]


def test_what_was_understood_is_said_and_written(tmp_path: Path, check: Callable[..., Said]) -> None:
    records = tmp_path / "records.jsonl"
    said = check(_rows(100), "--json", "--records", str(records))
    assert said.code == 0 and said.json["refusal"] is None
    found = said.json
    assert (found["rows"], found["records"], found["bad_rows"], found["timezone"]) == (100, 100, 0, "UTC")
    assert found["calls"] == {"count": 100, "without_length": 0, "median_s": 60.0, "longest_s": 60.0}
    assert found["first_event"] == "2024-03-01T10:01:00.000+00:00" and found["warnings"] == []
    wanted = [[START_MS + 1000 * row + 60_000, 60_000, "Fresno", "call"] for row in range(100)]
    assert [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()] == wanted
    assert "1 file, 100 rows, 100 records" in said.err and "the median lasts 60 s" in said.err


def test_it_ends_with_2_where_a_run_would_refuse(tmp_path: Path, check: Callable[..., Said]) -> None:
    records = tmp_path / "records.jsonl"
    said = check([*_rows(10), "soon,60,Fresno"], "--json", "--records", str(records))
    assert said.code == 2 and "a.csv:12: start: found 'soon'" in said.json["refusal"]["message"]
    assert said.json["bad_rows"] == 1 and said.json["refusal"]["fix"] and not records.exists()
    said = check(_rows(2), "--json", "--warmup", "100")
    assert said.code == 2 and "the warm-up" in said.json["refusal"]["message"]
    assert check(_rows(100), "--warmup", "5", "--speed", "2").code == 0


def test_bad_rows_that_are_left_out_are_said(check: Callable[..., Said]) -> None:
    few, many = [*_rows(100), "soon,60,Fresno"], [*_rows(100), *["soon,60,Fresno"] * 6]
    said = check(few, "--skip-bad-lines")
    assert said.code == 0 and "bad rows, which are left out: 1 of 101" in said.err and "a.csv:102: start" in said.err
    assert "warning: 1 of 101 rows (1.0%) are bad" in said.err
    assert check(many, "--skip-bad-lines").code == 2
    assert check(many, "--skip-bad-lines=all").code == 0
    said = check(few, "--skip-bad-lines=some-of-them")
    assert said.code == 2 and "--skip-bad-lines=all" in said.err


def test_lengths_that_are_not_plausible_are_said(check: Callable[..., Said]) -> None:
    assert "half of the calls are longer than 60,000 s" in check(_rows(100, 60_000)).err
    assert "half of the calls last 2 s or less" in check(_rows(100, 2)).err


def test_a_wrong_date_is_told_by_file_and_line(check: Callable[..., Said]) -> None:
    said = check([*_rows(100), "1262304000000,60,Fresno"], "--json")
    assert said.code == 2 and [each for each in said.json["warnings"] if "a.csv:102) to 2024-03-01" in each]
    assert "a.csv:102) to 2024-03-01" in said.json["refusal"]["message"]
