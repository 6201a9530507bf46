"""Files of an input: which are read, which are passed over and told, and what they are by their first bytes."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import ConfigurationError
from harness.input import files
from tests.unit.harness.input.reading import COLUMNS, read

TEXT = b"t\n1709287200000\n1709287201000\n"


def _zstd(content: bytes) -> bytes:
    target = io.BytesIO()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(content)
        stream.flush()
        return target.getvalue() if target.closed else _closed(stream, target)


def _closed(stream: pa.CompressedOutputStream, target: io.BytesIO) -> bytes:
    kept = target.getvalue
    target.close = lambda: None  # type: ignore[method-assign]  # Arrow closes what it has written to
    stream.close()
    return kept()


def _zip(*contents: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.csv", content)
    return target.getvalue()


def _tar(content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def _gzip_in_two_parts(content: bytes) -> bytes:
    return gzip.compress(content[:9]) + gzip.compress(content[9:])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, _gzip_in_two_parts, bz2.compress, lzma.compress, _zstd, _zip])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_compressed_text_is_known_by_its_first_bytes(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(pack(TEXT))
    assert len(read(path).records["event_times_ms"]) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_zip(TEXT, TEXT), "a zip archive of 2 files"),
        (_tar(TEXT), "a tar archive"),
        (gzip.compress(_tar(TEXT)), "a tar archive"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\xd0\xcf\x11\xe0...", "an old Excel workbook"),
        (b"<?xml version='1.0'?>", "XML"),
        ("t\n1709287200000\n".encode("utf-16-be"), "UTF-16 without a mark"),
        (gzip.compress(b"x" * 99999)[:-30], "cannot be read"),
    ],
)
def test_what_is_not_read_is_refused_with_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        read(path)
    assert words in error.value.message and str(path) in error.value.message and error.value.fix


def test_hidden_folders_documents_and_empty_files_are_passed_over_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    for name in (".ipynb_checkpoints/a-checkpoint.log", "_tmp/0/b.log", "README", "map.yaml", "notes.txt.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TEXT)
    (tmp_path / "empty.log").touch()
    found = read(tmp_path, delimiter=",")
    assert [Path(each.name).name for each in found.files] == ["a.log"]
    assert len(found.passed_over) == 6 and any("empty.log: empty" in each for each in found.passed_over)


@pytest.mark.parametrize("other", ["a.csv.gz", "b.csv.bz2", "copy.csv"])
def test_a_file_that_is_there_twice_is_refused_unless_it_is_wanted(tmp_path: Path, other: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress}
    (tmp_path / "a.csv").write_bytes(TEXT)
    (tmp_path / other).write_bytes(packers.get(Path(other).suffix, bytes)(TEXT))
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path)
    assert "a.csv" in error.value.message and other in error.value.message and "duplicate_files" in error.value.fix
    assert len(read(tmp_path, duplicate_files="read").records["event_times_ms"]) == 4


def test_a_column_may_stand_in_the_folders_names(tmp_path: Path) -> None:
    folder = tmp_path / "county=San%20Diego" / "kind=text"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_bytes(TEXT)
    found = read(tmp_path, {"start": "t", "county": "county", "type": "kind"})
    assert found.records["types"].tolist() == [1, 1] and not found.records["chosen"].any()


@pytest.mark.parametrize(
    ("lengths", "keys", "length_ms"),
    [
        (pa.array([1.125]), {"decimal": ",", "thousands": "."}, 1125),
        (pa.array(["1.125"]), {"decimal": ",", "thousands": "."}, 1_125_000),
        (pa.array([90], type=pa.int16()), {"duration_unit": "min"}, 5_400_000),
        (pa.array([None], type=pa.float64()), {}, 0),
        (pa.array([float("nan")]), {}, 0),
        (pa.array([-1]), {"null_values": ["-1"]}, 0),
        (pa.array([2_500], type=pa.duration("ms")), {"duration_unit": "min"}, 2_500),
    ],
)
def test_numbers_and_durations_of_parquet_are_no_text(
    tmp_path: Path, lengths: pa.Array, keys: dict[str, Any], length_ms: int
) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": pa.array([1_709_287_200_000], type=pa.timestamp("ms", "UTC")), "s": lengths}), path)
    assert read(path, COLUMNS | {"duration": "s"}, **keys).records["durations_ms"].tolist() == [length_ms]


class _Listing:
    """A client of S3 that lists these keys."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def get_paginator(self, _name: str) -> "_Listing":
        return self

    def paginate(self, **_wanted: str) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key, "Size": 9} for key in self._keys]}]


def test_hidden_folders_are_passed_over_in_s3_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("_raw/day=1/a.csv", "_raw/_temporary/0/b.csv", "_raw/.x/c.csv", "_raw/README.md", "_rawer/d.csv")
    monkeypatch.setattr(files.Bucket, "client", lambda _self: _Listing(*keys))
    found = files.find_sources("s3://bucket/_raw", None, tmp_path)
    assert [each.name for each in found.sources] == ["s3://bucket/_raw/day=1/a.csv"]
    assert found.sources[0].folders == {"day": "1"}
    assert found.passed_over == [f"s3://bucket/{key}" for key in sorted(keys[1:4])]
