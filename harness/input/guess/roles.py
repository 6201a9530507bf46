"""Which columns name subscribers, counties, types and operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.words import SKIP, header_score, speaks_against, speaks_of_messages, type_of

_MOST = 0.8
_SHARE = {"by_share": True}


@dataclass(frozen=True)
class Role:
    """What the map says of a field: a column's name, or a section with further keys."""

    section: Any
    findings: list[Finding]
    column: Column | None = None


def find_numbers(columns: Sequence[Column]) -> dict[str, Role]:
    """The columns ``source`` and ``destination``, as far as there are such."""
    found: dict[str, Role] = {}
    left = list(columns)
    for role, other in (("source", "destination"), ("destination", "source")):
        named = [
            (header_score(each.name, role) + each.phones, -each.number, each)
            for each in left
            if header_score(each.name, role) > max(0.0, header_score(each.name, other)) and _can_be_number(each)
        ]
        if named:
            column = max(named)[2]
            found[role] = _number(
                role, column, Certainty.SURE if column.phones > _MOST else Certainty.LIKELY, "its header says so"
            )
            left.remove(column)
    phones = [each for each in left if each.phones > _MOST and len(each.counts) > 1 and _can_be_number(each)]
    # Without headers: who called stands before who was called; extensions are shorter than numbers.
    phones.sort(key=lambda each: (-round(each.phones, 1), each.number))
    for role in ("source", "destination"):
        if role not in found and phones:
            column = phones.pop(0)
            check = f"whether {column.said} is the {'caller' if role == 'source' else 'called party'}"
            certainty = Certainty.NOT_SURE if column.name else Certainty.LIKELY
            found[role] = _number(role, column, certainty, "its values are telephone numbers", check)
    return found


def _can_be_number(column: Column) -> bool:
    if speaks_against(column.name, "number") or not column.present:
        return False
    return column.phones > 0.2 or (column.name is not None and not column.time)


def _number(role: str, column: Column, certainty: Certainty, reason: str, check: str = "") -> Role:
    if column.phones < _MOST:
        reason += f"; {column.phones:.0%} of its values are telephone numbers, others get one by a hash"
    return Role(column.key, [Finding(f"columns.{role}", column.said, certainty, reason, check)], column)


def find_type(columns: Sequence[Column], lengths: Sequence[str] | None, *, is_message: bool, has_length: bool) -> Role:
    """The column that tells calls from texts, with what its values mean; or a constant.

    Args:
        columns: those that are free to be it.
        lengths: values of the column of lengths, if there is one: a text has none.
        is_message: whether other columns say that all rows are texts.
        has_length: whether rows tell how long calls were, or when they ended.
    """
    candidates = [(_type_score(each), -each.number, each) for each in columns if each.is_category]
    score, _, column = max(candidates, default=(0.0, 0, None))
    if column is None or score <= 0:
        return _constant_type(is_message=is_message, has_length=has_length)
    meanings = {value: type_of(value, column.name) for value in column.counts}
    if all(meaning is None for meaning in meanings.values()):
        return _coded_type(column, lengths)
    return _worded_type(column, meanings)


def _type_score(column: Column) -> float:
    named = header_score(column.name, "type") if column.name else 0.0
    if column.types >= 0.5 and len(column.counts) > 1:
        return named + 2 * column.types
    if column.types >= 0.5 and named > 0:
        return named + column.types
    # Codes of types: few, and the header says so.
    return named / 2 if named >= 2 and 1 < len(column.counts) <= 6 and column.filled > _MOST else 0.0


def _worded_type(column: Column, meanings: dict[str, str | None]) -> Role:
    known = {value: meaning for value, meaning in meanings.items() if meaning is not None}
    unknown = [value for value, meaning in meanings.items() if meaning is None]
    section: dict[str, Any] = {"column": column.key, "values": {**known, **dict.fromkeys(unknown, "call")}}
    skipped = [value for value, meaning in known.items() if meaning == SKIP]
    checks = []
    if skipped:
        checks.append(f"{_list(skipped)}: neither call nor text, such rows are left out")
    if unknown:
        checks.append(f"what {_list(unknown)} means: call was taken")
    plain = all(value == meaning for value, meaning in section["values"].items())
    certainty = Certainty.NOT_SURE if unknown else Certainty.LIKELY if skipped else Certainty.SURE
    reason = f"its values are {_list(list(meanings))}"
    finding = Finding("columns.type", column.said, certainty, reason, "; ".join(checks))
    return Role(column.key if plain else section, [finding], column)


def _coded_type(column: Column, lengths: Sequence[str] | None) -> Role:
    """Codes are not words: of which there are lengths only, is a call; otherwise the least number is taken for one."""
    codes = sorted(column.counts, key=lambda code: (len(code), code))
    texts = _without_length(column, lengths)
    if texts and len(texts) < len(codes):
        reason = f"rows with {_list(texts)} have no length"
        certainty = Certainty.LIKELY
    else:
        texts, certainty = codes[1:2], Certainty.NOT_SURE
        reason = "nothing in the file says what its codes mean: the first was taken for calls, the second for texts"
    values = {code: "text" if code in texts else "call" for code in codes}
    check = f"what the codes {_list(codes)} mean; `skip` leaves rows out"
    return Role(
        {"column": column.key, "values": values},
        [Finding("columns.type", column.said, certainty, reason, check)],
        column,
    )


def _without_length(column: Column, lengths: Sequence[str] | None) -> list[str]:
    if lengths is None:
        return []
    with_length = {code for code, length in zip(column.values, lengths, strict=True) if length.strip("0:.,-")}
    return [code for code in column.counts if code not in with_length]


def _constant_type(*, is_message: bool, has_length: bool) -> Role:
    kind = "text" if is_message else "call"
    reason = "no column tells calls from texts"
    if is_message:
        reason += "; there are texts of messages"
    elif has_length:
        reason += "; calls have lengths"
    check = f"whether all rows are {kind}s; leave out what is not, or name the column that tells"
    certainty = Certainty.LIKELY if is_message or has_length else Certainty.NOT_SURE
    return Role({"constant": kind}, [Finding("columns.type", f"all are {kind}s", certainty, reason, check)])


def without_narrow(role: Role, widths: Sequence[int], length: Column) -> Role:
    """Leave out types whose rows all lack a column, while one stands where others have their length: it is no length.

    Args:
        role: of the type.
        widths: how many cells each row has.
        length: the column of lengths.
    """
    column, usual = role.column, max(set(widths), key=widths.count, default=0)
    if column is None or column.name is not None or not isinstance(role.section, dict):
        return role
    seen: dict[str, set[int]] = {}
    for value, width in zip(column.values, widths, strict=True):
        seen.setdefault(value, set()).add(width)
    narrow = [value for value, found in seen.items() if length.number <= max(found) < usual]
    if not narrow or len(narrow) == len(seen):
        return role
    values = role.section["values"] | dict.fromkeys(narrow, SKIP)
    reason = f"rows with {_list(narrow)} have fewer columns than others, so that theirs are not the same ones"
    check = f"what is in {length.said} of these rows; they are left out"
    finding = Finding("columns.type", column.said, Certainty.NOT_SURE, reason, check)
    return Role({**role.section, "values": values}, [finding], column)


def is_message(columns: Sequence[Column], *, has_length: bool) -> bool:
    """Whether rows are texts: a column holds their words, or is named so, and none holds lengths."""
    return not has_length and any(speaks_of_messages(each.name) for each in columns)


def find_county(columns: Sequence[Column], spare: Column) -> Role:
    """The column of counties or of cells; without one, the shares of populations decide.

    Args:
        columns: those that are free to be it.
        spare: what counties are chosen by if the file has no places.
    """
    named = [
        each
        for each in columns
        if each.counties > _MOST and (header_score(each.name, "county") > 0 or _are_names(each))
    ]
    if named:
        return _counties(max(named, key=lambda each: (each.counties, header_score(each.name, "county"))))
    cells = [
        (header_score(each.name, "county"), each.filled, -each.number, each)
        for each in columns
        if header_score(each.name, "county") > 0 and len(each.counts) >= 1 and not each.time
    ]
    if cells:
        column = max(cells)[3]
        reason = f"of its different values, {len(column.counts)}, most name no county of California"
        check = "if you know the counties of these places, give them in `values`; or a `constant`"
        finding = Finding(
            "columns.county", f"by share, for each value of {column.said}", Certainty.LIKELY, reason, check
        )
        return Role({"column": column.key, **_SHARE}, [finding], column)
    return _no_county(spare)


def _are_names(column: Column) -> bool:
    return not all(value.isdigit() for value in column.counts)


def _counties(column: Column) -> Role:
    check = "" if column.counties == 1 else "values that name no county are bad rows; give their counties in `values`"
    reason = f"{column.counties:.0%} of its values name counties of California"
    certainty = Certainty.SURE if column.counties == 1 else Certainty.LIKELY
    return Role(column.key, [Finding("columns.county", column.said, certainty, reason, check)], column)


def _no_county(spare: Column) -> Role:
    check = "where the calls are from; give the county as `constant`, or another column"
    found = f"by share, for each value of {spare.said}"
    finding = Finding("columns.county", found, Certainty.NOT_SURE, "no column names places", check)
    return Role({"column": spare.key, **_SHARE}, [finding])


def find_operator(columns: Sequence[Column]) -> Role | None:
    """The column of operators, if there is one."""
    own = [each for each in columns if each.operators > _MOST and _are_names(each)]
    if own:
        column = max(own, key=lambda each: each.operators)
        reason = f"{column.operators:.0%} of its values are the project's operators"
        return Role(
            {"column": column.key, **_SHARE}, [Finding("columns.operator", column.said, Certainty.SURE, reason)], column
        )
    named = [each for each in columns if header_score(each.name, "operator") >= 2 and each.is_category]
    if not named:
        return None
    column = max(named, key=lambda each: header_score(each.name, "operator"))
    reason = "its header says so; its values are other operators than the project's, which are chosen for them by share"
    check = "if you want others, give them in `values`"
    finding = Finding("columns.operator", column.said, Certainty.LIKELY, reason, check)
    return Role({"column": column.key, **_SHARE}, [finding], column)


def _list(values: Sequence[str]) -> str:
    shown = ", ".join(map(repr, values[:5]))
    return shown + (f" and {len(values) - 5} more" if len(values) > 5 else "")
