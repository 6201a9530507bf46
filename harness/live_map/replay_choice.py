"""What of a finished run `ringbench view --run` shows: which recordings, one or two of them, and how fast."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.contract.record import CALIFORNIA
from harness.errors import UsageError
from harness.measurement.recording import read_recording
from harness.results.result import EngineResult, Result

_SPEEDS = (1.0, 20.0)
_MAX_SIDES = 2
#: The engine that others are held against: it is shown where there are not two others.
_BASELINE = "baseline"
_RUNS_NAMED = 5
_ANEW = "make a run with this version"


@dataclass(frozen=True)
class Chosen:
    """What to show.

    Attributes:
        recordings: files by their names for people.
        speed: how many times as fast as it was.
        notes: what is wrong with the files, but keeps nobody from showing them.
        lag: whether event time runs beside the load's clock, so that it can be told how far an engine is behind.
    """

    recordings: dict[str, Path]
    speed: float
    notes: list[str] = field(default_factory=list)
    lag: bool = True

    def settings(self) -> dict[str, Any]:
        """The replay settings of a viewer's job."""
        named = [{"path": str(path.resolve()), "name": name} for name, path in self.recordings.items()]
        return {"recordings": named, "speed": self.speed, "lag": self.lag}


def find_run(run: str, runs_dir: Path) -> Path:
    """The directory of a run, given its ID in `runs_dir`, or the directory itself.

    Raises:
        UsageError: there is none, or it has no result.
    """
    for directory in (runs_dir / run, Path(run)):
        if (directory / "result.json").is_file():
            return directory
    there = sorted((path.parent.name for path in runs_dir.glob("*/result.json")), reverse=True)
    newest = f"; the newest in {runs_dir}: {', '.join(there[:_RUNS_NAMED])}" if there else f"; {runs_dir} has none"
    raise UsageError(f"--run {run}: there is no such run", fix=f"give a run's ID or its directory{newest}")


def choose(result: Result, directory: Path, engines: list[str], trial: int, speed: float) -> Chosen:
    """The recordings to show.

    Args:
        result: that of the run.
        directory: where it and its recordings are.
        engines: one or two, in this order; none for the first two that are not the baseline, or what there is.
        trial: which trial of each engine, from 1.
        speed: from 1 to 20.

    Raises:
        UsageError: there is no such engine or trial, it has no recording, the recording is damaged, or a value makes
            no sense.
    """
    if not _SPEEDS[0] <= speed <= _SPEEDS[1]:
        raise UsageError(f"--speed {speed:g} is out of range", fix=f"give {_SPEEDS[0]:g} to {_SPEEDS[1]:g}")
    locations = result.scenario.get("locations", CALIFORNIA)
    if locations != CALIFORNIA:
        raise UsageError(
            f"{directory}: the run's `locations` is {locations}, and the map shows California's counties",
            fix="give a run without `locations`, or with california",
        )
    if not any(each.recording for engine in result.engines for each in engine.trials):
        raise UsageError(
            f"{directory} holds no recordings: nothing was counted, or an older version made it", fix=_ANEW
        )
    chosen = _named(result, engines) if engines else _usual(result, trial)
    several = any(len(engine.trials) > 1 for engine in chosen)
    recordings = {
        f"{engine.name}, trial {trial}" if several else engine.name: directory / _recording(engine, trial, result)
        for engine in chosen
    }
    notes = [note for path in recordings.values() for note in _check(path)]
    return Chosen(recordings, speed, notes, lag=result.input is None)


def _named(result: Result, names: list[str]) -> list[EngineResult]:
    there = {engine.name: engine for engine in result.engines}
    if len(names) > _MAX_SIDES or len(set(names)) < len(names):
        raise UsageError(
            f"--engine {', '.join(names)}: one engine is shown, or two different ones side by side",
            fix=f"give one or two of: {', '.join(there)}",
        )
    if unknown := [name for name in names if name not in there]:
        raise UsageError(
            f"--engine: the run has no engine {unknown[0]!r}", fix=f"give one or two of: {', '.join(there)}"
        )
    return [there[name] for name in names]


def _usual(result: Result, trial: int) -> list[EngineResult]:
    """Those that have a recording of the trial, or, where none has, any: its lack is then told."""
    recorded = [engine for engine in result.engines if trial in _recorded(engine)] or result.engines
    return sorted(recorded, key=lambda engine: engine.name == _BASELINE)[:_MAX_SIDES]


def _recorded(engine: EngineResult) -> dict[int, str]:
    """Names of recordings, by the number of the engine's trial."""
    return {number: each.recording for number, each in enumerate(engine.trials, start=1) if each.recording}


def _recording(engine: EngineResult, trial: int, result: Result) -> str:
    found = _recorded(engine)
    if trial in found:
        # A result from elsewhere must not lead out of its directory.
        return Path(found[trial]).name
    last = len(engine.trials)
    if not 1 <= trial <= last:
        trials = "--trial 1, the only one" if last == 1 else f"--trial 1 to {last}"
        raise UsageError(f"--trial {trial}: {engine.name} has no such trial", fix=f"give {trials}")
    there = [
        f"{each.name} (trial {', '.join(map(str, _recorded(each)))})" for each in result.engines if _recorded(each)
    ]
    raise UsageError(
        f"--trial: trial {trial} of {engine.name} has no recording: nothing was counted",
        fix=f"show {' or '.join(there)}",
    )


def _check(path: Path) -> list[str]:
    """What a recording's reader notes.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return read_recording(path).notes
    except (OSError, ValueError) as error:
        what = f"{path}: {error.strerror or error}" if isinstance(error, OSError) else str(error)
        fix = f"show another engine or trial, or {_ANEW}"
        raise UsageError(f"the recording cannot be shown: {what}", fix=fix) from error
