"""Bytes of a text file turned into text: by its mark, as UTF-8, or as Windows-1252."""

from __future__ import annotations

import codecs

from harness.input.guess.findings import Certainty, Finding

UTF8, WINDOWS = "utf-8", "cp1252"
_MARKS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: What an incomplete character at the end of a sample can have at most, in bytes.
_CUT_BYTES = 3


def decode(data: bytes) -> tuple[str, Finding]:
    """The text of the first bytes of a file, and what its encoding was found to be.

    A detector by frequencies is not used: bytes beyond ASCII are few in such files, and the names and places that hold
    them are too short for its statistics.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            text = data.decode(name, errors="replace").removeprefix("\ufeff")
            return text, Finding("encoding", name, Certainty.SURE, "the file begins with its mark")
    try:
        return _utf8(data), Finding("encoding", UTF8, Certainty.SURE, "all bytes read are UTF-8")
    except UnicodeDecodeError as error:
        found = data[error.start]
    text = data.decode(WINDOWS, errors="replace")
    reason = f"byte 0x{found:02x} at {error_place(data, found)} is not UTF-8; Windows-1252 is the most usual other one"
    check = "whether names and places come out rightly: other 8-bit encodings have other letters for these bytes"
    return text, Finding("encoding", WINDOWS, Certainty.NOT_SURE, reason, check)


def error_place(data: bytes, byte: int) -> str:
    """Where a byte first stands, as a line."""
    return f"line {data[: data.index(byte)].count(10) + 1}"


def _utf8(data: bytes) -> str:
    try:
        return data.decode(UTF8)
    except UnicodeDecodeError as error:
        if len(data) - error.start > _CUT_BYTES or error.reason != "unexpected end of data":
            raise
        return data[: error.start].decode(UTF8)
