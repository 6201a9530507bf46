"""The load test of a viewer that was there already: ``runs/RUN_ID/loadtest.json``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from harness.results.live_map import Dashboard
from harness.results.part import save_whole
from harness.results.result import Environment

SCHEMA_VERSION = 1


class LoadTest(BaseModel):
    """One load test."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    run_id: str
    valid: bool
    invalid_reasons: list[str]
    interrupted: bool = Field(False, description="whether a signal ended it early")
    started_at: str = Field(description="ISO 8601, UTC")
    finished_at: str
    command: list[str] = Field(description="arguments that repeat the load test")
    environment: Environment
    dashboard: Dashboard


def save_load_test(found: LoadTest, directory: Path) -> Path:
    """Write ``loadtest.json`` to `directory`. Returns its path."""
    return save_whole(found, directory / "loadtest.json")
