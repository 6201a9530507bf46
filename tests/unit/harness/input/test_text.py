"""Text files: both parsers agree, blocks may be cut anywhere, and a stray quote costs its own row."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigurationError
from harness.input import lines, text
from harness.input.problems import Problems
from harness.input.text import TextReader
from harness.scenarios.input import RecordsMap
from tests.unit.harness.input.reading import read

NAMES = {"a": 1, "b": 2, "c": 3}
#: Pieces of which lines are made that a parser may take for something else.
PIECES = st.sampled_from(["a", "1", '"', '""', '"x"', ",", "\n", " x", "\r\n", '"y\nz"', "é", "\0", "", ",,", '"p,q"'])


def _read(content: bytes, **keys: Any) -> tuple[list[tuple[int, tuple[str, ...]]], Problems]:
    problems = Problems()
    section = RecordsMap.model_validate({"header": False, **keys})
    encoding = keys.get("encoding")
    reader = TextReader(io.BytesIO(content), "f", section, ",", encoding, problems)
    rows: list[tuple[int, tuple[str, ...]]] = []
    for batch in reader.batches(NAMES, {}):
        columns = (batch.columns[place].to_pylist() for place in (1, 2, 3))
        rows += zip(batch.lines.tolist(), zip(*columns, strict=True), strict=True)
    return rows, problems


@given(pieces=st.lists(PIECES, max_size=40), block=st.integers(1, 60))
def test_both_parsers_agree_wherever_blocks_are_cut(pieces: list[str], block: int) -> None:
    content = "".join(["1,2,3\n", *pieces]).encode()
    with pytest.MonkeyPatch.context() as patch:
        whole = _read(content)
        patch.setattr(lines, "BLOCK_BYTES", block)
        cut = _read(content)
        patch.setattr(text.FastParser, "parse", lambda _self, _block: None)
        slow = _read(content)
    assert whole[0] == cut[0] == slow[0]
    told = [each[1].shown(values=True) for each in (whole, cut, slow)]
    assert told[0] == told[1] == told[2] and whole[1].count == slow[1].count


@given(
    before=st.integers(0, 5),
    after=st.integers(0, 120),
    stray=st.sampled_from(['x,"y,3', '"x,y,3', 'x,y,"3', '"x"y,2,3', 'x,"y"" ,3', 'x,"y', '"']),
)
def test_a_stray_quote_costs_its_own_row_and_no_other(before: int, after: int, stray: str) -> None:
    good = [f"{row},b,c" for row in range(before + 1 + after)]
    rows, problems = _read("\n".join([*good[: before + 1], stray, *good[before + 1 :]]).encode())
    assert [values[0] for _, values in rows] == [str(row) for row in range(before + 1 + after)]
    assert problems.count == 1 and problems.shown(values=True)[0].startswith(f"f:{before + 2}: ")


def test_a_value_in_quotes_may_have_lines_and_not_any_number_of_them() -> None:
    message = '"' + "\n".join(["line, of a message"] * 20) + '"'
    rows, problems = _read(f"1,2,3\n{message},2,3\n4,5,6\n".encode())
    assert [line for line, _ in rows] == [1, 2, 22] and not problems.count
    longest = '"' + "\n".join(["line"] * 60) + '"'
    rows, problems = _read(f"1,2,3\n{longest},2,3\n4,5,6\n".encode())
    # What follows the first line is judged by itself, line by line.
    assert [line for line, _ in rows] == [1, 61, 62] and problems.shown(values=True)[0].startswith(
        "f:2: found broken quoting"
    )


@pytest.mark.parametrize(
    ("keys", "content", "values"),
    [
        ({"skip_rows": 2}, b'title\n"\n1,2,3\n', [(3, ("1", "2", "3"))]),
        ({"comment": "#"}, b"# x\n1,2,3\n#,,\n4,5,6\n", [(2, ("1", "2", "3")), (4, ("4", "5", "6"))]),
        ({"row_width": "short"}, b"1,2,3\n4\n", [(1, ("1", "2", "3")), (2, ("4", "", ""))]),
        ({"row_width": "any"}, b"1,2\n4,5,6,7\n", [(1, ("1", "2", "")), (2, ("4", "5", "6"))]),
        ({"quoting": "none"}, b'"1,2",3\n', [(1, ('"1', '2"', "3"))]),
        ({"quoting": "lenient"}, b'"a "b" c",2,3\n"1,2,3\n', [(1, ('a "b" c', "2", "3")), (2, ('"1', "2", "3"))]),
        ({"escape": "\\"}, b'"a\\",b",2,3\n', [(1, ('a",b', "2", "3"))]),
        ({"quote": "'"}, b"'a,b',\"2,3\n", [(1, ("a,b", '"2', "3"))]),
        ({"encoding": "cp1252"}, b"M\xfcnchen,2,3\n", [(1, ("München", "2", "3"))]),
        ({}, "1,2,3\n".encode("utf-16"), [(1, ("1", "2", "3"))]),
        ({}, b"sep=;\n1;2;3\n", [(2, ("1", "2", "3"))]),
    ],
)
def test_keys_say_how_text_is_written(keys: dict[str, Any], content: bytes, values: list[Any]) -> None:
    rows, problems = _read(content, **keys)
    assert rows == values and not problems.count


def test_blank_lines_and_comments_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 100)
    pushed: list[bytes] = []
    monkeypatch.setattr(lines.Blocks, "push_back", lambda _self, rest: pushed.append(rest))
    content = b"1,2,3\n" + b"\n" * 500 + b"#x\n" * 500 + b"4,5,6\n"
    rows, problems = _read(content, comment="#")
    assert rows == [(1, ("1", "2", "3")), (1002, ("4", "5", "6"))] and not problems.count
    assert not any(pushed)


def test_a_line_of_delimiters_alone_is_no_row() -> None:
    rows, problems = _read(b"1,2,3\n" + b"," * 10_000 + b"\n4,5,6\n")
    assert [line for line, _ in rows] == [1, 3]
    assert problems.shown(values=False) == ["f:2: found more than 10,000 columns"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"1\x002\x003\x00\n\x00" * 40, "UTF-16 without a mark"),
        (b'{"a": 1}\n', "looks like JSON"),
        (b"1,2,3\n" + b"x" * 17_000_000, "a line of more than 16 MiB"),
        (b'"1,2,3\n"4,5\n', "the first 2 rows are bad"),
    ],
)
def test_what_is_no_text_of_rows_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        _read(content)


def test_a_header_that_is_repeated_is_no_row() -> None:
    section = RecordsMap.model_validate({})
    reader = TextReader(io.BytesIO("a,b,c\n1,2,3\n\ufeffa,b,c\n4,5,6\n".encode()), "f", section, ",", None, Problems())
    found = [batch.columns["a"].to_pylist() for batch in reader.batches({"a": "a"}, {})]
    assert found == [["1", "4"]] and reader.account.repeated_headers == 1


def test_a_header_that_the_map_denies_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,x\n1709287200000,1\n", encoding="utf-8")
    columns = {"start": 1, "county": {"constant": "Yolo"}, "type": {"constant": "call"}}
    with pytest.raises(ConfigurationError, match="the first row names the columns"):
        read(path, columns, header=False)
    assert len(read(path, columns).records["lines"]) == 1
