"""What all saved models have in common, and how they are saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from harness.processes.owner import part_of

#: What a saved result may hold: some times as much as one of three engines and a day. It may come from somebody else.
MAX_BYTES = 256 << 20
MAX_VALUES = 8_000_000
MAX_ITEMS = 500_000
MAX_DEPTH = 32
MAX_NUMBER = 2**63 - 1
#: Of a key, and of what is wrong, so much is told.
_SHOWN_CHARACTERS, _SHOWN_STEPS, _SHOWN_PROBLEMS = 40, 12, 1000

M = TypeVar("M", bound=BaseModel)


def save_whole(model: BaseModel, path: Path) -> Path:
    """Write `model` to `path` as JSON, see `write_whole`. Returns `path`."""
    return write_whole(path, model.model_dump_json(indent=2) + "\n")


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write `content` to `path`, see `appearing_whole`. Returns `path`."""
    with appearing_whole(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


@contextmanager
def appearing_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that becomes `path` at the end, whose folder is made if need be.

    It appears whole or not at all, and stays so if the power fails then.

    Raises:
        OSError: it cannot be written; what was at `path` is still there then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may write the same file at once, and each of them its own part.
    part = part_of(path)
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_whole(model: type[M], path: Path, shorten: Callable[[Any], None] | None = None) -> M:
    """What `save_whole` wrote to `path`, or somebody else.

    Args:
        model: what it is to be.
        path: of the file.
        shorten: takes away what need not be read, from what was parsed and may still be anything.

    Raises:
        OSError: it cannot be read.
        pydantic.ValidationError: it is no `model` of this version.
        ValueError: it is larger than any, nested deeper, or holds a number that none can have; the message names the
            key and the limit.
    """
    with path.open("rb") as file:
        # What is no regular file has no size, and perhaps no end.
        text = file.read(MAX_BYTES + 1) if path.stat().st_size <= MAX_BYTES else None
    if text is None or len(text) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values")
    try:
        found = from_json(text)
    except ValueError as error:
        if "recursion" in str(error):
            raise ValueError(f"nested deeper than {MAX_DEPTH}: {error}") from error
    else:
        if not _is_within_limits(found):
            _check_values(found)
        if shorten:
            shorten(found)
            return model.model_validate(found)
        del found
    return model.model_validate_json(text)


def _is_within_limits(found: Any) -> bool:
    """Whether `_check_values` has nothing to refuse. That one takes eight times as long, since it knows where it is."""
    level = [[found]]
    for _ in range(MAX_DEPTH + 1):
        below = []
        for values in level:
            if len(values) > MAX_ITEMS:
                return False
            for value in values.values() if isinstance(values, dict) else values:
                kind = type(value)
                if kind is float or kind is int:
                    if not -MAX_NUMBER <= value <= MAX_NUMBER:
                        return False
                elif kind is dict or kind is list:
                    below.append(value)
        if not below:
            return True
        level = below
    return False


def _check_values(found: Any, at: tuple[str | int, ...] = ()) -> None:
    """Refuse what is nested too deep or too long, and numbers that are none or too large for any sum."""
    if len(at) > MAX_DEPTH:
        raise ValueError(f"{_key(at)}: nested deeper than {MAX_DEPTH}")
    if isinstance(found, dict | list):
        if len(found) > MAX_ITEMS:
            raise ValueError(f"{_key(at)}: more than {MAX_ITEMS:,} items")
        for name, value in found.items() if isinstance(found, dict) else enumerate(found):
            _check_values(value, (*at, name))
    elif isinstance(found, int | float) and not -MAX_NUMBER <= found <= MAX_NUMBER:
        raise ValueError(f"{_key(at)}: a number beyond {MAX_NUMBER:,}, or none")


def _key(at: tuple[str | int, ...]) -> str:
    return ".".join(str(each)[:_SHOWN_CHARACTERS] for each in at[:_SHOWN_STEPS]) or "the file"


def explained(error: ValueError) -> str:
    """What `read_whole` raised, in one line: the first key that is wrong, and why."""
    if not isinstance(error, ValidationError):
        return str(error)
    if error.error_count() > _SHOWN_PROBLEMS:
        return f"{error.error_count():,} values are wrong"
    first = error.errors(include_input=False)[0]
    return f"{_key(first['loc'])}: {first['msg']}"


class ResultPart(BaseModel):
    """A part of a saved result: fields that it does not know are refused, as they are of another version."""

    model_config = ConfigDict(extra="forbid")


class Missing(ResultPart):
    """What is missing of a result, because something ended the command early."""

    what: str = Field(description="which parts did not take place")
    why: str
    fix: str = Field(description="what the user can do about it")
    exit_code: int = Field(description="what the command ended with because of it; 130 for any signal")

    def text(self) -> str:
        """What is missing and why, in one sentence."""
        return f"{self.what} did not take place: {self.why}"
