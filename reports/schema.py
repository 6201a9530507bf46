"""The published JSON Schema of ``result.json``: ``python -m reports.schema`` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

from harness.results.result import Result

SCHEMA_PATH = Path(__file__).parents[1] / "docs" / "result.schema.json"


def schema_text() -> str:
    """The schema as the file holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Result.model_json_schema()}
    schema["title"] = "Ringbench result"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
