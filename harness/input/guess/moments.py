"""Which columns say when a call began and ended, and how long it was.

Headers are heard first. Then columns are held against each other: a call's end is never before its start, and its
length is the difference, in some unit. Where that is so in all rows, it is known, and not only likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.input.guess.columns import Column
from harness.input.guess.findings import Certainty, Finding
from harness.input.guess.lengths import Length, agreement, find_length
from harness.input.guess.moment import Moment, all_moments

_MATCHES = 0.95


@dataclass(frozen=True)
class Moments:
    """What was chosen."""

    start: Moment | None
    end: Moment | None
    length: Length | None
    findings: list[Finding]
    others: list[Moment]

    @property
    def main(self) -> Moment:
        """The moment that decides on how times are written."""
        found = self.start or self.end
        assert found
        return found


def find_moments(columns: Sequence[Column]) -> Moments | None:
    """Start, end and length of calls, or None if no column holds a time."""
    moments = all_moments(columns)
    group = _best_group([each for each in moments if each.is_of_the_call] or moments)
    if not group:
        return None
    taken = {column.number for moment in moments for column in moment.columns}
    start, end, findings = _start_and_end(group)
    lengths = [column for column in columns if column.number not in taken and column.amount]
    length, told = find_length(lengths, group, start, end)
    if length and start and end and _follows(end, start, length):
        end = None  # of three, the map takes two
        findings = [each for each in findings if each.key != "columns.end"]
    elif start and end:
        length, told = None, []
    return Moments(start, end, length, [*findings, *told], [each for each in moments if each not in (start, end)])


def _follows(end: Moment, start: Moment, length: Length) -> bool:
    """Whether the end is start and length, and nothing more; an end of the start's date is wrong after midnight."""
    agrees = agreement(length, start, end)
    return agrees == 1.0 or (agrees >= _MATCHES and len(end.columns) > 1 and end.columns[0] is start.columns[0])


def _best_group(moments: Sequence[Moment]) -> list[Moment]:
    """Times written alike, as the map has one form for all of them: those that headers and their number speak for."""
    groups: dict[str, list[Moment]] = {}
    for moment in moments:
        groups.setdefault(moment.form.name, []).append(moment)

    def score(group: list[Moment]) -> tuple[float, float]:
        named = sum(max(each.score(role) for each in group) for role in ("start", "end"))
        named += max(each.score("time") for each in group) * 0.5
        # Of the same times written twice, those that tell their zone are better.
        return named + 0.5 * (len(group) > 1) + 0.4 * group[0].form.zoned, -group[0].columns[0].number

    return max(groups.values(), key=score, default=[])


def _start_and_end(group: Sequence[Moment]) -> tuple[Moment | None, Moment | None, list[Finding]]:
    if len(group) == 1:
        return _only_one(group[0])
    full = max(sum(each is not None for each in moment.instants) for moment in group)
    by_header = {
        role: max(group, key=lambda moment: moment.score(role)) for role in ("start", "end") if _says(group, role)
    }
    rest = [moment for moment in group if moment not in by_header.values() and moment.score("answer") <= 0]
    answers = [moment for moment in group if moment not in by_header.values()]
    start = by_header.get("start") or _extreme(rest or answers, full, latest=False)
    left = [moment for moment in rest if moment is not start]
    end = by_header.get("end") or (_extreme(left, full, latest=True) if left else None)
    if start and end and _share_in_order(start, end) < _MATCHES and not {"start", "end"} <= set(by_header):
        start, end = (end, start) if _share_in_order(end, start) >= _MATCHES else (start, None)
    return start, end, _told(start, end, by_header)


def _only_one(moment: Moment) -> tuple[Moment | None, Moment | None, list[Finding]]:
    if moment.score("end") > moment.score("start"):
        reason = f"the only time of a row, and its header speaks of an end: {moment.said}"
        return None, moment, [Finding("columns.end", moment.said, Certainty.LIKELY, reason)]
    if not moment.form.has_clock:
        check = "another column or file with the time of day: without it, all events of a day are at midnight"
        reason = "a date; no column holds a time of day"
        return moment, None, [Finding("columns.start", moment.said, Certainty.NOT_SURE, reason, check)]
    named = moment.score("start") + moment.score("time") > 0
    certainty = Certainty.SURE if named else Certainty.LIKELY
    reason = "the only time of a row" + (", and its header says so" if named else "")
    check = "" if named else "whether this is when a call began; if it is when it ended, make it columns.end"
    return moment, None, [Finding("columns.start", moment.said, certainty, reason, check)]


def _says(group: Sequence[Moment], role: str) -> bool:
    """Whether headers name one of the group as `role`, more than another role."""
    best = max(group, key=lambda moment: moment.score(role))
    others = [other for other in ("start", "answer", "end") if other != role]
    return best.score(role) > max(best.score(other) for other in others)


def _extreme(moments: Sequence[Moment], full: int, *, latest: bool) -> Moment | None:
    """The moment that is the earliest, or the latest, in most rows; before those that are missing in many."""
    if not moments:
        return None

    def rank(moment: Moment) -> tuple[bool, float, int]:
        filled = sum(each is not None for each in moment.instants) >= 0.9 * full
        in_order = sum(_share_in_order(*((other, moment) if latest else (moment, other))) for other in moments)
        return filled, in_order, moment.columns[0].number if latest else -moment.columns[0].number

    return max(moments, key=rank)


def _share_in_order(one: Moment, two: Moment) -> float:
    pairs = [(a, b) for a, b in zip(one.instants, two.instants, strict=True) if a is not None and b is not None]
    return sum(a <= b for a, b in pairs) / len(pairs) if pairs else 0.0


def _told(start: Moment | None, end: Moment | None, by_header: dict[str, Moment]) -> list[Finding]:
    findings = []
    ordered = _share_in_order(start, end) if start and end else 0.0
    for role, moment in (("start", start), ("end", end)):
        if not moment:
            continue
        named = by_header.get(role) is moment
        reasons = (
            ["its header says so"] if named else [f"the {'earliest' if role == 'start' else 'latest'} time of a row"]
        )
        if ordered:
            reasons.append(f"start is not after end in {ordered:.0%} of rows")
        certainty = Certainty.SURE if named and ordered >= _MATCHES else Certainty.LIKELY
        check = "" if named else f"whether a call's {role} is in {moment.said}"
        findings.append(Finding(f"columns.{role}", moment.said, certainty, "; ".join(reasons), check))
    return findings
