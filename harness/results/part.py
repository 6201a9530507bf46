"""What all saved models have in common."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


def save_whole(model: BaseModel, path: Path) -> Path:
    """Write `model` to `path` as JSON; the file appears whole or not at all. Returns `path`."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    part.replace(path)
    return path


class ResultPart(BaseModel):
    """A part of a saved result: fields that it does not know are refused, as they are of another version."""

    model_config = ConfigDict(extra="forbid")
