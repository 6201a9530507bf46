"""How text files are written: the keys of a map that say so, and the same for what reads the files."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.scenarios.sections import Section

QUOTINGS = ("strict", "lenient", "none")
UTF_8 = "utf-8"
#: Ways to write a tab that reach a program as more than that: YAML keeps ``'\\t'`` and a bare ``\\t`` as they are.
_TABS = ("\\t", "tab")
MAX_SKIPPED_ROWS = 1_000

Thousands = Literal[",", ".", " ", "'"]


def _as_delimiter(found: object) -> object:
    if not isinstance(found, str):
        return found
    text = "\t" if found in _TABS else found
    if len(text) != 1:
        raise ValueError('give one character, such as ";" or "|"; for a tab, write "\\t"')
    if text in "\"'\r\n\0" or text.isalnum():
        raise ValueError('this cannot separate columns: give a character such as ";", "|" or "\\t"')
    return text


def _as_character(found: object) -> object:
    if isinstance(found, str) and (len(found) != 1 or found in "\r\n\0"):
        raise ValueError("give one character")
    return found


Character = Annotated[str, BeforeValidator(_as_character)]


class Dialect(Section):
    """How text files are written. Of Parquet, only `null_values` counts."""

    delimiter: Annotated[str, BeforeValidator(_as_delimiter)] | None = Field(
        None, description="between columns; by default, what the file's name says: , of .csv, a tab of .tsv and .txt"
    )
    header: bool = Field(True, description="whether a row names the columns")
    encoding: str = Field(UTF_8, description="how characters are written, such as latin-1, cp1252 or utf-16")
    quoting: Literal["strict", "lenient", "none"] = Field(
        "strict", description="lenient takes quotes inside of quoted values as they stand; none: quotes mean nothing"
    )
    quote: Character = Field('"', description="what values are quoted by")
    escape: Character | None = Field(None, description="what makes a quote after it mean nothing, such as a backslash")
    skip_rows: int = Field(0, ge=0, le=MAX_SKIPPED_ROWS, description="lines before the header, or before the first row")
    skip_rows_after_header: int = Field(0, ge=0, le=MAX_SKIPPED_ROWS, description="lines after the header")
    comment: str | None = Field(None, min_length=1, description="lines that begin so are left out")
    row_width: Literal["exact", "short", "any"] = Field(
        "exact", description="short: rows may lack their last columns; any: they may have further ones, too"
    )
    null_values: list[str] = Field([], description="words that mean a missing value, beside empty and NaN")
    decimal: Literal[".", ","] = "."
    thousands: Thousands | None = Field(None, description="what groups the digits of numbers")

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, found: str) -> str:
        try:
            if codecs.lookup(found)._is_text_encoding:
                return found
        except LookupError:
            pass
        raise ValueError("give a text encoding, such as utf-8, latin-1, cp1252 or utf-16")

    @field_validator("null_values", mode="before")
    @classmethod
    def _are_texts(cls, found: Any) -> Any:
        # YAML takes -1 and 0 without quotes for numbers.
        return [str(each) if type(each) is int else each for each in found] if isinstance(found, list) else found

    @model_validator(mode="after")
    def _are_different(self) -> Dialect:
        marks = [each for each in (self.delimiter, self.escape) if each]
        marks += [self.quote] if self.quoting != "none" else []
        if len(set(marks)) < len(marks):
            raise ValueError("`delimiter`, `quote` and `escape` have to be different characters")
        if self.thousands == self.decimal:
            raise ValueError("`thousands` and `decimal` have to be different characters")
        if self.skip_rows_after_header and not self.header:
            raise ValueError("`skip_rows_after_header` is for files with a header: use `skip_rows`")
        return self
