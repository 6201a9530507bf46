"""Files of somebody else's that are made to take much memory are refused by one sentence, and within 100 MB.

All of them are read in one process of their own, whose peak of resident memory is the kernel's account. What it has
before the first file is not theirs: programs and libraries, of which systems map more or less at once.
"""

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders.results import make_result
from tests.deadlines import DEADLINE_S

MOST_BYTES = 100_000_000
ROOT = Path(__file__).parents[3]
#: Reads what it is told to, one file after the other, and tells of each what was said, and how far its peak had grown.
READER = """
import json, sys, tempfile
from pathlib import Path
from harness.commands.common import load_run
from harness.engines.catalogue import load_engine
from harness.errors import RingbenchError
from harness.experiments.sharding.shard import load_shard
from harness.input.reading import read_input, refuse_rows
from harness.measurement.recording import read_recording
from harness.scenarios.input import InputSection
from viewer.lag import Lag

COLUMNS = {"start": 1, "county": {"constant": "Yolo"}, "type": {"constant": "call"}}

def read_rows(path):
    mapped = {"header": False, "comment": "#", "columns": COLUMNS}
    section = InputSection.model_validate({"path": str(path), "map": mapped})
    with tempfile.TemporaryDirectory() as work:
        refuse_rows(section, read_input(section, 1, Path(work), lambda _: None))

KINDS = {
    "recording": lambda path: Lag(read_recording(path)), "result": load_run, "shard": load_shard, "input": read_rows,
    "engine": load_engine,
}

def peak_bytes():
    # Not that of getrusage, which a process has from the one that has started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

before = peak_bytes()
for line in sys.stdin:
    kind, path = json.loads(line)
    try:
        KINDS[kind](Path(path))
        said = ""
    except (RingbenchError, ValueError) as error:
        said = str(error)
    print(json.dumps([path, said, peak_bytes() - before]), flush=True)
"""


def _made(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """The hostile files: the kind of each, where it is, and what is to be said of it."""
    yield from _recordings(folder)
    yield from _results(folder)
    yield from _texts(folder)
    yield from _parquets(folder)
    (folder / "engine.toml").write_text(f'name = "mine"\n[tunings.a]\nb = {"[" * 60_000}', encoding="utf-8")
    yield "engine", folder, "nested deeper than 8"


def _recordings(folder: Path) -> Iterator[tuple[str, Path, str]]:
    texts = {
        "far": (b"start 0\n9999999999999 x\n", ":2: an entry of more than"),
        "digits": (b"start 0\n" + b"9" * 4_000_000 + b" x\n", ":2: "),
        "many": (b"start 0\n" + b"1 x\n" * 400_000, "bytes up to here"),
        "line": (b"start 0\n1 " + b"x" * 40_000_000, ":2: a line of more than"),
    }
    for name, (text, words) in texts.items():
        path = folder / f"{name}.updates.gz"
        path.write_bytes(gzip.compress(text, 6))
        yield "recording", path, words


def _results(folder: Path) -> Iterator[tuple[str, Path, str]]:
    whole = make_result().model_dump(mode="json")
    changes: dict[str, tuple[dict[str, Any], str]] = {
        "deep": ({"scenario": json.loads("[" * 100 + "]" * 100)}, "nested deeper than 32"),
        "number": ({"scenario": {"rate": 10**400}}, "scenario.rate: a number beyond"),
        "infinite": ({"scenario": {"rate": float("inf")}}, "scenario.rate: a number beyond"),
        "items": ({"engines": [0] * 600_000}, "engines: more than 500,000 items"),
        "wrong": ({"engines": [0] * 20_000}, "values are wrong"),
    }
    for name, (change, words) in changes.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(whole | change), encoding="utf-8")
        yield "result", path, words
    path = folder / "large.json"
    with path.open("wb") as file:
        file.truncate(4 << 30)
    yield "result", path, "more than 268,435,456 bytes"
    yield "shard", path, "more than 268,435,456 bytes"


def _texts(folder: Path) -> Iterator[tuple[str, Path, str]]:
    wide, line, too_long = b"," * 2_000_000 + b"\n", b"x" * 17_000_000, "a line of more than 16 MiB"
    files: dict[str, tuple[bytes, str]] = {
        "wide.csv.gz": (gzip.compress(wide, 1), "more than 10,000 columns"),
        "line.csv.bz2": (bz2.compress(line, 1), too_long),
        "line.csv.xz": (lzma.compress(line, preset=0), too_long),
        "line.csv.zst": (pa.compress(line, codec="zstd", asbytes=True), too_long),
    }
    for name, (content, words) in files.items():
        (folder / name).write_bytes(content)
        yield "input", folder / name, words
    comments = b"1709287200000\n" + (b"#" * 1_000_000 + b"\n") * 42
    with zipfile.ZipFile(folder / "comments.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", comments)
    yield "input", folder / "comments.zip", "it unpacks to more than"


def _parquets(folder: Path) -> Iterator[tuple[str, Path, str]]:
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000), pa.array(["x" * 100_000]))
    columns = {
        "repeated": (once, {}, "50,000 rows have 5,000,000,000 bytes"),
        "large": (
            pa.array(["x" * 40_000_000]),
            {"use_dictionary": False, "write_statistics": False},
            "bytes, unpacked",
        ),
        "fixed": (pa.array([b"x" * 4096], pa.binary(4096)), {}, "values of 4,096 bytes"),
    }
    for name, (column, options, words) in columns.items():
        pq.write_table(pa.table({"t": column}), folder / f"{name}.parquet", compression="zstd", **options)
        yield "input", folder / f"{name}.parquet", words


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str, str, int]]:
    """Of each file: where it is, what is to be said, what was said, and how far the peak had grown by then."""
    files = list(_made(tmp_path_factory.mktemp("hostile")))
    asked = "".join(json.dumps([kind, str(path)]) + "\n" for kind, path, _ in files)
    found = subprocess.run(
        [sys.executable, "-c", READER],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert found.returncode == 0, found.stderr[-2000:]
    told = [json.loads(line) for line in found.stdout.splitlines()]
    return [(path, words, text, peak) for (_, path, words), (_, text, peak) in zip(files, told, strict=True)]


def test_each_is_refused_by_one_sentence_that_names_the_file_and_the_limit(
    said: list[tuple[Path, str, str, int]],
) -> None:
    wrong = [(path.name, text) for path, words, text, _ in said if words not in text or str(path) not in text]
    assert wrong == []
    assert len(said) >= 20


def test_the_hostile_files_take_less_than_100_mb(said: list[tuple[Path, str, str, int]]) -> None:
    assert {path.name: peak for path, _, _, peak in said if peak > MOST_BYTES} == {}
