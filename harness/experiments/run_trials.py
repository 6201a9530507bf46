"""The trials of a run, one after the other: whatever ends them, the finished ones are kept."""

import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.console.redaction import redact
from harness.errors import RingbenchError
from harness.experiments.blocks import PlannedTrial
from harness.measurement.recording import keep_files
from harness.scenarios.scenario import Scenario
from harness.session.session import Session
from harness.trial.fault_options import suited, trial_options
from harness.trial.options import TrialOptions
from harness.trial.outcome import Trial
from workloads.truth import ExpectedCounts

#: What can go wrong, in whatever part of a run: signals are `KeyboardInterrupt`s, or derived from it.
ANYTHING = (Exception, KeyboardInterrupt)
#: Where what went wrong stands as Python tells it, among the logs.
LOG = "ringbench.log"


@dataclass(frozen=True)
class Finished:
    """A trial that has taken place, and its place in the plan."""

    planned: PlannedTrial
    trial: Trial


@dataclass
class Taken:
    """The trials that took place so far, in order.

    Attributes:
        done: these.
        why_not_all: why not all of the planned ones did; empty if they did.
        interrupted: whether a signal ended them, the truth or the clean-up.
    """

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
            return str(error) or "Ctrl-C"
        if isinstance(error, RingbenchError):
            return error.message
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
    numbers = {each.planned.number for each in taken.done}
    for each in planned:
        if each.number in numbers:
            continue
        session.watcher.progress(each.number, len(planned))
        try:
            _take(session, scenario, each, expected, taken)
        except ANYTHING as error:
            if not taken.done:
                raise
            _end(session, planned, each, error, taken)
            return
    session.watcher.progress(1, 1)


def _take(session: Session, scenario: Scenario, each: PlannedTrial, expected: ExpectedCounts, taken: Taken) -> None:
    """Run one trial. One that is complete is kept even if something fails after that."""
    complete: list[Trial] = []
    options = replace(_options(session, scenario, each, expected), when_complete=complete.append)
    try:
        trial = session.trial(scenario, each.engine, len(expected.malformed_lines), options)
    except BaseException:
        for trial in complete:
            session.look_over(trial)
            _keep(session, each, trial, taken)
        raise
    _keep(session, each, trial, taken)


def _options(session: Session, scenario: Scenario, each: PlannedTrial, expected: ExpectedCounts) -> TrialOptions:
    faults = scenario.fault_plan()
    fit = suited(faults, session.engines[each.engine].engine)
    chosen = trial_options(each.label, faults, fit, record=scenario.asks_for_counts)
    return replace(chosen, answers=len(expected.answers.due) if expected.answers else 0)


def _keep(session: Session, planned: PlannedTrial, trial: Trial, taken: Taken) -> None:
    """Keep a finished trial, and what is to stand beside the result, if there is room for that."""
    taken.done.append(Finished(planned, trial))
    directory = session.options.runs_dir / session.run_id
    try:
        directory.mkdir(parents=True, exist_ok=True)
        keep_files(trial.kept_files, directory)
    except OSError as error:
        session.watcher.note(f"{trial.label}: no recording or flame graph is kept: {error}")
        trial.drop_kept_files()


def _end(
    session: Session, planned: Sequence[PlannedTrial], each: PlannedTrial, error: BaseException, taken: Taken
) -> None:
    """Note why trials are missing, if any are."""
    cause = taken.cause(error, session.work)
    is_finished = taken.done[-1].planned is each
    missing = [later for later in planned if later.number >= each.number + is_finished]
    if missing:
        first = missing[0]
        reason = f"trial {first.number} ({first.label}) and all after it did not take place: {cause}"
        taken.why_not_all.append(reason)
        session.watcher.note(f"{reason}; the finished ones are verified and saved")
    else:
        session.watcher.note(f"the last trial is finished, but its end was not in good order: {cause}")
