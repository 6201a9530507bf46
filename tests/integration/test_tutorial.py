"""The tutorial's commands, run as they stand there; in the gate, all but the comparison are run by `test_wheel.py`."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.deadlines import RUN_DEADLINE_S
from tests.integration.tutorial import results_in, tutorial

pytestmark = [pytest.mark.integration, pytest.mark.proof]

ROOT = Path(__file__).parents[2]


def test_the_tutorial_leads_to_a_comparison(tmp_path: Path) -> None:
    # A checkout as far as the tutorial sees: what it writes stays here.
    (tmp_path / "bootstrap").symlink_to(ROOT / "bootstrap")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBENCH_R")}
    done = subprocess.run(
        ["bash", "-eu", "-c", tutorial()],
        cwd=tmp_path,
        env=environment | {"NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = results_in(tmp_path)
    assert [[each["name"] for each in found["engines"]] for found in results] == [["baseline"], ["flink", "baseline"]]
    assert all(found["valid"] for found in results)
    told = re.findall(r"^(\w+) pass [\d.]+ ms$", done.stdout, re.MULTILINE)
    assert told == ["flink", "baseline"]
