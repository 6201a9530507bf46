"""The trials of a run, one after the other: whatever ends them, the finished ones are kept."""

import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.clients.failures import for_users
from harness.clients.s3_archive import fingerprint_archive
from harness.console.interrupt import SIGNALS, name_of
from harness.console.redaction import redact
from harness.engines.upgrades import due_faults
from harness.experiments.blocks import PlannedTrial
from harness.experiments.journal import Entry, Fingerprint, Journal
from harness.measurement.recording import keep_files
from harness.scenarios.scenario import Scenario
from harness.session.session import Session
from harness.trial.fault_options import suited, trial_options
from harness.trial.options import TrialOptions
from harness.trial.outcome import Trial
from harness.trial.saved import as_data
from workloads.truth import ExpectedCounts

#: What can go wrong, in whatever part of a run: signals are `KeyboardInterrupt`s, or derived from it.
ANYTHING = (Exception, KeyboardInterrupt)
#: Where what went wrong stands as Python tells it, among the logs.
LOG = "ringbench.log"


@dataclass(frozen=True)
class Finished:
    """A trial that has taken place, and its place in the plan.

    Attributes:
        archive: what its archive was when it ended; None if there was none, or it could not be read.
        resumed: whether another process made it: its archive may not be in the store any more.
    """

    planned: PlannedTrial
    trial: Trial
    archive: Fingerprint | None = None
    resumed: bool = False


@dataclass
class Taken:
    """The trials that took place so far, in order.

    Attributes:
        done: these.
        why_not_all: why not all of the planned ones did; empty if they did.
        interrupted: whether a signal ended them, the truth or the clean-up.
        journal: where each of them is written down as soon as it is finished.
    """

    journal: Journal
    done: list[Finished] = field(default_factory=list)
    why_not_all: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def trials(self) -> list[Trial]:
        """The trials alone."""
        return [each.trial for each in self.done]

    def cause(self, error: BaseException, work: Path | None = None) -> str:
        """What `error` was, in words. A signal is remembered.

        What nobody expected stands in the logs in `work`, too, as Python tells it.
        """
        if isinstance(error, KeyboardInterrupt):
            self.interrupted = True
            SIGNALS.resume()  # the run goes on with what is finished, and the next Ctrl-C ends that, too
            return name_of(error)
        if known := for_users(error):
            return redact(known.message)
        if work is not None:
            with suppress(OSError), (work / LOG).open("a", encoding="utf-8", errors="surrogateescape") as log:
                log.write("".join(traceback.format_exception(error)))
        return redact(f"{type(error).__name__}: {error}")


def take_trials(
    session: Session, scenario: Scenario, planned: Sequence[PlannedTrial], expected: ExpectedCounts, taken: Taken
) -> None:
    """Run those of the `planned` trials that are not `taken` yet, and add them to it.

    Whatever ends a trial, or comes in its clean-up, ends those to come, and no finished one.

    Raises:
        BaseException: what ended the very first trial: there is nothing to keep.
    """
    for each in missing(planned, taken):
        session.watcher.progress(each.number, len(planned))
        try:
            _take(session, scenario, each, expected, taken)
        except ANYTHING as error:
            if not taken.done:
                raise
            _end(session, planned, error, taken)
            break
    # One that an earlier process has lost is made again behind later ones.
    taken.done.sort(key=lambda each: each.planned.number)
    session.watcher.progress(1, 1)


def missing(planned: Sequence[PlannedTrial], taken: Taken) -> list[PlannedTrial]:
    """Those of the planned trials that did not take place."""
    numbers = {each.planned.number for each in taken.done}
    return [each for each in planned if each.number not in numbers]


def _take(session: Session, scenario: Scenario, each: PlannedTrial, expected: ExpectedCounts, taken: Taken) -> None:
    """Run one trial. One that is complete is kept even if something fails after that."""

    def keep(trial: Trial) -> None:
        _keep(session, Finished(each, trial), taken)

    options = _options(session, scenario, each, expected)
    keep(session.trial(scenario, each.engine, len(expected.malformed_lines), options, rescue=keep))


def _options(session: Session, scenario: Scenario, each: PlannedTrial, expected: ExpectedCounts) -> TrialOptions:
    faults = due_faults(scenario, session.options.engine_paths)
    fit = suited(faults, each.engine, session.prepared(scenario, each.engine).engine)
    chosen = trial_options(each.label, faults, fit, record=scenario.asks_for_counts)
    return replace(chosen, answers=len(expected.answers.due) if expected.answers else 0)


def _keep(session: Session, finished: Finished, taken: Taken) -> None:
    """Keep a finished trial: here, whatever happens, and on disk, if there is room."""
    taken.done.append(finished)
    _keep_files(session, finished.trial)
    try:
        if finished.trial.is_complete:
            fingerprint = fingerprint_archive(session.backing.bucket, finished.trial.archive_prefix)
            finished = taken.done[-1] = replace(finished, archive=fingerprint)
    except Exception as error:
        session.watcher.note(f"{finished.trial.label}: the archive cannot be read: {taken.cause(error, session.work)}")
    try:
        _write_down(session, finished, taken.journal)
    except Exception as error:
        session.watcher.note(
            f"{finished.trial.label}: cannot be written into the journal: {taken.cause(error, session.work)}; should "
            "this run be killed, --resume makes the trial again"
        )


def _keep_files(session: Session, trial: Trial) -> None:
    """Copy what is to stand beside the result to where that will be."""
    directory = session.options.runs_dir / session.run_id
    try:
        directory.mkdir(parents=True, exist_ok=True)
        keep_files(trial.kept_files, directory)
    except OSError as error:
        session.watcher.note(f"{trial.label}: no recording or flame graph is kept: {error}")
        trial.drop_kept_files()


def _write_down(session: Session, finished: Finished, journal: Journal) -> None:
    trial, archive = finished.trial, finished.archive
    journal.keep(Entry(number=finished.planned.number, archive=archive, trial=as_data(trial)))
    if archive:
        journal.keep_archive(session.backing.bucket, trial.archive_prefix, archive)


def _end(session: Session, planned: Sequence[PlannedTrial], error: BaseException, taken: Taken) -> None:
    """Note why trials are missing, if any are."""
    cause = taken.cause(error, session.work)
    left = missing(planned, taken)
    if not left:
        session.watcher.note(f"the last trial is finished, but its end was not in good order: {cause}")
        return
    reason = f"trial {left[0].number} ({left[0].label}) and all after it did not take place: {cause}"
    taken.why_not_all.append(reason)
    session.watcher.note(f"{reason}; the finished ones are verified and saved")
