"""The ground truth of a run's trials: each has that of an archive which is its own, to the byte."""

from collections.abc import Sequence

from harness.clients.s3_archive import fingerprint_archive, unpack_archive
from harness.errors import InvalidRun
from harness.evaluation.ground_truth import TrialTruth, compute_truths
from harness.experiments.journal import Fingerprint
from harness.experiments.run_trials import ANYTHING, Finished, Taken
from harness.scenarios.scenario import Scenario
from harness.session.session import Session
from workloads.replay import open_workload

TRUTH_ENGINE = "spark"


def truths_of(session: Session, scenario: Scenario, taken: Taken) -> tuple[dict[str, TrialTruth], list[str]]:
    """Truths by trial, and why trials have none: whatever it is, what was measured is there."""
    try:
        return _truths(session, scenario, taken)
    except InvalidRun as error:
        return {}, [str(error)]
    except ANYTHING as error:
        reason = f"the ground truth could not be computed: {taken.cause(error, session.work)}"
        session.watcher.note(f"{reason}; what was measured is saved")
        return {}, [reason]


def _truths(session: Session, scenario: Scenario, taken: Taken) -> tuple[dict[str, TrialTruth], list[str]]:
    complete = [each for each in taken.done if each.trial.is_complete]
    readers = {
        label: reader for label, same in _same_archives(complete).items() if (reader := _reader(session, same, taken))
    }
    truths: dict[str, TrialTruth] = {}
    if readers:
        place = f", on {scenario.truth.master}," if scenario.truth.master else ""
        session.watcher.phase(f"computing the ground truth with Spark{place} from the archive in S3")
        found = compute_truths(
            session.engines[TRUTH_ENGINE],
            session.backing.bucket,
            {reader.trial.label: reader.trial.archive_prefix for reader in readers.values()},
            scenario.locations,
            session.work,
            records=open_workload(scenario.workload()).total_records,
            where=scenario.truth,
            environment=session.environment,
            progress=session.watcher.note,
        )
        for each in complete:
            reader = readers.get(_archive_of(each))
            truth = found[reader.trial.label] if reader else None
            if truth and each.archive in (None, (truth.archive_objects, truth.archive_sha256)):
                truths[each.trial.label] = truth
    unproven = [each.trial.label for each in complete if each.trial.label not in truths]
    return truths, [f"{label}: its archive is gone or changed, and its counts cannot be verified" for label in unproven]


def _same_archives(finished: Sequence[Finished]) -> dict[str, list[Finished]]:
    """The trials whose archives were equal to the byte when they ended; one whose archive nobody read is alone."""
    found: dict[str, list[Finished]] = {}
    for each in finished:
        found.setdefault(_archive_of(each), []).append(each)
    return found


def _archive_of(each: Finished) -> str:
    return each.archive[1] if each.archive else each.trial.label


def _reader(session: Session, same: Sequence[Finished], taken: Taken) -> Finished | None:
    """One of the trials, whose archive is in the store: of an earlier process's, the journal's copy is put there."""
    made_now = [each for each in same if not each.resumed]
    if made_now:
        return made_now[0]
    known: Fingerprint | None = same[0].archive
    if known is None:
        return None  # nobody knows what it was
    bucket = session.backing.bucket
    for each in same:
        if fingerprint_archive(bucket, each.trial.archive_prefix) == known:
            return each
    copy = taken.journal.archive(known)
    if copy:
        unpack_archive(bucket, same[0].trial.archive_prefix, copy)
    return same[0] if copy else None
