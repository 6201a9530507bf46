"""Decides whether an engine's events and messages have the form they should. Pure functions.

Each returns a `Problem`, or None if there is none.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from engines.contract.events import Event
from engines.contract.record import OPERATORS, TYPES
from harness.conformance.findings import Problem
from harness.conformance.ledger import Ledger
from harness.conformance.rig import Output
from harness.conformance.wording import named, shortened

#: `progress` is due every two seconds; a busy machine is forgiven some more.
PROGRESS_MS, GRACE_MS = 2000, 4000
#: What an engine may be said to have done from the moment it was started, by clocks that agree so far.
CLOCK_MS = 2000
TOTALS = ("records_in", "malformed", "late")
NO_SETTING = "no_such_setting"
_KEY = re.compile(
    rf"1[0-9]{{9}}\|[0-9]{{5}}\|(?:{'|'.join(map(re.escape, OPERATORS))})\|(?:{'|'.join(TYPES)})".encode("ascii")
)
_COUNT = re.compile(rb"[1-9][0-9]*")


# Starting


def refused(events: Sequence[Event], death: str, code: int | None) -> Problem | None:
    """Whether a job with an unknown setting was refused as it has to be. `code` is None if the process still runs."""
    expected = f"a `failed` event whose `error` names {NO_SETTING!r}, no `ready`, and exit code 2"
    failed = next((event for event in events if event.kind == "failed"), None)
    if any(event.kind == "ready" for event in events):
        seen = "the engine became ready"
        likely = "it ignores settings that it does not know: `job.take_settings(DEFAULTS)` refuses them"
    elif failed is None:
        seen = f"no `failed` event: {death}"
        likely = "the error ends the process before an event is sent: `run_engine` sends it for you"
    elif NO_SETTING not in str(failed.fields.get("error")):
        seen = f"`failed` with the error {shortened(str(failed.fields.get('error')))!r}"
        likely = "the error names no key: whoever mistyped one cannot find it by that"
    elif code != 2:
        seen = "`failed`, but the process still runs" if code is None else f"`failed`, but exit code {code}"
        likely = "the process does not end with the code of bad settings, 2; 1 is for jobs that fail later"
    else:
        return None
    did = f'started it with `"settings": {{"{NO_SETTING}": 1}}` in its job'
    return Problem(did=did, expected=expected, seen=seen, likely=likely)


def ready(event: Event, started_ms: int, now_ms: int) -> Problem | None:
    """Whether a `ready` event says what it has to."""
    version, config = event.fields.get("version"), event.fields.get("config")
    if not isinstance(version, str) or not version:
        seen, likely = f"`version` is {version!r}", "the engine's version is left out, or is no text"
    elif not isinstance(config, dict):
        seen, likely = f"`config` is {config!r}", "the configuration in effect is left out, or is no object"
    elif not started_ms - CLOCK_MS <= event.at_ms <= now_ms + CLOCK_MS:
        seen = f"`at_ms` is {event.at_ms}, at {now_ms}"
        likely = "`at_ms` is not in milliseconds since the Unix epoch"
    else:
        return None
    expected = "`version`, a text; `config`, an object; `at_ms`, milliseconds since the Unix epoch"
    return Problem(did="started it and waited for `ready`", expected=expected, seen=seen, likely=likely)


# Events


def strays(lines: Sequence[str]) -> Problem | None:
    """Whether standard output held anything but events."""
    if not lines:
        return None
    torn = [each for each in lines if each.startswith("{")]
    if torn:
        likely = "an event is torn, has no `event` and `at_ms`, or is of a kind that is not known: nobody hears of it"
    else:
        likely = (
            "the engine or a library prints to standard output, and will tear an event apart one day: send logs to "
            "standard error. `EventWriter` points standard output there, if it is made before anything prints"
        )
    return Problem(
        did="read its standard output, line by line",
        expected="one JSON object in each line, with `event` (ready, progress, failed or stopped) and `at_ms`",
        seen=f"{len(lines)} other lines: {named(map(repr, torn or lines))}",
        likely=likely,
    )


def progress(processes: Sequence[Sequence[Event]]) -> Problem | None:
    """Whether each process told of its progress as it has to."""
    for events in processes:
        told = [event for event in events if event.kind in ("progress", "stopped")]
        if seen := _gap(events) or _wrong_type(told) or _going_down(told):
            return Problem(
                did="listened to its `progress` from `ready` to the end",
                expected=f"at least every {PROGRESS_MS // 1000} s: totals since the start, numbers that never go down, "
                "or null where unknown",
                seen=seen[0],
                likely=seen[1],
            )
    return None


def _gap(events: Sequence[Event]) -> tuple[str, str] | None:
    """The longest time without `progress`, if it is too long. What was before `ready` does not count."""
    at_ms = [event.at_ms for event in events if event.kind in ("ready", "progress", "stopped")]
    gap_ms = max((after - before for before, after in pairwise(at_ms)), default=0)
    if gap_ms <= PROGRESS_MS + GRACE_MS:
        return None
    return f"{gap_ms / 1000:.1f} s without `progress`", "it is sent from a loop that waits for records or a flush"


def _wrong_type(told: Sequence[Event]) -> tuple[str, str] | None:
    for event in told:
        for name in TOTALS:
            value = event.fields.get(name, "nothing")
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                return f"`{name}` is {value!r} in a `{event.kind}` event", "a total is left out, or is no whole number"
    return None


def _going_down(told: Sequence[Event]) -> tuple[str, str] | None:
    for name in TOTALS:
        values = [event.fields[name] for event in told if event.fields[name] is not None]
        for before, after in pairwise(values):
            if after < before:
                return f"`{name}` went from {before:,} to {after:,}", "it counts since the last event, not the start"
    return None


def totals(ledger: Ledger, event: Event | None) -> Problem | None:
    """Whether the latest `progress`, of an engine that has read everything, says what was sent."""
    malformed = ledger.dead_letters.total()
    wanted = {"records_in": len(ledger.lines), "malformed": malformed}
    found = {name: event.fields.get(name) if event else None for name in wanted}
    if all(found[name] in (None, wanted[name]) for name in wanted):
        return None
    likely = "messages are counted before a filter, after it, or more than once"
    if (found["records_in"] or 0) > wanted["records_in"]:
        likely = "it reads partitions twice, or other topics too"
    elif found["records_in"] == wanted["records_in"] - malformed:
        likely = "`records_in` leaves malformed lines out, but counts every message"
    return Problem(
        did=f"sent {len(ledger.lines):,} messages, {malformed:,} of them malformed, and waited",
        expected=f"`records_in` {wanted['records_in']:,} and `malformed` {wanted['malformed']:,}, or null",
        seen=f"`records_in` {found['records_in']} and `malformed` {found['malformed']}",
        likely=likely,
    )


# Upserts


def keys(output: Output) -> Problem | None:
    """Whether all keys have the form that the contract gives."""
    wrong = [key for key in output.history if not _KEY.fullmatch(key)]
    if not wrong:
        return None
    likely = "fields are missing, in another order, or joined by something else: `encode_key` makes keys"
    if re.match(rb"[0-9]{13}", wrong[0]):
        likely = "the window is given in milliseconds, and has to be in seconds"
    elif re.match(rb"[0-9]{4}-", wrong[0]):
        likely = "the window is given as a date, and has to be the number of seconds since the Unix epoch"
    return Problem(
        did="read the keys of its upserts",
        expected="WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE in ASCII, such as 1767225600|06037|Verizon|text",
        seen=f"{len(wrong):,} of {len(output.history):,} keys: {named(wrong)}",
        likely=likely,
    )


def values(output: Output) -> Problem | None:
    """Whether all values are counts."""
    wrong = [(key, each) for key, found in output.history.items() for each in found if not _is_count(each)]
    if not wrong:
        return None
    likely = "the value is in another format than decimal digits: `encode_count` makes values"
    if any(value is None for _, value in wrong):
        likely = "it deletes what it forgets by tombstones: a cell's count stands for good, so write nothing for it"
    return Problem(
        did="read the values of its upserts",
        expected="the count in decimal, without anything around it, such as 17",
        seen=f"{len(wrong):,} of {output.messages:,} values: " + named(f"{key!r} -> {value!r}" for key, value in wrong),
        likely=likely,
    )


def _is_count(value: bytes | None) -> bool:
    return value is not None and _COUNT.fullmatch(value) is not None


def absolute(ledger: Ledger, output: Output) -> Problem | None:
    """Whether values are counts so far, not increments: told by keys that got upserts between records."""
    latest = output.latest()
    repeated = [key for key, count in ledger.counts.items() if count > 1 and len(output.history.get(key, [])) > 1]
    wrong = [key for key in repeated if latest[key] < ledger.counts[key] == _sum(output.history[key])]
    if not wrong:
        return None
    key = wrong[0]
    upserts = " then ".join((each or b"").decode("ascii") for each in output.history[key])
    return Problem(
        did=f"sent {ledger.counts[key]} records of the cell {key!r}, with the first counts awaited in between",
        expected=f"upserts that end in {ledger.counts[key]}",
        seen=f"{upserts}; so it is for {len(wrong):,} of {len(repeated):,} cells with several upserts",
        likely="values are increments, or a cell's count begins anew after each upsert: counts are absolute, so that a "
        "repeated upsert is harmless",
    )


def _sum(values: Sequence[bytes | None]) -> int:
    return sum(int(each) for each in values if each is not None and each.isdigit())


def partitions(output: Output) -> Problem | None:
    """Whether each key is in one partition only."""
    wrong = {key: found for key, found in output.partitions.items() if len(found) > 1}
    if not wrong:
        return None
    return Problem(
        did="read from which partitions its upserts come",
        expected="all upserts of a key in one partition, so that they keep their order",
        seen=f"{len(wrong):,} keys in several: " + named(f"{key!r} in {sorted(each)}" for key, each in wrong.items()),
        likely="the partition is chosen by the sender, or in turns: leave it to the producer, which goes by the key",
    )


def plain(messages: int, offsets: int) -> Problem | None:
    """Whether the topic of aggregates has as many offsets as messages."""
    if messages == offsets:
        return None
    return Problem(
        did="compared the end offsets of the topic of aggregates with the messages in it",
        expected="as many offsets as messages: the harness knows by them when it has read all",
        seen=f"{offsets:,} offsets, but {messages:,} messages",
        likely="the producer is transactional, and its markers take up offsets: set no `transactional.id`; counts are "
        "absolute, so that writing at least once is enough",
    )


def once(ledger: Ledger, output: Output) -> Problem | None:
    """Whether nothing that was committed came again, over all the processes of a job, one of which was killed."""
    repeated = output.dead_letters - ledger.dead_letters
    if not output.told_again and not repeated:
        return None
    seen = [f"{len(output.told_again):,} upserts: {named(output.told_again)}"] if output.told_again else []
    seen += [f"{repeated.total():,} dead letters too many: {named(map(repr, repeated))}"] if repeated else []
    return Problem(
        did="read what is committed, before a kill and after it",
        expected="counts of a cell that go up from message to message, and each malformed line as often as it was sent",
        seen="; ".join(seen),
        likely="what was read is not committed in the transaction that holds what was written for it, or a restart "
        "tells all counts again: see docs/delivery.md",
    )


def fresh(output: Output, waited_s: float) -> Problem | None:
    """Whether anything came out while the window was the newest one."""
    if output.history:
        return None
    return Problem(
        did="sent a few records of one second to every partition, and nothing else",
        expected="their counts, as soon as they change",
        seen=f"no upsert within {waited_s:g} s",
        likely="counts go out only when their window closes, or when a batch is full: write an upsert whenever a count "
        "changes",
    )


def idle(came: bool, waited_s: float) -> Problem | None:
    """Whether counts `came` while only one partition held records."""
    if came:
        return None
    return Problem(
        did="sent a few records to one partition; the others were empty",
        expected="their counts, as soon as they change",
        seen=f"no upsert within {waited_s:g} s; when the other partitions had records too, they came",
        likely="counts wait for a watermark that empty partitions hold back, or for a batch from each partition",
    )
