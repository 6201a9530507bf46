"""A guessed map as YAML with comments: beside each key, how sure it is and why."""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.guess import Guess

_WIDTH = 110


#: What a guessed map begins with: a digest of all that follows tells whether somebody has changed it since.
_MARK = re.compile(r"# Guessed; as written, the SHA-256 of what follows begins with ([0-9a-f]{16})\n")


def write_map(guess: Guess, path: str) -> str:
    """The YAML text of a map; what is not sure stands at the top, too.

    Args:
        guess: has a map.
        path: what was looked at.
    """
    assert guess.map is not None
    told = {finding.key: finding for finding in guess.findings}
    lines = [
        f"# Guessed from {guess.rows:,} rows of {path}",
        f"# Try it: ringbench input check {path} --input-map THIS",
    ]
    lines += _unsure(guess.findings)
    for key, value in guess.map.items():
        if key == "columns":
            lines += ["", *_columns(value, told)]
        else:
            lines += ["", *_beside(told.get(key)), *_pair(key, value)]
            if key == "time" and "timezone" not in guess.map and told["timezone"].certainty != Certainty.SURE:
                lines += ["", *_beside(told["timezone"]), "# timezone: America/Los_Angeles"]
    text = "\n".join(lines) + "\n"
    return f"# Guessed; as written, the SHA-256 of what follows begins with {_digest(text)}\n{text}"


def is_as_written(text: str) -> bool:
    """Whether `text` is what `write_map` once gave, and nobody has changed it."""
    found = _MARK.match(text)
    return found is not None and found[1] == _digest(text[found.end() :])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _unsure(findings: Sequence[Finding]) -> list[str]:
    open_ = [finding for finding in findings if finding.certainty == Certainty.NOT_SURE]
    if not open_:
        return []
    lines = ["#", "# NOT SURE, look at these first:"]
    for finding in open_:
        lines += _comment(f"  {finding.key}: {finding.check or finding.reason}")
    return lines


def _columns(columns: Mapping[str, Any], told: Mapping[str, Finding]) -> list[str]:
    lines = ["columns:"]
    for key, value in columns.items():
        lines += [f"  {line}" for line in [*_beside(told.get(f"columns.{key}")), *_pair(key, value)]]
    return lines


def _beside(finding: Finding | None) -> list[str]:
    if finding is None:
        return []
    certainty = finding.certainty.upper() if finding.certainty == Certainty.NOT_SURE else finding.certainty
    lines = _comment(f"{certainty}: {finding.reason}")
    return lines + (_comment(f"check {finding.check}") if finding.check else [])


def _comment(text: str) -> list[str]:
    plain = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return textwrap.wrap(plain, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False)


def _pair(key: str, value: Any) -> list[str]:
    """A key with its value on the same line, and more lines only where that is too long."""
    if (
        isinstance(value, str) and len(value) == 1 and not value.isalnum()
    ):  # a delimiter or such: it is easily overlooked without quotes
        return [f"{key}: {json.dumps(value)}"]
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=True, width=_WIDTH)
    first, *rest = text.removesuffix("...\n").rstrip("\n").split("\n")
    return [f"{key}: {first}", *(f"  {line}" for line in rest)]
