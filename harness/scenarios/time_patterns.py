"""Patterns of times, as of `strftime`: which directives are known, and the regular expressions they stand for."""

from __future__ import annotations

import re
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
#: Numbers of months by their names in English, in small letters.
MONTHS = {name: number for names in (_MONTHS, _LONG_MONTHS) for number, name in enumerate(names, 1)}
ZONE = r"Z|z|[+-][0-9]{2}(?::?[0-9]{2})?"
#: What each directive stands for: the group's name, and what it matches.
_GROUPS = {
    "Y": ("year", "[0-9]{4}"),
    "y": ("short_year", "[0-9]{2}"),
    "m": ("month", "[0-9]{1,2}"),
    "b": ("month_name", "[A-Za-z]{3,9}\\.?"),
    "B": ("month_name", "[A-Za-z]{3,9}"),
    "d": ("day", "[0-9]{1,2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "I": ("hour12", "[0-9]{1,2}"),
    "p": ("half", "[AaPp]\\.?[Mm]\\.?"),
    "M": ("minute", "[0-9]{1,2}"),
    "S": ("second", "[0-9]{1,2}"),
    "f": ("fraction", "[0-9]{1,9}"),
    "z": ("zone", ZONE),
    "Z": ("zone_name", "[A-Za-z]{1,5}"),
    "a": ("", "[A-Za-z]{2,9}\\.?"),
    "A": ("", "[A-Za-z]{2,9}"),
}
#: Directives that stand for others.
_SHORT = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y", "e": "%d", "h": "%b"}
#: Directives with a fixed number of digits where another follows at once, such as in %Y%m%d.
_TWO_DIGITS = frozenset("mdHIMS")
#: Words of other programs' patterns, the longest first.
_WORDS = {
    "YYYY": "%Y", "yyyy": "%Y", "MM": "%m", "DD": "%d", "dd": "%d", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S",
    "SSS": "%f", "YY": "%y", "yy": "%y",
}  # fmt: skip


class TimeExpression(NamedTuple):
    """A regular expression (of RE2) for written times; `groups` are the names of its groups, one for each part."""

    pattern: str
    groups: list[str]


def _spelled_out(pattern: str) -> str:
    return re.sub("%([A-Za-z])", lambda found: _SHORT.get(found[1], found[0]), pattern)


def _directives(pattern: str) -> list[str]:
    return re.findall("%(.|$)", _spelled_out(pattern).replace("%%", ""))


def explain_pattern(pattern: str) -> str:
    """Why `pattern` is none that times can be read by; empty if it is one."""
    if "%" not in pattern:
        words = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
        meant = words.sub(lambda found: _WORDS[found[0]], pattern)
        return f"no known form of times; perhaps {meant!r} is meant" if "%" in meant else "no known form of times"
    found = _directives(pattern)
    if unknown := [each for each in found if each not in _GROUPS]:
        known = ", ".join(f"%{each}" for each in (*_GROUPS, *_SHORT))
        return f"%{unknown[0]} is not known in a pattern (known are {known})"
    groups = [group for each in found if (group := _GROUPS[each][0])]
    if len(set(groups)) < len(groups):
        return "a part of the time is in the pattern twice"
    date = {"year", "short_year"} & set(groups) and {"month", "month_name"} & set(groups) and "day" in groups
    if not date:
        return "a pattern has to have year, month and day"
    if not {"hour", "hour12", "zone"} & set(groups):
        return (
            "a pattern without hours is one of dates; if the time of day is elsewhere, give both: start: [date, time]"
        )
    if ("hour12" in groups) != ("half" in groups):
        return "%I and %p (hours up to 12, and AM or PM) belong together; hours up to 24 are %H"
    return ""


def expression(pattern: str) -> TimeExpression:
    """What matches times that are written by `pattern`, of which `explain_pattern` has nothing to say."""
    text, groups, parts = _spelled_out(pattern), [], []
    at = 0
    while at < len(text):
        if text[at] == "%" and text[at + 1] == "%":
            parts.append("%")
            at += 2
        elif text[at] == "%":
            letter = text[at + 1]
            name, matched = _GROUPS[letter]
            if letter in _TWO_DIGITS and _is_glued(text, at):
                matched = "[0-9]{2}"
            parts.append(f"(?P<{name}>{matched})" if name else f"(?:{matched})")
            groups += [name] if name else []
            at += 2
        else:
            # As in strptime, a blank stands for any number of them.
            parts.append(r"\s+" if text[at].isspace() else re.escape(text[at]))
            at += 1
    return TimeExpression(f"^{''.join(parts)}$", groups)


def _is_glued(text: str, at: int) -> bool:
    """Whether digits stand right before or after the directive at `at`, so that it needs all of its own."""
    before = at >= 2 and text[at - 2] == "%"
    after = text[at + 2 : at + 3] == "%"
    return before or after
