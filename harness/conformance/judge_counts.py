"""Whether an engine's counts and dead letters are right, and in words what is likely wrong. Pure functions.

Each returns a `Problem`, or None if there is none.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from engines.contract.record import FIELDS, LOCATIONS, PATTERNS, parse
from harness.conformance.findings import Problem
from harness.conformance.ledger import Ledger, key_of
from harness.conformance.rig import LATENESS_MS, Output
from harness.conformance.wording import named

START = FIELDS.index("StartT")


# Counts


def counts(ledger: Ledger, output: Output, did: str, without: Iterable[bytes] = ()) -> Problem | None:
    """Whether every cell is counted right, but for the keys `without`."""
    left_out = set(without)
    latest = {key: count for key, count in output.latest().items() if key not in left_out}
    wanted = {key: count for key, count in ledger.counts.items() if key not in left_out}
    wrong = sorted(key for key in latest.keys() | wanted.keys() if latest.get(key, 0) != wanted.get(key, 0))
    if not wrong:
        return None
    lost = sum(max(0, wanted.get(key, 0) - latest.get(key, 0)) for key in wrong)
    surplus = sum(max(0, latest.get(key, 0) - wanted.get(key, 0)) for key in wrong)
    examples = (f"{key!r} is {latest.get(key)}, not {wanted.get(key)}{_its_line(ledger, key)}" for key in wrong)
    return Problem(
        did=did,
        expected=f"{len(wanted):,} cells, {sum(wanted.values()):,} records in all",
        seen=f"{len(wrong):,} cells are wrong; {lost:,} records missing, {surplus:,} too many: {named(examples)}",
        likely=_why(ledger, latest, wrong, lost, surplus),
    )


def _its_line(ledger: Ledger, key: bytes) -> str:
    lines = ledger.lines_of(key)
    return f" (such as {lines[0].decode('ascii')})" if lines else ""


def _why(ledger: Ledger, latest: dict[bytes, int], wrong: Sequence[bytes], lost: int, surplus: int) -> str:
    by_start = ledger.counts_if(lambda line: _key_by_start(line, ledger.locations))
    if surplus and _agrees(by_start, latest, wrong):
        return "the window is that of StartT: event time is EndT, the end of the call"
    lenient = ledger.counts + ledger.counts_if(lambda line: _lenient_key(line, ledger.locations))
    if not lost and any(lenient[key] > ledger.counts[key] for key in wrong):
        return "malformed lines are counted: only `parse` decides what is well formed, EndT not before StartT included"
    if not lost and all(latest.get(key, 0) == 2 * ledger.counts.get(key, 0) for key in wrong):
        return "records are counted twice"
    if lost and lost == surplus:
        return "records are counted in another cell than their own: see the window, the location, operator and type"
    if surplus and not lost:
        return "records are counted more than once, or lines are counted that are malformed"
    if lost and not surplus:
        return "records are dropped, for example as late though they are not, or the last upserts were never sent"
    return "some records are counted twice or in another cell, and others not at all"


def _agrees(other: Counter[bytes], latest: dict[bytes, int], wrong: Sequence[bytes]) -> bool:
    return bool(wrong) and all(other.get(key, 0) == latest.get(key, 0) for key in wrong)


def _key_by_start(line: bytes, locations: str) -> bytes | None:
    record = parse(line, locations)
    return key_of(record._replace(window_s=int(line.split(b",")[START]) // 1000)) if record else None


def _lenient_key(line: bytes, locations: str) -> bytes | None:
    """The key that a malformed line would count for, if one looked at no more than what counting needs."""
    parts = line.split(b",")
    if parse(line, locations) or len(parts) < len(FIELDS) or not parts[START + 1].isdigit():
        return None
    return b"%d|%b|%b|%b" % (int(parts[START + 1]) // 1000, parts[2], parts[6], parts[5])


# Malformed lines


def dead_letters(ledger: Ledger, output: Output, *, exactly: bool, did: str, tombstones: bool) -> Problem | None:
    """Whether malformed lines are dead letters, each as often as it was sent, or `exactly` not more often than that.

    Empty ones are looked at if they are `tombstones`, and no others then.
    """
    wanted = Counter({line: count for line, count in ledger.dead_letters.items() if (not line) == tombstones})
    found = Counter({line: count for line, count in output.dead_letters.items() if (not line) == tombstones})
    missing, surplus = wanted - found, found - wanted
    if not exactly:
        surplus = Counter({line: count for line, count in surplus.items() if line not in wanted})
    if not missing and not surplus:
        return None
    return Problem(
        did=did,
        expected=f"{wanted.total():,} dead letters, byte for byte",
        seen=_tell_letters(missing, surplus),
        likely=_why_letters(ledger, missing, surplus, found),
    )


def _tell_letters(missing: Counter[bytes], surplus: Counter[bytes]) -> str:
    told = []
    for what, lines in (("missing", missing), ("too many or not the line that was sent", surplus)):
        if lines:
            told.append(f"{lines.total():,} {what}: {named(map(repr, lines))}")
    return "; ".join(told)


def _why_letters(ledger: Ledger, missing: Counter[bytes], surplus: Counter[bytes], found: Counter[bytes]) -> str:
    if any(parse(line, ledger.locations) for line in surplus.keys() & set(ledger.lines)):
        return "well-formed lines are refused: `parse(line, job.locations)` decides, and nothing else"
    if missing and surplus:
        return "lines are changed on their way: decoded and encoded again, stripped, split or quoted. Keep the bytes"
    if missing and not found:
        return "no dead letter arrives: malformed lines are skipped, or go elsewhere than to `dead_letter_topic`"
    if missing:
        return "these lines are taken for well formed, or dropped without a word"
    return "dead letters are written more than once"


def elsewhere(ledger: Ledger, output: Output, other: str, locations: str) -> Problem | None:
    """Whether lines that are well formed by the job's set, but not by the set `other`, were counted."""
    lines = [line for line in ledger.lines if parse(line, locations) and not parse(line, other)]
    refused = [line for line in lines if line in output.dead_letters]
    if not refused:
        return None
    return Problem(
        did=f'started a job with `"locations": "{locations}"`, and sent {len(lines):,} lines from outside {other}',
        expected=f"all of them counted: locations are well formed by {LOCATIONS[locations]}",
        seen=f"{len(refused):,} of them are dead letters: {named(refused)}",
        likely=f"the pattern of {other} is built in ({PATTERNS[other][:20]}...): take `parse(line, job.locations)`",
    )


# Late records


def late_counted(ledger: Ledger, output: Output, keys: Sequence[bytes]) -> Problem | None:
    """Whether records that are late, but within the lateness, were counted."""
    latest = output.latest()
    missing = [key for key in keys if latest.get(key, 0) != ledger.counts[key]]
    if not missing:
        return None
    return Problem(
        did=f"moved event time on in every partition, then sent records up to {LATENESS_MS / 1000:g} s older",
        expected="all of them counted: their windows end after the greatest event time less `allowed_lateness_ms`",
        seen=f"{len(missing)} of {len(keys)} cells are wrong: "
        + named(f"{key!r} is {latest.get(key)}, not {ledger.counts[key]}" for key in missing),
        likely="records are dropped too early: `allowed_lateness_ms` is ignored, taken for seconds, or held against "
        "the record's own time instead of its window's end",
    )


def late_kept(output: Output, key: bytes, before: int) -> Problem | None:
    """Whether the count of a cell that got a record too late is what it was, or one more."""
    found = output.latest().get(key, 0)
    if found in (before, before + 1):
        return None
    return Problem(
        did=f"sent one more record of the cell {key!r}, whose count was {before}, long after its window",
        expected=f"{before} as before, because it is dropped, or {before + 1}, because it is counted",
        seen=str(found),
        likely="the window was forgotten, and a record too late begins it anew: drop late records by the watermark "
        "that lets windows go",
    )


def late_dropped(output: Output, keys: Sequence[bytes], waited_s: float) -> Problem | None:
    """Whether records that are too late are not counted."""
    found = [key for key in keys if key in output.history]
    if not found:
        return None
    return Problem(
        did=f"moved event time on in every partition, waited {waited_s:.0f} s, and sent records whose windows had "
        f"ended {LATENESS_MS / 1000:g} s before or earlier",
        expected="none of them counted. It may be so in a stream in order; with disorder or duplicates, as in the "
        "scenario `dirty`, these count as surplus and the verdict is `fail`",
        seen=f"{len(found)} of {len(keys)} cells have a count: {named(found)}",
        likely="nothing is dropped as late, so that the state grows with every window, too",
    )
