"""Puts an engine to all checks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from engines.contract.job import AT_LEAST_ONCE, DIRECT, EXACTLY_ONCE
from harness.conformance import judge_life, judge_messages
from harness.conformance.findings import NOT_REACHED, Findings, Problem
from harness.conformance.jobs import read_waiting, refuse_settings, write_redis
from harness.conformance.rig import QUICK, QUICK_ONCE, Bench, Patience, Rig, files_below
from harness.conformance.stream import Stream
from harness.conformance.wording import named
from harness.console.progress import ConsoleWatcher
from harness.engines.catalogue import find_engines, load_engine
from harness.engines.engine import Engine
from harness.engines.prepare import prepare
from harness.processes.temporary import temporary_folder
from harness.provision.java import ensure_java
from harness.results.conformance import Conformance, save_conformance
from harness.services.pair import start_pair
from harness.session.directory import engine_environment, new_run_id, save_somewhere
from harness.session.ending import Ending
from harness.session.fingerprint import fingerprint

PREFIX = "conformance-"


@dataclass(frozen=True)
class Servers:
    """Kafka and Redis, and their versions."""

    bootstrap_servers: str
    redis_url: str = field(repr=False)
    versions: dict[str, str]


@dataclass(frozen=True)
class Amount:
    """How much is sent: records a second of the seeded stream, and draws of hostile lines."""

    rate_records_per_s: int
    hostile_draws: int


FULL, LITTLE = Amount(750, 1500), Amount(200, 200)


@contextmanager
def open_servers(watcher: ConsoleWatcher) -> Iterator[Servers]:
    """Kafka and Redis, for as long as they are needed."""
    with start_pair(watcher) as (_, kafka, redis):
        yield Servers(kafka.bootstrap_servers, redis.url, {"kafka": kafka.version, "redis": redis.version})


def conform(
    engine: Engine,
    servers: Servers,
    runs_dir: Path,
    command: list[str],
    watcher: ConsoleWatcher,
    *,
    quick: bool,
    delivery: str = AT_LEAST_ONCE,
) -> tuple[Conformance, Path]:
    """Put `engine` to all checks, and save what was found. Returns it, and its directory; the logs are in it, too.

    Raises:
        ProvisionError: what the engine needs could not be obtained.
        ServiceError: Kafka or Redis does not answer.
    """
    started_at, conformance_id = datetime.now(UTC), new_run_id(PREFIX)
    findings, java = Findings(), ensure_java(watcher.note)
    directory = runs_dir / conformance_id
    rigs: list[Rig] = []
    ending = Ending(watcher.note, kept=lambda: rigs)
    with temporary_folder() as work:
        findings.hold("descriptor", problem := _incomplete(engine), str(engine.directory))
        if problem is None:
            watcher.phase(f"providing what {engine.name} needs")
            bench = Bench(
                run_id=conformance_id,
                prepared=prepare(engine, watcher.note),
                bootstrap_servers=servers.bootstrap_servers,
                redis_url=servers.redis_url,
                work=work,
                environment=engine_environment(java, work),
                patience=_patience(delivery) if quick else Patience(),
                delivery=delivery,
            )
            with ending:
                _put_to_checks(bench, findings, LITTLE if quick else FULL, watcher, ending, rigs)
            _keep_logs(rigs, directory / "logs", watcher)
    ready = next((event for rig in rigs for child in rig.children if (event := child.last("ready"))), None)
    found = Conformance(
        conformance_id=conformance_id,
        started_at=started_at.isoformat(timespec="seconds"),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        environment=fingerprint(java=f"{java.version} ({java.source})", services=servers.versions),
        engine=engine.name,
        directory=str(engine.directory),
        version=str(ready.fields.get("version")) if ready else None,
        config=config if ready and isinstance(config := ready.fields.get("config"), dict) else {},
        quick=quick,
        delivery=delivery,
        checks=findings.results(ending.missing.text() if ending.missing else NOT_REACHED),
        missing=ending.missing,
    )
    save_somewhere(save_conformance, found, directory)
    return found, directory


def _patience(delivery: str) -> Patience:
    """That of ``--quick``."""
    return QUICK_ONCE if delivery == EXACTLY_ONCE else QUICK


def _incomplete(engine: Engine) -> Problem | None:
    """What is missing of the engine's folder."""
    parts = {"entry": engine.entry, "requirements": engine.requirements, "jars": engine.jars}
    parts["java_sources"] = engine.java_sources or None
    missing = [f"{key} = {name!r}" for key, name in parts.items() if name and not (engine.directory / name).exists()]
    if not missing:
        return None
    return Problem(
        did=f"read {engine.directory / 'engine.toml'}",
        expected="every file that it names, in the engine's folder",
        seen=f"no such file: {named(missing)}",
        likely="a name is misspelt, or the file was left out of the package",
    )


def _put_to_checks(
    bench: Bench, findings: Findings, amount: Amount, watcher: ConsoleWatcher, ending: Ending, rigs: list[Rig]
) -> None:
    """All jobs, which are added to `rigs`, and what is judged over all of them."""
    folder = bench.prepared.engine.directory
    before = files_below(folder)

    def begins(job: str) -> None:
        ending.begins(job)
        watcher.phase(job)

    begins("a job with an unknown setting")
    rigs += refuse_settings(bench, findings)
    begins("a stream, with a kill in its midst")
    rigs += Stream(bench, findings, amount.rate_records_per_s).run()
    if findings.has_failed("start.ready"):
        _judge_all(rigs, findings, files_below(folder) - before)
        return
    begins("hostile lines that wait for the engine")
    rigs += read_waiting(bench, findings, amount.hostile_draws)
    if bench.delivery == EXACTLY_ONCE:
        findings.skip("route.direct", "Redis takes no part in transactions")
    elif DIRECT in bench.prepared.engine.routes:
        begins("a job of the direct route")
        rigs += write_redis(bench, findings)
    else:
        findings.skip("route.direct", "`routes` in engine.toml does not name it")
    _judge_all(rigs, findings, files_below(folder) - before)


def _judge_all(rigs: list[Rig], findings: Findings, new_files: set[str]) -> None:
    """Judge what concerns every process."""
    children = [child for rig in rigs for child in rig.children]
    findings.hold("events.stdout", judge_messages.strays([each for child in children for each in child.strays]))
    findings.hold("events.progress", judge_messages.progress([child.events for child in children]))
    left = {name for rig in rigs for name in files_below(rig.cwd)}
    findings.hold("files.private", judge_life.private({"the engine's folder": new_files, "the current folder": left}))


def _keep_logs(rigs: list[Rig], directory: Path, watcher: ConsoleWatcher) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for rig in rigs:
            (directory / f"{rig.label}.log").write_bytes((rig.directory / "engine.log").read_bytes())
    except OSError as error:
        watcher.note(f"the logs could not be kept in {directory}: {error.strerror}")


def engine_of(name: str, extra: list[Path]) -> Engine:
    """The engine called `name`, or the one in the folder `name`, if that looks like a path.

    Raises:
        ConfigurationError: there is none, or what is there is wrong.
    """
    return load_engine(Path(name)) if os.sep in name else find_engines([name], extra)[0]
