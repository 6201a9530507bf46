"""What `ringbench input guess` says: the map, the findings behind it, and what came of trying it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.input.guess.findings import Certainty
from harness.input.guess.guess import guess_map
from harness.input.guess.sample import take_sample
from harness.input.guess.trial import Trial, try_and_mend
from harness.input.guess.writer import write_map
from harness.input.reading import Progress
from harness.input.summary import InputSummary

#: Inputs of more are not read as a whole only to try a map.
_TRIED_BYTES = 256 << 20


class FindingReport(BaseModel):
    """One thing that was found; see `Finding`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    found: str
    certainty: Certainty
    reason: str
    check: str


class GuessReport(BaseModel):
    """What `ringbench input guess --json` prints."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    file: str = Field(description="the one that was looked at")
    files: int
    rows_looked_at: int
    map: dict[str, Any] | None = Field(description="as `input.map` takes it; null if no column holds a time")
    findings: list[FindingReport]
    tried: InputSummary | None = Field(description="what the map makes of the whole input; null if it was not tried")
    refused: str | None = Field(description="why the input could not be read by the map")


@dataclass(frozen=True)
class Answer:
    """The report, and the map as YAML with comments (empty if there is none)."""

    report: GuessReport
    text: str

    def trial_told(self) -> Iterator[str]:
        """What came of the map, in lines for people."""
        tried, refused = self.report.tried, self.report.refused
        if refused:
            yield f"tried: the input cannot be read by this map: {refused}"
        elif tried:
            yield f"tried: {tried.records:,} records of {tried.rows:,} rows; {tried.bad_rows:,} rows are bad"
            yield from (f"  {line}" for line in [*tried.bad_rows_shown[:3], *tried.warnings])
        elif self.text:
            yield f"not tried, since the input has more than {_TRIED_BYTES >> 20} MiB: ringbench input check does that"


def answer(path: str, progress: Progress) -> Answer:
    """Look at an input, guess its map, and try it.

    Args:
        path: a file, a folder, ``s3://BUCKET/PREFIX`` or ``http://host:port/BUCKET/PREFIX``.
        progress: is told how far reading is, now and then.

    Raises:
        ConfigurationError: there is no such file, or none that holds rows of text or Parquet.
        ServiceError: S3 cannot be reached, or denies access.
    """
    sample = take_sample(path)
    guess = guess_map(sample.look)
    trial: Trial | None = None
    if guess.map is not None and sample.bytes <= _TRIED_BYTES:
        guess, trial = try_and_mend(path, guess, progress)
    report = GuessReport(
        path=path,
        file=sample.name,
        files=sample.files,
        rows_looked_at=guess.rows,
        map=guess.map,
        findings=[FindingReport(**vars(finding)) for finding in guess.findings],
        tried=trial.summary if trial else None,
        refused=trial.error if trial and not trial.summary else None,
    )
    return Answer(report, write_map(guess, path) if guess.map is not None else "")
