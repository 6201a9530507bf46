"""A run's journal: its finished trials on disk, so that a run that is killed can be gone on with.

It is the folder ``journal`` in the run's directory, which only its owner can read:

=====================  =============================================================================================
``plan.json``          what the run is made of: `JournalPlan`
``trial-N.json.gz``    the trial of that number, as soon as it is finished: `Entry`
``archive-SHA.zip``    the objects of an archive, once for all trials whose archives are the same bytes
=====================  =============================================================================================

Each file appears whole or not at all. The folder goes away when the result is saved and whole.
"""

import contextlib
import gzip
import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from harness.clients.left import Left
from harness.clients.s3_archive import Bucket, pack_archive
from harness.errors import UsageError
from harness.results.part import ResultPart, explained, read_whole, save_whole, write_whole
from harness.results.result import Environment, Input, Resumption
from harness.session.directory import claim, release

FOLDER = "journal"
_PLAN = "plan.json"
#: gzip's usual level saves little more, and takes several times as long between two trials.
_COMPRESSION = 1

#: Number of objects of an archive, and its SHA-256, see `harness.clients.s3_archive.fingerprint_archive`.
Fingerprint = tuple[int, str]


class JournalPlan(ResultPart):
    """What a run is made of; no secret is in it."""

    version: Literal[1] = 1
    run_id: str
    started_at: str
    command: list[str]
    scenario: dict[str, Any] = Field(description="the keys that were given, seed included")
    trials: int = Field(description="of each engine")
    input: Input | None
    code: str = Field(description="the digest of the code")
    environment: Environment
    services: dict[str, str] = Field(description="the user's own, by option: where they are")
    engine_paths: list[str]
    view: bool
    profile: bool
    work: str = Field(description="the private directory of the process that works on it, or has")
    resumptions: list[Resumption] = Field([])


class Entry(ResultPart):
    """A finished trial."""

    version: Literal[1] = 1
    number: int
    archive: Fingerprint | None = Field(description="of its archive when it ended; null if there was none to be had")
    trial: dict[str, Any] = Field(description="see `harness.trial.saved`")


class Journal:
    """The journal of one run; it is made with the first trial that is kept.

    Attributes:
        plan: what the run is made of.
        folder: where it is.
    """

    def __init__(self, run_directory: Path, plan: JournalPlan) -> None:
        self.plan = plan
        self.folder = run_directory / FOLDER

    @classmethod
    @contextlib.contextmanager
    def reopened(cls, run_directory: Path) -> Iterator["Journal"]:
        """The journal that is in `run_directory`, to be gone on with, for this process alone.

        Raises:
            UsageError: there is none, it is of another version, or another process works on the run.
        """
        plan = read_plan(run_directory)
        if not claim(run_directory):
            raise UsageError(
                f"the run {plan.run_id} is still going on", fix="wait for its end, or end the process that makes it"
            )
        try:
            yield cls(run_directory, plan)
        finally:
            release(run_directory)

    def save_plan(self) -> None:
        """Write the plan as it is now."""
        save_whole(self.plan, self.folder / _PLAN)

    def keep(self, entry: Entry) -> None:
        """Write down a finished trial.

        Raises:
            OSError: there is no room for it, or no access.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.folder / _PLAN).exists():
            self.save_plan()
        # By the standard library, which keeps what is no number.
        content = gzip.compress(json.dumps(entry.model_dump(mode="json")).encode(), _COMPRESSION, mtime=0)
        write_whole(self.folder / f"trial-{entry.number}.json.gz", content)

    def keep_archive(self, bucket: Bucket, prefix: str, fingerprint: Fingerprint) -> None:
        """Keep a copy of an archive, if there is none of the same bytes yet. To be called after `keep`."""
        path = self._archive_path(fingerprint)
        if not path.exists():
            pack_archive(bucket, prefix, path)

    def archive(self, fingerprint: Fingerprint) -> Path | None:
        """The copy of an archive; None if there is none."""
        path = self._archive_path(fingerprint)
        return path if path.exists() else None

    def numbers(self) -> list[int]:
        """The numbers of the trials that are in it."""
        return sorted(int(path.name.split(".")[0].removeprefix("trial-")) for path in self._trials())

    def entries(self) -> list[Entry]:
        """The finished trials by number; one whose file is damaged did not take place."""
        found = []
        for path in self._trials():
            with contextlib.suppress(OSError, EOFError, ValueError, zlib.error):
                found.append(Entry.model_validate(json.loads(gzip.decompress(path.read_bytes()))))
        return sorted(found, key=lambda entry: entry.number)

    def remove(self) -> list[Left]:
        """Remove all of it. Returns it if it cannot be removed."""
        try:
            if self.folder.exists():
                shutil.rmtree(self.folder)
        except OSError as error:
            return [Left("journal", str(self.folder), str(error))]
        return []

    def _trials(self) -> Iterator[Path]:
        return self.folder.glob("trial-*.json.gz")

    def _archive_path(self, fingerprint: Fingerprint) -> Path:
        return self.folder / f"archive-{fingerprint[1]}.zip"


def told_finished(run_directory: Path, plan: JournalPlan) -> str:
    """What there is of an unfinished run, for people."""
    entries = Journal(run_directory, plan).entries()
    labels = ", ".join(str(entry.trial["label"]) for entry in entries) or "none"
    resumed = f", gone on with {len(plan.resumptions)} times" if plan.resumptions else ""
    return f"of its {plan.trials} trials of each engine, these are: {labels} (begun at {plan.started_at}{resumed})"


def read_plan(run_directory: Path) -> JournalPlan:
    """The plan of the run that has a journal in `run_directory`.

    Raises:
        UsageError: there is no journal, or it is of another version.
    """
    path = run_directory / FOLDER / _PLAN
    try:
        return read_whole(JournalPlan, path)
    except OSError as error:
        if (run_directory / "result.json").exists():
            raise UsageError(
                f"the run {run_directory.name} has a result and no journal: there is nothing to go on with"
            ) from error
        raise UsageError(
            f"{run_directory}: no journal of a run that --resume could go on with: {error.strerror}",
            fix="give the RUN_ID of a run of which a trial was finished, and --runs-dir if it is elsewhere",
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path}: no journal of this version: {explained(error)}",
            fix="go on with the version of Ringbench that began the run, or start it anew",
        ) from error
