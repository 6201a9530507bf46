"""A scaling verifies each point against the seed, with other locations too, and leaves its page and picture."""

import json
from pathlib import Path

import pytest

from tests.integration.ringbench import Ringbench
from tests.steady import CLOCK_STEP_LIMIT_MS

pytestmark = pytest.mark.integration

#: The base, one other point, and the base again.
SMALL = ["scale", "--engine", "baseline", "--rates", "1000", "--partitions", "2", "--parallelism", "1"]
SHORT = ["--keys", "california,synthetic", "--warmup", "2", "--duration", "4", "--json"]


def test_a_scaling_counts_what_is_right_and_says_what_it_cannot_fit(tmp_path: Path) -> None:
    scenario = tmp_path / "scale.yaml"
    # Generous to a busy machine: a trial of a few seconds must count however late records are sent.
    bounds = {"schedule_error_ms_p99": 2000.0, "clock_step_ms": CLOCK_STEP_LIMIT_MS, "settle_s": 1.0, "host_share": 2.0}
    limits = json.dumps(bounds)
    scenario.write_text(
        f"name: small\nmalformed_per_million: 5000\nrehearsal_s: 0\nlimits: {limits}\n", encoding="utf-8"
    )
    with Ringbench(tmp_path, *SMALL, *SHORT, str(scenario), "--runs-dir", str(tmp_path / "runs")) as run:
        assert run.end() == 0, run.stderr
    found = json.loads(run.stdout)
    (saved,) = (tmp_path / "runs").glob("scale-*/scale.json")
    assert json.loads(saved.read_text(encoding="utf-8")) == found and found["finished"]
    assert [each["point"]["keys"] for each in found["trials"]] == ["california", "synthetic", "california"]
    assert [each["cells"] for each in found["trials"]] == [464, 100_000, 464]
    assert {(each["verdict"], each["counted"]) for each in found["trials"]} == {("pass", True)}
    assert {(each["dimension"], each["exponent"]) for each in found["fits"]} == {("keys", None)}
    assert {each["why"] for each in found["fits"]} == {"2 different values, and a fit needs 3"}
    assert {each["trials"] for each in found["controls"]} == {2}
    assert "no fit: 2 different values" in saved.with_name("scale.md").read_text(encoding="utf-8")
    assert saved.with_name("scale.png").stat().st_size > 10_000
