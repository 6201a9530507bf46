"""Decides on what was sent and seen, and says in words what is likely wrong. Pure functions.

Each returns a `Problem`, or None if there is none.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from engines.contract.events import Event
from engines.contract.record import FIELDS, LOCATIONS, OPERATORS, PATTERNS, TYPES, parse
from harness.conformance.findings import Problem
from harness.conformance.ledger import Ledger, key_of
from harness.conformance.rig import LATENESS_MS, Ending, Output
from harness.trial import ENGINE_STOP_S

#: How many of what is wrong are named.
NAMED = 3
#: `progress` is due every two seconds; a busy machine is forgiven some more.
PROGRESS_MS, GRACE_MS = 2000, 4000
#: What an engine may be said to have done from the moment it was started, by clocks that agree so far.
CLOCK_MS = 2000
TOTALS = ("records_in", "malformed", "late")
NO_SETTING = "no_such_setting"
START = FIELDS.index("StartT")

_KEY = re.compile(
    rf"1[0-9]{{9}}\|[0-9]{{5}}\|(?:{'|'.join(map(re.escape, OPERATORS))})\|(?:{'|'.join(TYPES)})".encode("ascii")
)
_COUNT = re.compile(rb"[1-9][0-9]*")


def named(things: Iterable[object]) -> str:
    """The first of `things`, shortened, and how many more there are."""
    texts = [_short(str(each)) for each in things]
    more = f" and {len(texts) - NAMED:,} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more


def _short(text: str, length: int = 160) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text):,} characters)"


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
        seen = f"`failed` with the error {_short(str(failed.fields.get('error')))!r}"
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


# Restarts and the end


def restarted(ledger: Ledger, output: Output, did: str, without: Iterable[bytes]) -> Problem | None:
    """Whether every cell is counted right after a restart, but for the keys `without`."""
    problem = counts(ledger, output, did, without)
    if problem is None:
        return None
    latest = output.latest()
    if any(latest.get(key, 0) > count for key, count in ledger.counts.items()):
        likely = "records that are read again are counted again: the saved offsets are older than the counts"
    else:
        likely = "counts begin anew: they are not saved with the offsets, or the offsets are newer than the counts"
    return replace(problem, likely=likely)


def resumed(records_in: int | None, sent: int) -> Problem | None:
    """Whether a process that was started again has read less than everything anew."""
    if records_in is None or records_in < sent:
        return None
    return Problem(
        did="killed it long after checkpoints were due by `checkpoint_interval_ms`, and started it again",
        expected="it goes on from its last checkpoint in `checkpoint_dir`",
        seen=f"it has read all {sent:,} records anew",
        likely="no checkpoint is written, or none is looked for: after hours of load, a restart would take minutes",
    )


def ending(end: Ending, stopped: Event | None) -> Problem | None:
    """Whether the engine has ended in good order."""
    if end.code == 137 and end.took_s > ENGINE_STOP_S - 1:
        seen = f"it still ran after {ENGINE_STOP_S:g} s, and was killed"
        likely = "SIGTERM is ignored, or noticed only between records: `stop_on_sigterm` gives an event to look at"
    elif stopped is None:
        seen = f"exit code {end.code} after {end.took_s:.1f} s, without `stopped`"
        likely = "SIGTERM ends the process before it can tell: catch it, and send `stopped` last, as `run_engine` does"
    elif end.code != 0:
        seen, likely = f"`stopped`, but exit code {end.code}", "something fails on the way out: see the engine's log"
    elif missing := [name for name in TOTALS if name not in stopped.fields]:
        seen, likely = f"`stopped` without `{missing[0]}`", "`stopped` has not the final totals"
    else:
        return None
    return Problem(
        did="sent SIGTERM, as at the end of a trial",
        expected=f"`stopped` with the final totals and exit code 0, within {ENGINE_STOP_S:g} s",
        seen=seen,
        likely=likely,
    )


def left_behind(end: Ending) -> Problem | None:
    """Whether something outlived the engine."""
    if not end.left:
        return None
    return Problem(
        did="looked for processes that were left when the engine's had ended",
        expected="none that has to be killed",
        seen=named(end.left),
        likely="a child is not stopped, and ignores SIGTERM",
    )


def private(new_files: dict[str, set[str]]) -> Problem | None:
    """Whether no `new_files` have appeared, by the folder's description."""
    wrong = [f"{name} in {where}" for where, names in new_files.items() for name in sorted(names)]
    if not wrong:
        return None
    return Problem(
        did="compared the engine's own folder, and the folder that it was started in, before and after",
        expected="nothing new there: `checkpoint_dir` and TMPDIR are private to it and go away by themselves",
        seen=named(wrong),
        likely="a library keeps files in the current folder: give it a folder below `checkpoint_dir`",
    )
