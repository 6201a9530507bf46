"""What is told of a scenario before anything starts, and which of two things is told first."""

import socket
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigurationError, ServiceError, UsageError
from harness.scenarios.refusals import RUN
from harness.scenarios.scenario import Scenario
from harness.session import checks
from harness.session.checks import check_scenario
from harness.session.options import SessionOptions

NO_CLUSTER = {"kind": "worker-kill", "at_s": 10}
NO_CORES = {"engine_cpus": 1024}
NO_ENGINE = {"engines": ["flnik"]}


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A machine that will do, and how often it was looked at."""
    found: list[str] = []
    monkeypatch.setattr(checks, "look_before_leaping", lambda *_: found.append("machine"))
    monkeypatch.setattr(checks, "try_services", lambda *_, **__: found.append("services"))
    return found


@pytest.fixture
def nobody_listens() -> Any:
    """Settings of a cluster that does not answer."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield {"engines": ["spark"], "engine_settings": {"spark": {"master": f"spark://127.0.0.1:{_port(bound)}"}}}


def _port(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


def _check(**keys: Any) -> None:
    scenario = Scenario.model_validate({"name": "of a test", "engines": ["baseline"], **keys})
    check_scenario(scenario, RUN, SessionOptions(runs_dir=Path("runs"), command=[]), print)


def test_what_goes_together_is_not_refused() -> None:
    _check()
    _check(cluster=True, faults=[NO_CLUSTER])


def test_the_machine_is_looked_at_before_anything_of_the_users_is_asked(
    nobody_listens: dict[str, Any], looks: list[str]
) -> None:
    with pytest.raises(ServiceError, match="does not answer"):
        _check(**nobody_listens)
    assert looks == ["machine"]
    _check()
    assert looks == ["machine", "machine", "services"]


def test_an_engine_that_is_none_is_told_first() -> None:
    with pytest.raises(ConfigurationError, match="unknown engine 'flnik'"):
        _check(faults=[NO_CLUSTER], **NO_CORES, **NO_ENGINE)


def test_the_scenarios_own_contradictions_are_told_before_what_the_machine_lacks(looks: list[str]) -> None:
    with pytest.raises(UsageError, match="worker-kill harms a cluster"):
        _check(faults=[NO_CLUSTER], **NO_CORES)
    with pytest.raises(ConfigurationError, match="engine_cpus"):
        _check(**NO_CORES)
    assert looks == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"query": "pairs", "engines": ["spark", "baseline"]}, "baseline does not have the query 'pairs'"),
        ({"engines": ["spark", "flink"], "cluster": True}, "starts one for it"),
    ],
)
def test_a_cluster_is_asked_when_nothing_else_is_wrong(
    nobody_listens: dict[str, Any], keys: dict[str, Any], told: str
) -> None:
    with pytest.raises((ConfigurationError, UsageError), match=told):
        _check(**nobody_listens | keys)
    with pytest.raises(ServiceError, match="does not answer"):
        _check(**nobody_listens)


def test_no_cluster_is_asked_before_secrets_were_looked_for(nobody_listens: dict[str, Any]) -> None:
    settings = nobody_listens["engine_settings"] | {"flink": {"conf": {"s3.secret.key": "x"}}}
    with pytest.raises(UsageError, match="looks like a secret"):
        _check(engines=["spark", "flink"], engine_settings=settings)
