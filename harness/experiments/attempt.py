"""A trial that archives nothing, its counts held against the seed's: what sweeps and scalings are made of."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from harness.evaluation.ground_truth import truth_from_seed
from harness.evaluation.trial_result import trial_result
from harness.evaluation.validity import disturbances, invalid_reasons
from harness.experiments.sustainable import Overload
from harness.results.part import Missing
from harness.results.result import TrialResult
from harness.scenarios.scenario import Scenario
from harness.session.directory import claim, release
from harness.session.ending import Ending, is_interrupted
from harness.session.fingerprint import commit, host_id
from harness.session.session import Session
from harness.trial.options import TrialOptions
from harness.trial.outcome import Trial
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload


@dataclass(frozen=True)
class Attempted:
    """What came of an attempt.

    Attributes:
        trial, result: see there.
        invalid: what speaks against the measurement itself; of one that was broken off, until then.
        overload: what watched over it, and may have broken it off.
        expected: the seed's counts.
    """

    trial: Trial
    result: TrialResult
    invalid: list[str]
    overload: Overload
    expected: ExpectedCounts


def attempt(session: Session, scenario: Scenario, engine: str, number: int, p99_bound_ms: float) -> Attempted:
    """Make one trial of the contestant `engine`, its `number`-th; one that cannot have its p99 in bound is broken off.

    Raises:
        ServiceError: something could not be started.
    """
    workload = Workload(scenario.workload())
    expected = expected_counts(workload)
    overload = Overload(workload, p99_bound_ms / 1000, scenario.malformed_per_million / 1e6)
    options = TrialOptions(label=f"{engine}-{number}", archive=False, meddle=overload)
    trial = session.trial(scenario, engine, len(expected.malformed_lines), options)
    truth, own = truth_from_seed(expected), scenario.for_contestant(engine)
    result = trial_result(trial, number, 1, truth, own, expected)
    # That it is not complete says nothing, if it was broken off.
    invalid = disturbances(trial, own) if trial.broken_off else invalid_reasons(trial, truth, own, expected)
    return Attempted(trial, result, invalid, overload, expected)


class Unfinished(Protocol):
    """A result that is saved while it is made."""

    key: str
    finished: bool
    finished_at: str | None
    missing: Missing | None


R = TypeVar("R", bound=Unfinished)


def conclude(found: Unfinished, ending: Ending) -> None:
    """Note that `found` is finished, or what is missing of it: then the same command can go on with it."""
    found.missing = ending.missing
    if found.missing:
        found.missing.fix += "; it goes on where this one has stopped"
    else:
        found.finished, found.finished_at = True, datetime.now(UTC).isoformat(timespec="seconds")


def has_failed(ending: Ending) -> bool:
    """Whether an error ended it early, and not a signal: then the logs may say why."""
    return ending.missing is not None and not is_interrupted(ending.missing)


def key_of(scenario: Scenario, options: object) -> str:
    """A hash of all that two results must share to be one: what is measured, where, and by which version.

    Of the `options`, `fresh` says nothing of what is measured.
    """
    asked = {name: value for name, value in vars(options).items() if name != "fresh"}
    what = {"scenario": scenario.model_dump(), "asked": asked, "host": host_id(), "commit": commit()}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def find_unfinished(runs_dir: Path, pattern: str, key: str, load: Callable[[Path], R]) -> R | None:
    """The newest unfinished result with this key among the files of `runs_dir` that match `pattern`, or None.

    One that another process is at work on is left to it; the folder of the one that is found is claimed.
    """
    for path in sorted(runs_dir.glob(pattern), reverse=True):
        try:
            found = load(path)
        except (OSError, ValueError):
            continue
        if found.key == key and not found.finished and claim(path.parent):
            found = load(path)  # another process may have gone on with it since, and ended
            if not found.finished:
                return found
            release(path.parent)
    return None
