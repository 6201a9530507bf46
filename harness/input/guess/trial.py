"""A guessed map tried by the reader itself, and mended by what that finds bad."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from harness.errors import ConfigurationError
from harness.input.guess.encoding import WINDOWS
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.guess import Guess
from harness.input.guess.words import NULL_WORDS
from harness.input.reading import Progress, read_input
from harness.input.summary import InputSummary, summary_of
from harness.processes.temporary import temporary_folder
from harness.scenarios.input import InputSection

_SEED = 1
_STRANGE = re.compile(r"\b(?:start|end|duration): found '([^']*)'")


@dataclass(frozen=True)
class Trial:
    """What came of a map: what was understood of the input, or why it could not be read at all."""

    summary: InputSummary | None
    error: str = ""

    @property
    def rank(self) -> tuple[bool, int]:
        """The lesser, the better."""
        return self.summary is None, self.summary.bad_rows if self.summary else 0

    @property
    def said(self) -> str:
        """All that the reader says of what is bad."""
        return " ".join(self.summary.bad_rows_shown) if self.summary else self.error


def try_map(path: str, found: Mapping[str, Any], progress: Progress) -> Trial:
    """Read an input by a map, start to end.

    Raises:
        ServiceError: S3 cannot be reached.
    """
    try:
        section = InputSection.model_validate({"path": path, "map": dict(found), "show_bad_values": True})
        with temporary_folder("ringbench-guess-") as work:
            reading = read_input(section, seed=_SEED, work=work, progress=progress)
    except ValidationError as error:
        return Trial(None, str(error.errors()[0]["msg"]))
    except ConfigurationError as error:
        return Trial(None, error.message)
    return Trial(summary_of(section, reading))


def try_and_mend(path: str, guess: Guess, progress: Progress) -> tuple[Guess, Trial]:
    """Try a guess; where other keys make fewer rows bad, take these."""
    assert guess.map is not None
    best = try_map(path, guess.map, progress)
    for key, value, finding in _mends(guess, best):
        changed = {**guess.map, key: value}
        found = try_map(path, changed, progress)
        if found.rank < best.rank:
            kept = [each for each in guess.findings if each.key != key]
            guess, best = replace(guess, map=_in_order(changed), findings=[*kept, finding]), found
            assert guess.map is not None
    return guess, best


def _mends(guess: Guess, trial: Trial) -> Iterator[tuple[str, Any, Finding]]:
    """Keys that may make fewer rows bad, by what the reader says of those."""
    assert guess.map is not None
    said = trial.said
    if "columns; expected" in said and guess.map.get("row_width") != "any":
        for width in ("short", "any"):
            check = "whether rows lack their last columns, and none in between"
            yield "row_width", width, _mended("row_width", width, "rows differ in width", check)
    if "quot" in said:
        for quoting in ("lenient", "none"):
            check = "whether values that begin with a quote are read as they should be"
            yield "quoting", quoting, _mended("quoting", quoting, "quotes are not closed in some rows", check)
    if "not UTF-8" in said:
        check = "whether names and places come out rightly"
        yield "encoding", WINDOWS, _mended("encoding", WINDOWS, "some bytes are not UTF-8", check)
    if "ambiguous_times" in said and guess.map.get("timezone"):
        for way in ("in_order", "earlier"):
            check = "whether rows are in the order of their times"
            yield "ambiguous_times", way, _mended("ambiguous_times", way, "the clock shows some times twice", check)
    strange = sorted(set(_STRANGE.findall(said)) & {*NULL_WORDS, "-1"})
    if strange:
        nulls = sorted({*guess.map.get("null_values", ()), *strange})
        check = "whether they mean that there is no value"
        yield (
            "null_values",
            nulls,
            _mended("null_values", ", ".join(nulls), "such values are no times or lengths", check),
        )
    if guess.other_time and not (trial.summary and trial.summary.bad_rows == 0):
        reason = "fewer rows are bad than with day and month exchanged"
        yield "time", guess.other_time, Finding("time", guess.other_time, Certainty.LIKELY, reason)


def _mended(key: str, found: str, reason: str, check: str) -> Finding:
    return Finding(key, found, Certainty.NOT_SURE, f"{reason}; with it, fewer rows are bad", check)


def _in_order(found: Mapping[str, Any]) -> dict[str, Any]:
    """The columns come last."""
    return {key: value for key, value in found.items() if key != "columns"} | {"columns": found["columns"]}
