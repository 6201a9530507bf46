"""What the user's own Redis evicts during a trial is found out, and is not the engine's fault."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.provision.java import Java
from harness.scenarios.scenario import Scenario
from harness.services import redis_rights
from harness.services.backing import External
from harness.session import session as session_module
from harness.session.options import SessionOptions
from harness.session.session import Session
from harness.trial.options import TrialOptions
from harness.trial.outcome import Trial
from tests.builders.backing import fake_backing
from tests.builders.trials import Notes


@pytest.mark.parametrize(
    ("url", "counts", "reasons"),
    [("redis://cache", [3, 10], 1), ("redis://cache", [3, 3], 0), (None, [], 0)],
    ids=["evicted", "not evicted", "started here"],
)
def test_a_trial_during_which_redis_evicts_keys_must_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, counts: list[int], reasons: int
) -> None:
    told, notes = iter(counts), Notes()
    monkeypatch.setattr(redis_rights, "evicted_keys", lambda _url: next(told))
    monkeypatch.setattr(session_module, "run_trial", lambda _setting: Trial("x", "x-1", "prefix", tmp_path))
    monkeypatch.setattr(session_module, "code_digest", lambda _folders: "code")
    session = Session(
        "id",
        SessionOptions(runs_dir=tmp_path, command=[], external=External(redis=url)),
        datetime.now(UTC),
        "code",
        tmp_path,
        cast(Java, None),
        {"x": cast(Any, SimpleNamespace(engine=SimpleNamespace(version="", name="x")))},
        fake_backing(tmp_path),
        cast(Any, notes),
        {},
    )
    trial = session.trial(Scenario(name="t", engines=["x"]), "x", 0, TrialOptions(label="x-1"))
    assert trial.service_faults == trial.invalid_reasons == notes.notes
    assert len(notes.notes) == reasons
    assert all("Redis evicted 7 keys" in note and "not the engine's fault" in note for note in notes.notes)
