"""Maps of formats that many have, by name: `--input-map preset:asterisk`."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ConfigurationError
from harness.scenarios.sections import did_you_mean

PREFIX = "preset:"
_FOLDER = Path(__file__).parents[1] / "input" / "presets"


def preset_names() -> list[str]:
    """The names of all presets, in order."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def preset_path(name: str) -> Path:
    """The file of a preset.

    Raises:
        ConfigurationError: there is no such preset.
    """
    names = preset_names()
    if name not in names:
        raise ConfigurationError(
            f"{PREFIX}{name}: there is no such preset{did_you_mean(name, names)}",
            fix=f"give one of {', '.join(names)}",
        )
    return _FOLDER / f"{name}.yaml"


def map_path(given: Path) -> Path:
    """The file that `--input-map` names: a file of the user's, or that of a preset."""
    text = str(given)
    return preset_path(text.removeprefix(PREFIX)) if text.startswith(PREFIX) else given


def preset_summary(name: str) -> str:
    """What a preset is for: the first line of its file."""
    with preset_path(name).open(encoding="utf-8") as file:
        return file.readline().removeprefix("#").strip()
