"""How a file is cut into rows and cells, by its own lines."""

from collections.abc import Sequence

import pytest

from harness.input.guess.dialect import BACKSLASH, DOUBLED, LENIENT, find_dialect, find_frame
from harness.input.guess.encoding import decode

TIMES = [f"2024-03-11 06:00:{second:02d}" for second in range(40)]


def lines(delimiter: str, *, quote: str = "", header: Sequence[str] = ("start", "secs", "who")) -> str:
    """Rows of a time, a length and a number."""
    rows = [header, *((time, str(at % 7), f"916555{at:04d}") for at, time in enumerate(TIMES))]
    return "".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x01"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_delimiter_is_found(delimiter: str, quote: str) -> None:
    found = find_dialect(lines(delimiter, quote=quote))
    assert (found.delimiter, found.quoting, found.width, found.consistency) == (delimiter, DOUBLED, 3, 1.0)


def test_commas_within_numbers_and_texts_are_no_delimiters() -> None:
    rows = [f"{time};{at},5;9165550100;Fresno, CA" for at, time in enumerate(TIMES)]
    assert find_dialect("\n".join(rows)).delimiter == ";"


def test_single_quotes_are_known_where_there_are_no_others() -> None:
    found = find_dialect(lines(",", quote="'"))
    assert (found.quote, found.rows[1].cells[0]) == ("'", TIMES[0])
    assert find_dialect(lines(",")).quote == '"'


@pytest.mark.parametrize(("cell", "quoting"), [(r'"say \"hi\", you"', BACKSLASH), ('""Bob" <1>"', LENIENT)])
def test_quotes_within_quotes_are_read_in_the_way_that_keeps_the_rows(cell: str, quoting: str) -> None:
    found = find_dialect("".join(f'"{time}","{at}",{cell}\n' for at, time in enumerate(TIMES)))
    assert (found.quoting, found.width, found.consistency) == (quoting, 3, 1.0)


def test_a_quote_left_open_draws_no_rows_into_a_cell() -> None:
    rows = [f"{time},{at},Ok" for at, time in enumerate(TIMES)]
    rows[3], rows[30] = f'{TIMES[3]},3,"Be there', f'{TIMES[30]},30,32"'
    found = find_dialect("\n".join(rows))
    assert (found.quoting, len(found.rows), found.taken_quotes) == (LENIENT, len(TIMES), 0)


def test_the_header_is_no_record() -> None:
    frame = find_frame(find_dialect(lines(",")))
    assert (frame.names, len(frame.records)) == (["start", "secs", "who"], len(TIMES))


def test_a_file_without_a_header_loses_no_row() -> None:
    text = lines(",").split("\n", 1)[1]
    frame = find_frame(find_dialect(text))
    assert (frame.names, len(frame.records)) == (None, len(TIMES))


def test_what_stands_around_the_table_is_passed_over() -> None:
    head, rows = lines(";").split("\n", 1)
    text = f"Call report;;\nof 2024-03-15;;\n\n{head}\nTIMESTAMP;INTEGER;VARCHAR(20)\n{rows}{head}\n"
    frame = find_frame(find_dialect(text))
    assert (frame.leading, frame.header_line, frame.after_header) == (3, 4, 1)
    assert (frame.repeated, len(frame.records)) == (True, len(TIMES))


def test_comments_are_known_by_their_mark() -> None:
    frame = find_frame(find_dialect(f"# exported\n# by hand\n{lines(',')}"))
    assert (frame.comment, frame.leading, frame.names) == ("#", 0, ["start", "secs", "who"])


def test_the_line_that_names_the_delimiter_is_heeded_and_not_skipped() -> None:
    dialect = find_dialect(f"sep=;\n{lines(';')}")
    assert (dialect.delimiter, find_frame(dialect).leading) == (";", 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way(end: str) -> None:
    assert len(find_dialect(lines(",").replace("\n", end)).rows) == len(TIMES) + 1


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("Länge".encode(), "utf-8"),
        ("Länge".encode("utf-8-sig"), "utf-8"),
        ("Länge".encode("utf-16"), "utf-16"),
        ("Länge".encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found(data: bytes, encoding: str) -> None:
    text, finding = decode(data)
    assert (text, finding.found) == ("Länge", encoding)


def test_a_character_that_the_sample_cuts_is_not_another_encoding() -> None:
    assert decode("Läng€".encode()[:-1]) == ("Läng", decode(b"")[1])
