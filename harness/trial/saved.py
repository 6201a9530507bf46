"""A finished trial as data of JSON's kinds, and back, so that a result can be made of it by another process."""

import base64
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, create_model

from engines.contract.aggregate import Cell
from harness.measurement.host import HostReading, HostWatch, Program
from harness.measurement.warmth import CompilerWatch
from harness.trial.outcome import Trial

#: In JSON, bytes are base64.
_Bytes = Annotated[
    bytes,
    BeforeValidator(lambda found: base64.b64decode(found) if isinstance(found, str) else found),
    PlainSerializer(lambda found: base64.b64encode(found).decode("ascii")),
]


class _Host(BaseModel):
    """A `HostWatch`, but for how it reads."""

    cores: int
    t_s: list[float]
    readings: list[HostReading]
    frequencies_mhz: list[float]
    programs: list[tuple[float, list[tuple[Program, float]]]]


class _Compilers(BaseModel):
    """A `CompilerWatch`, but for how it reads."""

    t_s: list[float]
    cpu_s: list[float]


#: How fields are saved that are not data of JSON's kinds, or whose keys are not.
_SPECIAL: dict[str, Any] = {
    "host": _Host,
    "compilers": _Compilers,
    "observed": list[tuple[int, str, str, str, int]] | None,
    "answers": list[tuple[_Bytes, int]] | None,
    "dead_letters": list[_Bytes],
    "flame_graphs": list[str],
}
_TYPES = {name: kind for name, kind in get_type_hints(Trial).items() if name != "directory"}
#: Made of the fields of `Trial`: one that is added there is saved, too.
_Saved: type[BaseModel] = create_model(  # type: ignore[call-overload]
    "_Saved",
    __config__=ConfigDict(extra="forbid"),
    **{name: (_SPECIAL.get(name, kind), ...) for name, kind in _TYPES.items()},
)


def as_data(trial: Trial) -> dict[str, Any]:
    """All that came of a trial, but for the files in its directory.

    Raises:
        pydantic.ValidationError: something in it is not what it is declared to be.
    """
    host, compilers = trial.host, trial.compilers
    found = {each.name: getattr(trial, each.name) for each in fields(trial) if each.name != "directory"}
    found["host"] = _Host(
        cores=host.cores,
        t_s=host.t_s,
        readings=host.readings,
        frequencies_mhz=host.frequencies_mhz,
        programs=[(t_s, list(used.items())) for t_s, used in host.programs],
    )
    found["compilers"] = _Compilers(t_s=compilers.t_s, cpu_s=compilers.cpu_s)
    found["observed"] = None if trial.observed is None else [(*cell, n) for cell, n in trial.observed.items()]
    found["answers"] = None if trial.answers is None else list(trial.answers.items())
    found["flame_graphs"] = [each.name for each in trial.flame_graphs]
    return _Saved.model_validate(found).model_dump(mode="json")


def from_data(data: dict[str, Any], directory: Path) -> Trial:
    """The trial that `as_data` told of; what it kept is in `directory` now.

    Raises:
        pydantic.ValidationError: it is no such trial.
    """
    saved: Any = _Saved.model_validate(data)
    found = {name: getattr(saved, name) for name in _TYPES}
    host = saved.host
    found["host"] = HostWatch(
        cores=host.cores,
        t_s=host.t_s,
        readings=host.readings,
        frequencies_mhz=host.frequencies_mhz,
        programs=[(t_s, dict(used)) for t_s, used in host.programs],
    )
    found["compilers"] = CompilerWatch(t_s=saved.compilers.t_s, cpu_s=saved.compilers.cpu_s)
    found["observed"] = None if saved.observed is None else {Cell(*cell): n for *cell, n in saved.observed}
    found["answers"] = None if saved.answers is None else dict(saved.answers)
    found["flame_graphs"] = [directory / each for each in saved.flame_graphs]
    return Trial(directory=directory, **found)
