"""Decides whether an engine starts again and ends as it should. Pure functions that return a `Problem`, or None."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engines.contract.events import Event
from harness.conformance.findings import Problem
from harness.conformance.judge_counts import counts
from harness.conformance.judge_messages import TOTALS
from harness.conformance.ledger import Ledger
from harness.conformance.rig import Ending, Output
from harness.conformance.wording import named
from harness.engines.prepare import ENGINE_STOP_S

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


def closed(behind: Mapping[str, int]) -> Problem | None:
    """Whether no transaction is open, from how many offsets are `behind` one, by topic."""
    found = [f"{offsets:,} offsets of {topic}" for topic, offsets in behind.items() if offsets]
    if not found:
        return None
    return Problem(
        did="looked how far a consumer of committed messages can read when the engine had ended",
        expected="the end of each topic that it writes",
        seen=f"behind a transaction that is open: {named(found)}",
        likely="SIGTERM ends it in the midst of a transaction: commit it, or abort it; or a process that takes the "
        "place of one that was killed has another `transactional.id`, and does not abort what that one left",
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
