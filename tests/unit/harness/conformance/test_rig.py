"""How long conformance waits for an engine before it takes it to be done."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.contract.job import AT_LEAST_ONCE, EXACTLY_ONCE, KAFKA
from engines.contract.record import CALIFORNIA
from harness.conformance.rig import Bench, Patience, Rig
from tests.deadlines import DEADLINE_S


@pytest.mark.parametrize(("delivery", "is_right"), [(EXACTLY_ONCE, True), (AT_LEAST_ONCE, False)])
def test_an_engine_that_is_held_up_by_an_open_transaction_is_not_taken_to_be_done(
    delivery: str, is_right: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open at the first looks; what it held up is there once it was aborted."""
    open_still = [True, True, False]
    written: list[str] = []
    patience = Patience(quiet_s=0.01, step_s=DEADLINE_S)
    prepared: Any = None
    bench = Bench("r", prepared, "127.0.0.1:1", "", tmp_path, {}, patience, delivery)
    rig = Rig(bench, "held", 1, CALIFORNIA, KAFKA)

    def look(_client: object, _topics: object) -> bool:
        found = open_still.pop(0)
        if not found:
            written.append("all")
        return found

    monkeypatch.setattr("harness.conformance.rig.has_open_transaction", look)
    monkeypatch.setattr(rig, "read", lambda: bool(written))
    monkeypatch.setattr(rig, "records_in", lambda: 0)
    monkeypatch.setattr(rig, "children", [SimpleNamespace(is_running=True)])
    assert rig.settle(lambda: bool(written), reads=0) == is_right
