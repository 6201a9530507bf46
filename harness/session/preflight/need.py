"""What a command needs of this machine. Bytes are lower bounds: with less, it certainly cannot take place."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.engines.engine import Engine
from harness.engines.versions import environment_name, requirements_lock
from harness.provision.environments import find_environment
from harness.scenarios.refusals import CHAOS, RUN
from harness.scenarios.scenario import Scenario

#: Of the services' and engines' own files, before there are records.
_BASE_BYTES = 200_000_000
#: Of a record in Kafka while a trial lasts, and in the archive and what is kept of updates up to the end of the run.
#: 500,000 records at 20,000/s took 51, 22 and 40 each.
_IN_KAFKA_BYTES, _KEPT_BYTES = 50, 60
#: Of an engine's environment and jars, of which Spark's and Flink's are the largest; of classes and locks.
ENGINE_BYTES, CLASSES_BYTES = 1_000_000_000, 200_000_000
_RESULT_BYTES = 20_000_000
#: A broker has these open without topics, and so many for each partition of each of a trial's three topics.
_BASE_FILES, _FILES_PER_PARTITION = 200, 12
#: What a run of Spark and Flink wants in a directory that has to hold whatever comes.
USUAL_WORK_BYTES = 2_000_000_000


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a command needs.

    Attributes:
        runs_dir: where it leaves its result; None if it has none.
        work_bytes: in the temporary directory.
        cache_bytes: in the cache, for what is not there yet.
        open_files: of one process.
    """

    runs_dir: Path | None
    work_bytes: int = _BASE_BYTES
    cache_bytes: int = CLASSES_BYTES
    open_files: int = _BASE_FILES

    @property
    def runs_bytes(self) -> int:
        """In the directory of runs."""
        return _RESULT_BYTES if self.runs_dir else 0

    @property
    def temporary(self) -> Path:
        """The temporary directory that was asked for: Python takes another one without a word if it is of no use."""
        return Path(os.environ.get("TMPDIR") or tempfile.gettempdir()).absolute()


def need_of(scenario: Scenario, command: str, runs_dir: Path, engines: Sequence[Engine], users: int = 0) -> Need:
    """What a trial of `scenario` with each of `engines` needs, and so many `users` of the live map.

    `command` is as `harness.scenarios.refusals` has it.
    """
    records = 0 if scenario.input else scenario.rate_records_per_s * scenario.duration_s
    # All others archive nothing, and end sooner than the scenario says, or forget what is old.
    whole = command in (RUN, CHAOS)
    # Those that share a lock share an environment.
    missing = {requirements_lock(engine) for engine in engines if environment_of(engine) is None}
    return Need(
        runs_dir=runs_dir,
        work_bytes=_BASE_BYTES + (records * (_IN_KAFKA_BYTES + _KEPT_BYTES * len(engines)) if whole else 0),
        cache_bytes=CLASSES_BYTES + ENGINE_BYTES * len(missing),
        open_files=max(_BASE_FILES + _FILES_PER_PARTITION * scenario.partitions, files_of(users)),
    )


def files_of(users: int) -> int:
    """How many files the viewer has open that so many `users` watch; so has the load generator."""
    return _BASE_FILES + users


def environment_of(engine: Engine) -> Path | None:
    """The folder of the engine's environment; None if it is not in the cache.

    Raises:
        ProvisionError: its lock cannot be read.
        ConfigurationError: there is no cache.
    """
    lock = requirements_lock(engine)
    python = find_environment(lock, environment_name(lock), python=engine.python or None)
    return python.parent.parent if python else None
