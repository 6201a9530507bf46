"""The load test of a viewer that was there already: ``runs/RUN_ID/loadtest.json``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from harness.results.live_map import Dashboard
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
