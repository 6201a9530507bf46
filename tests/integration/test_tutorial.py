"""The tutorial's commands, run as they stand there."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deadlines import RUN_DEADLINE_S
from tests.integration.ringbench import SMALL

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- tutorial -->\n```sh\n(.*?)```\n", re.DOTALL)
#: What the scenario gets besides, in front of the line that ends it.
BESIDES = yaml.safe_dump({key: SMALL[key] for key in ("limits", "rehearsal_s")})


def _script() -> str:
    """The commands, with a scenario that is generous to a busy machine."""
    blocks = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8"))
    assert len(blocks) == 5
    script = "".join(blocks)
    assert script.count("\nEND\n") == 1
    return script.replace("\nEND\n", f"\n{BESIDES}END\n")


def test_the_tutorial_leads_to_a_comparison(tmp_path: Path) -> None:
    # A checkout as far as the tutorial sees: what it writes stays here.
    (tmp_path / "bootstrap").symlink_to(ROOT / "bootstrap")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBENCH_R")}
    done = subprocess.run(
        ["bash", "-eu", "-c", _script()],
        cwd=tmp_path,
        env=environment | {"NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = [_load(path) for path in sorted(tmp_path.glob("runs/*/result.json"))]
    assert [[each["name"] for each in found["engines"]] for found in results] == [["baseline"], ["flink", "baseline"]]
    assert all(found["valid"] for found in results)
    told = re.findall(r"^(\w+) pass [\d.]+ ms$", done.stdout, re.MULTILINE)
    assert told == ["flink", "baseline"]
    assert len(re.findall(r"^\+1\d+,", done.stdout, re.MULTILINE)) == 3, "records that were shown"


def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
