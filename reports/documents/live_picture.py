"""The script of a report's page: what it runs, what it may run, and the numbers that it is given."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from harness.results.result import Result
from reports.pictures.quantiles import Curve, Curves, bounds_ms, curves_of, ticks_of
from reports.pictures.series import Floats
from reports.pictures.style import dash_numbers, engine_colours
from reports.wording.numbers import milliseconds

LIBRARY = "vendor/uPlot.iife.min.js"
LIBRARY_STYLE = "vendor/uPlot.min.css"
SCRIPT = "picture.js"


@dataclass(frozen=True)
class LivePicture:
    """What the page needs for the picture that answers to the pointer.

    Attributes:
        names: of the engines that have a curve, in its order.
        floor: the harness's own latency, as text; empty if it has no line.
        several: whether any engine has several trials.
        numbers: JSON, which holds numbers and truth values only.
        scripts: what runs, in its order.
        style: the style sheet of the library.
    """

    names: tuple[str, ...]
    floor: str
    several: bool
    numbers: Markup
    scripts: tuple[Markup, ...]
    style: Markup


def live_picture(result: Result) -> LivePicture | None:
    """The picture of latency by percentile; None if there is no curve."""
    found = curves_of(result)
    if not found.curves:
        return None
    colours = engine_colours(result.engines)
    return LivePicture(
        tuple(curve.engine.name for curve in found.curves),
        ", ".join(f"p{at:g} {milliseconds(ms)} ms" for at, ms in found.floor_ms),
        found.most_trials > 1,
        safe_json(_numbers(found, [colours[curve.engine.name] for curve in found.curves], valid=result.valid)),
        (_file(LIBRARY), _file(SCRIPT)),
        _file(LIBRARY_STYLE),
    )


def _numbers(found: Curves, colours: list[str], *, valid: bool) -> dict[str, Any]:
    return {
        "valid": valid,
        "several": found.most_trials > 1,
        "percentiles": [float(f"{percentile:.10g}") for percentile in found.percentiles],
        "ticks": [float(f"{tick:.10g}") for tick in ticks_of(found.percentiles)],
        "bounds": bounds_ms(found),
        "floor": found.floor_ms,
        "curves": [_curve(curve, dash) for curve, dash in zip(found.curves, dash_numbers(colours), strict=True)],
    }


def _curve(curve: Curve, dash: int) -> dict[str, Any]:
    return {
        "dash": dash,
        "line": _rounded(curve.typical_ms),
        "least": _rounded(curve.least_ms),
        "greatest": _rounded(curve.greatest_ms),
        "whiskers": curve.whiskers,
    }


def _rounded(values_ms: Floats) -> list[float | None]:
    return [None if math.isnan(value) else round(float(value), 3) for value in values_ms]


def safe_json(numbers: dict[str, Any]) -> Markup:
    """`numbers` as JSON that can end no element of the page, whatever should ever be in it.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(numbers, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - made safe just above


def policy_of(scripts: tuple[Markup, ...]) -> str:
    """The page's content security policy: no network, and of scripts only these, by their hashes."""
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    others = "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {others}"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _file(name: str) -> Markup:
    """A file of ours, or of the library that comes with Ringbench."""
    return Markup(files("reports").joinpath("page", name).read_text(encoding="utf-8"))  # noqa: S704
