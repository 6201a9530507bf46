"""A whole run of several trials on fakes: everything outside of this process is one, and can fail in any phase.

The run, its trials, its session's saving and its private directory are the real ones. Of the ground truth, the batch
job is a fake, which says what the workload says; the archives are objects of a store in memory.
"""

import functools
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.clients.kafka_topics import Topics
from harness.clients.left import Left
from harness.clients.s3_archive import fingerprint_archive
from harness.console.progress import ConsoleWatcher
from harness.engines.catalogue import find_engines
from harness.engines.engine import Engine
from harness.engines.prepare import PreparedEngine
from harness.evaluation.ground_truth import LinesDigest, TrialTruth
from harness.experiments.run import resume, run
from harness.measurement.accounting import Readings, Usage
from harness.measurement.recording import SUFFIX
from harness.provision.java import Java
from harness.results.result import Result
from harness.scenarios.scenario import Scenario
from harness.services.backing import External
from harness.session.directory import work_folder
from harness.session.options import SessionOptions
from harness.session.session import Session
from harness.trial.collection import Collection
from harness.trial.outcome import Trial
from harness.trial.phases import Phases
from harness.trial.processes import Processes
from harness.trial.setting import Setting
from tests.builders.results import encode, make_environment
from tests.builders.trials import BlindObservation, World
from workloads.truth import ExpectedCounts, expected_counts
from workloads.workload import Workload

_RESUME = "experiments.resume"
#: The user's own services.
OWN = External(kafka="kafka:1", redis="redis://redis:1/0", s3="http://s3:1/bucket")
SCENARIO: dict[str, Any] = {
    "name": "fake",
    "engines": ["baseline"],
    "rate_records_per_s": 100,
    "warmup_s": 1,
    "duration_s": 2,
    "rehearsal_s": 0,
    "malformed_per_million": 20_000,
    "limits": {"settle_s": 1, "quiet_s": 4, "engine_ready_s": 5},
}
#: What a run calls in each phase, where it can be made to fail: the class and the method, or the name in a module.
PLACES: Mapping[str, tuple[Any, str] | str] = {
    "start": (Processes, "start_engine"),
    "load": (Phases, "watch_load"),
    "drain": (Phases, "watch_drain"),
    "counts": (Collection, "_read_what_was_counted"),
    "end of a trial": "harness.trial.runner.tidy",
    "truth": "harness.experiments.run_truth.compute_truths",
    "clean-up of Redis": "harness.experiments.clean_up.remove_keys",
    "clean-up of S3": "harness.experiments.clean_up.remove_archive",
}


@functools.cache
def _engine(name: str) -> Engine:
    return find_engines([name], [])[0]


@functools.cache
def _expected() -> ExpectedCounts:
    return expected_counts(Workload(Scenario.model_validate(SCENARIO).workload()))


class Killed(BaseException):
    """The process is killed: nobody expects this, and nobody handles it."""


class MeteredObservation(BlindObservation):
    """Knows what the engine used, and nothing else."""

    def begin(self) -> None:
        """The engine uses one second of CPU time in all."""
        self._trial.readings = {"engine": Readings([-1.0, 60.0], [Usage(), Usage(1.0, 0.0, 2**20)])}


@dataclass
class Store:
    """A bucket in memory, with as much of boto3's client as is used; `objects` by key."""

    name: str = "bucket"
    endpoint: str | None = None
    objects: dict[str, bytes] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Nothing is needed to get in."""
        return {}

    def client(self) -> "Store":
        """The client."""
        return self

    def get_paginator(self, _operation: str) -> "Store":
        """What lists the objects."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        """All of them, in one page."""
        assert Bucket == self.name
        yield {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """One of them."""
        assert Bucket == self.name
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        """Put one there."""
        assert Bucket == self.name
        self.objects[Key] = Body

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        """Take one away."""
        assert Bucket == self.name
        del self.objects[Key]


class Runs:
    """Makes runs of three trials of the baseline; a test says what fails, and where.

    Attributes:
        world: what is around each trial.
        store: the bucket.
        external: the user's own services.
        runs_dir: where runs are kept.
        started: the labels of all trials that were started, in order.
        evicted_keys: how many Redis says that it has evicted; None if it does not say.
        archived: what the archive of a trial is.
        before_truth: is called before the batch job runs.
        environment, code: what the host, and the code, is taken for.
    """

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, external: External = OWN) -> None:
        self.runs_dir, self.temp, self.external = directory / "runs", directory / "temp", external
        self.store, self.started = Store(), list[str]()
        self.archived, self.before_truth = b"the same in each trial", lambda: None
        self._failures = 0
        self.evicted_keys: int | None = None
        self.environment, self.code = make_environment(), "code"
        self._output = io.StringIO()
        self._directory, self._patch = directory, monkeypatch
        self.temp.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(self.temp))
        self.expected = _expected()
        self.world = World(directory, monkeypatch)
        self.world.scenario = SCENARIO
        self.world.told["generator"]["schedule_error_histogram"] = encode([1.0])
        self.world.letters = self.expected.malformed_lines
        self.world.malformed_records = self.world.refused_records = len(self.world.letters)
        fakes: Mapping[str, Any] = {
            "experiments.run.check_scenario": lambda *_whatever: None,
            "experiments.run.open_session": self._open_session,
            "experiments.run_truth.compute_truths": self._truths,
            "experiments.resume.delete_topics": self._delete_topics,
            "experiments.clean_up.remove_keys": lambda *_place: [],
            "services.redis_rights.evicted_keys": lambda _url: self.evicted_keys,
            "session.session.run_trial": self._trial,
            **{f"{place}.fingerprint": lambda **_: self.environment for place in ("session.session", _RESUME)},
            **{f"{place}.code_digest": lambda _: self.code for place in ("session.session", _RESUME)},
            "trial.runner.Observation": MeteredObservation,
            "trial.collection.read_counts": lambda *_place: self.expected.counts,
            "trial.collection.Collection._take_latencies_apart": lambda _collection: None,
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(f"harness.{name}", fake)
        monkeypatch.setattr("os.fsync", lambda _file: None)

    @property
    def told(self) -> str:
        """All that people were told."""
        return self._output.getvalue()

    @property
    def directory(self) -> Path:
        """The run's own directory."""
        (found,) = self.runs_dir.iterdir()
        return found

    def fails(self, phase: str, error: BaseException, trial: int = 2) -> None:
        """Have something fail in a phase of PLACES: of a trial, in that of this number."""
        place = PLACES[phase]
        of_trial = not isinstance(place, str) or "harness.trial" in place
        self._failures += 1
        number = self._failures

        def failing(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                is_elsewhere = of_trial and not self.started[-1].endswith(f"-{trial}")
                if is_elsewhere or number != self._failures:
                    return real(*arguments, **named)
                raise error

            return call

        if isinstance(place, str):
            module, _, name = place.rpartition(".")
            self._patch.setattr(place, failing(getattr(__import__(module, fromlist=[name]), name)))
        else:
            self._patch.setattr(*place, failing(getattr(*place)))

    def run(self, trials: int = 3) -> tuple[Result, Path]:
        """A run, by the command's own function."""
        with ConsoleWatcher(Console(file=self._output, width=1000)) as watcher:
            return run(Scenario.model_validate(SCENARIO), trials, self.options(), watcher)

    def resume(self) -> tuple[Result, Path]:
        """Go on with the run that there is, by the command's own function."""
        with ConsoleWatcher(Console(file=self._output, width=1000)) as watcher:
            return resume(self.directory.name, self.options(), watcher)

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._failures += 1

    def kill(self, phase: str, trial: int = 2) -> None:
        """A run whose process is killed in a phase: a store that was started for it is gone, and nothing is told."""
        self.fails(phase, Killed(), trial)
        with pytest.raises(Killed):
            self.run()
        self.heal()
        if not self.external.s3:
            self.store.objects.clear()

    def options(self) -> SessionOptions:
        """Those of the command."""
        return SessionOptions(runs_dir=self.runs_dir, command=["ringbench", "run"], external=self.external)

    @contextmanager
    def _open_session(
        self, run_id: str, engines: list[str], options: SessionOptions, watcher: ConsoleWatcher, **_services: bool
    ) -> Iterator[Session]:
        with work_folder(options.runs_dir / run_id, watcher.note) as work:
            prepared = {name: PreparedEngine(_engine(name), Path("python"), []) for name in engines}
            backing = replace(self.world.backing, bucket=self.store)  # type: ignore[arg-type]
            java = Java(Path("java"), "21", "fake")
            yield Session(
                run_id, options, datetime.now(UTC), self.code, work, java, prepared, backing, watcher, environment={}
            )

    def _delete_topics(self, _client: object, topics: Topics) -> list[Left]:
        self.world.topics.difference_update(topics.all())
        return []

    def _trial(self, setting: Setting) -> Trial:
        self.started.append(setting.options.label)
        setting.directory.mkdir()
        (setting.directory / f"{setting.options.label}{SUFFIX}").write_bytes(b"a recording")
        self.store.objects[f"{setting.archive_prefix}/second=1/part-0.parquet"] = self.archived
        return self.world.drive(setting)

    def _truths(self, _spark: object, bucket: Any, prefixes: Mapping[str, str], *_: Any, **__: Any) -> Any:
        self.before_truth()
        return {
            label: TrialTruth(
                self.expected.counts,
                LinesDigest.of(self.expected.malformed_lines),
                [],
                *fingerprint_archive(bucket, prefix),
            )
            for label, prefix in prefixes.items()
        }
