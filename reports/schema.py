"""The published JSON Schemas of results: ``python -m reports.schema`` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from harness.results.benches import PathBench, ProducerBench
from harness.results.calibration import Calibration
from harness.results.conformance import Conformance
from harness.results.history import History
from harness.results.loadtest import LoadTest
from harness.results.result import Result
from harness.results.scale import Scale
from harness.results.shards import MergedShards, ShardResult
from harness.results.sweep import Sweep

DOCS = Path(__file__).parents[1] / "docs"
RESULT = "result"
#: What has a schema, by the name that it has in files and titles.
MODELS: dict[str, type[BaseModel]] = {
    RESULT: Result,
    "sweep": Sweep,
    "scale": Scale,
    "calibration": Calibration,
    "producer": ProducerBench,
    "path": PathBench,
    "conformance": Conformance,
    "loadtest": LoadTest,
    "shard": ShardResult,
    "merged": MergedShards,
    "history": History,
}


def schema_path(name: str = RESULT) -> Path:
    """The file of a schema, by a name in `MODELS`."""
    return DOCS / f"{name}.schema.json"


def schema_text(name: str = RESULT) -> str:
    """A schema as its file holds it, by a name in `MODELS`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[name].model_json_schema()}
    schema["title"] = f"Ringbench {name}"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in MODELS:
        schema_path(each).write_text(schema_text(each), encoding="utf-8")
