"""Goes on with a run that was killed: only where nothing differs that its trials could differ by."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from harness.clients.kafka_topics import Topics, delete_topics
from harness.clients.left import Left, told
from harness.clients.s3_archive import remove_archive
from harness.engines.code import code_digest
from harness.engines.engine import Engine
from harness.errors import ServiceError, UsageError
from harness.experiments.blocks import REHEARSAL, PlannedTrial
from harness.experiments.journal import Journal, JournalPlan
from harness.experiments.run_trials import Finished, Taken
from harness.results.result import Environment, Input, Resumption
from harness.scenarios.scenario import Scenario
from harness.session.fingerprint import fingerprint
from harness.session.options import SessionOptions
from harness.session.session import Session
from harness.trial.saved import from_data

#: What of the fingerprint may differ: memory does by some pages at each start of a kernel, the code has a digest of its
#: own, and the calibration is no part of a run.
_FREE = {"memory_bytes", "commit", "calibration"}
_SERVICES = ("kafka", "redis", "s3")


def places(options: SessionOptions) -> dict[str, str]:
    """Where the user's own services are, by option, without what lets one in."""
    external = options.external
    found = {"kafka": external.kafka, "s3": external.s3}
    if external.redis:
        address = urlsplit(external.redis)
        found["redis"] = f"{address.scheme}://{address.hostname}:{address.port or 6379}{address.path}"
    return {name: place for name, place in found.items() if place}


def plan_of(session: Session, keys: dict[str, Any], trials: int, used: Input | None) -> JournalPlan:
    """What the journal of a new run says of it; `keys` are those of its scenario that were given."""
    options = session.options
    return JournalPlan(
        run_id=session.run_id,
        started_at=session.started_at.isoformat(timespec="seconds"),
        command=options.command,
        scenario=keys,
        trials=trials,
        input=used,
        code=session.code,
        environment=session.fingerprint(),
        services=places(options),
        engine_paths=[str(path.absolute()) for path in options.engine_paths],
        view=options.view,
        profile=options.profile,
        work=str(session.work),
    )


def options_of(plan: JournalPlan, options: SessionOptions) -> SessionOptions:
    """The options of the run that is gone on with: the command's own, where they change nothing of the plan.

    Raises:
        UsageError: the user's own services are not those of the run.
    """
    found = places(options)
    for name in _SERVICES:
        before, now = plan.services.get(name), found.get(name)
        if before != now:
            raise UsageError(
                f"the run {plan.run_id} had {_service(name, before)}, and this command has {_service(name, now)}",
                fix=f"give --{name} {before}" if before else f"leave --{name} out",
            )
    return replace(
        options,
        command=plan.command,
        engine_paths=[Path(each) for each in plan.engine_paths],
        view=plan.view,
        profile=plan.profile,
    )


def _service(name: str, place: str | None) -> str:
    return f"--{name} {place}" if place else f"no --{name} of its own"


def scenario_of(plan: JournalPlan) -> Scenario:
    """The scenario of the run.

    Raises:
        UsageError: it is none of this version.
    """
    try:
        return Scenario.model_validate(plan.scenario)
    except ValidationError as error:
        raise UsageError(
            f"the scenario of the run {plan.run_id} is none of this version: {error.errors()[0]['msg']}",
            fix="go on with the version of Ringbench that began the run, or start it anew",
        ) from error


def check_here(plan: JournalPlan, engines: Iterable[Engine]) -> None:
    """As `check_same`, of what is known before anything starts."""
    known = fingerprint(java=plan.environment.java, services=plan.environment.services)
    check_same(plan, code_digest(engines), known, plan.input)


def check_same(plan: JournalPlan, code: str, environment: Environment, used: Input | None) -> None:
    """Make sure that code, host, versions and input are those that the finished trials had.

    Raises:
        UsageError: something differs; it names all that does.
    """
    before, now = plan.environment.model_dump(exclude=_FREE), environment.model_dump(exclude=_FREE)
    differ = [f"{name} is {now[name]}, and was {value}" for name, value in before.items() if now[name] != value]
    if plan.code != code:
        differ.append("the code of Ringbench or of an engine has changed")
    if plan.input != used:
        differ.append("the input is read as something else: " + _inputs_differ(plan.input, used))
    if differ:
        raise UsageError(
            f"the run {plan.run_id} cannot be gone on with, since its trials would not be alike: {'; '.join(differ)}",
            fix="go on where and as it began, or start a new run",
        )


def _inputs_differ(before: Input | None, now: Input | None) -> str:
    was, found = (each.model_dump() if each else {} for each in (before, now))
    return ", ".join(sorted(name for name in was.keys() | found.keys() if was.get(name) != found.get(name)))


def restore(journal: Journal, planned: Sequence[PlannedTrial], run_directory: Path) -> list[Finished]:
    """The finished trials of the journal, in order."""
    entries = {entry.number: entry for entry in journal.entries()}
    return [
        Finished(each, from_data(entry.trial, run_directory), entry.archive, resumed=True)
        for each in planned
        if (entry := entries.get(each.number))
    ]


def take_over(session: Session, scenario: Scenario, taken: Taken, left: Sequence[PlannedTrial]) -> None:
    """Remove what the killed process has left, and note in the journal that the run goes on.

    Raises:
        ServiceError: the user's own services do not let it be removed.
    """
    journal, plan = taken.journal, taken.journal.plan
    remove_private(Path(plan.work))
    if left_behind := _remove_half_made(session, scenario, left):
        raise ServiceError(
            f"what the run {plan.run_id} had left of a half-made trial is {'; '.join(told(left_behind))}"
        )
    at = datetime.now(UTC).isoformat(timespec="seconds")
    resumption = Resumption(at=at, finished_trials=len(taken.done))
    journal.plan = plan.model_copy(update={"work": str(session.work), "resumptions": [*plan.resumptions, resumption]})
    journal.save_plan()


def _remove_half_made(session: Session, scenario: Scenario, planned: Sequence[PlannedTrial]) -> list[Left]:
    """Remove topics and objects of trials that were not finished; Redis is emptied by each trial. Tell what stays."""
    backing, left = session.backing, list[Left]()
    of_label = {REHEARSAL: scenario} | {each.label: scenario.for_contestant(each.engine) for each in planned}
    for label, own in of_label.items():
        if session.options.external.kafka:
            topics = Topics.of(session.run_id, label, aggregates=not own.is_direct)
            left += delete_topics(backing.kafka_client, topics)
        if session.options.external.s3:
            left += remove_archive(backing.bucket, f"{session.run_id}/{label}")
    return left


def remove_private(work: Path) -> None:
    """Remove the private directory of a process that is no more."""
    if work.name.startswith("ringbench-") and not work.is_symlink():
        shutil.rmtree(work, ignore_errors=True)
