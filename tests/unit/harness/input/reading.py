"""Small files, read as `ringbench run --input` reads them."""

import tempfile
from pathlib import Path
from typing import Any

from harness.input.reading import Reading, read_input, refuse_rows
from harness.scenarios.input import InputSection

COLUMNS = {"start": "t", "county": {"constant": "Yolo"}, "type": {"constant": "call"}}


def read(path: Path, columns: dict[str, Any] | None = None, **keys: Any) -> Reading:
    """What is read of `path` with a map of these `keys` and `columns`; bad rows are refused."""
    mapped = {**keys, "columns": columns or COLUMNS}
    section = InputSection.model_validate({"path": str(path), "map": mapped, "show_bad_values": True})
    with tempfile.TemporaryDirectory() as work:
        reading = read_input(section, 1, Path(work), lambda _: None)
    refuse_rows(section, reading)
    return reading


def starts(path: Path, times: list[str], **keys: Any) -> list[int]:
    """Event times of records that have only these `times`, in the order of time."""
    path.write_text("t\n" + "".join(f'"{each}"\n' for each in times), encoding="utf-8")
    found: list[int] = read(path, **keys).records["event_times_ms"].tolist()
    return found
