"""Hazelcast's launcher replaces a member that is lost, counts what was run again, and lets no loss of all pass."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders.engine_modules import engine_module
from tests.builders.jobs import make_job

main = engine_module("hazelcast", "main")
Member = main.Member


class FakeMember:
    """A member without a process."""

    started: list["FakeMember"]

    def __init__(self, argv: list[str]) -> None:
        number = len(FakeMember.started) + 1
        self.joins = argv[-1] if argv[-1].startswith("127.0.0.1:") else ""
        self.told: dict[str, Any] = {"address": f"127.0.0.1:{number}"}
        self.is_alive = True
        self.orders: list[str] = []
        FakeMember.started.append(self)

    @property
    def is_running(self) -> bool:
        return self.told.get("status") == "RUNNING"

    def run(self, execution: int, read: int = 0) -> None:
        """The job runs on it."""
        self.told |= {"status": "RUNNING", "execution": execution, "records_in": read, "malformed": 1, "late": 2}

    def order(self, word: str) -> None:
        self.orders.append(word)
        if word == "suspend":
            self.told["status"] = "SUSPENDED"

    def kill(self) -> None:
        self.is_alive = False

    def finish(self) -> None:
        self.is_alive = False


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    FakeMember.started = []
    monkeypatch.setattr(main, "Member", FakeMember)
    yield


def _members(tmp_path: Path, *, restarts_tasks: bool = True) -> Any:
    """Two members on which the job runs, for the first time."""
    job = make_job(
        allowed_lateness_ms=5000,
        parallelism=2,
        checkpoint_dir=str(tmp_path),
        restarts_tasks=restarts_tasks,
        settings=main.DEFAULT_SETTINGS,
    )
    members = main.Members(job, tmp_path / "job.json")
    members.start()
    members.look_after()
    for each in FakeMember.started:
        each.run(7, read=10)
    members.look_after()
    return members


def test_the_second_member_joins_the_first_by_its_address(tmp_path: Path) -> None:
    _members(tmp_path)
    assert [each.joins for each in FakeMember.started] == ["", "127.0.0.1:1"]


def test_the_member_that_leads_is_lost_and_another_one_joins_the_one_that_is_left(tmp_path: Path) -> None:
    members = _members(tmp_path)
    members.lose_one()
    members.look_after()
    first, second, third = FakeMember.started
    assert not first.is_alive and second.is_alive
    assert third.joins == "127.0.0.1:2"


def test_the_last_member_is_not_killed_on_an_order(tmp_path: Path) -> None:
    members = _members(tmp_path)
    members.lose_one()
    members.lose_one()
    assert len(members.living) == 1


def test_a_restart_is_an_execution_that_runs_after_the_first_one(tmp_path: Path) -> None:
    members = _members(tmp_path)
    assert members.totals()["task_restarts"] == 0
    members.lose_one()
    members.look_after()
    assert members.totals()["task_restarts"] == 0
    FakeMember.started[1].run(8, read=15)
    members.look_after()
    assert members.totals()["task_restarts"] == 1


def test_totals_keep_what_a_lost_member_has_read(tmp_path: Path) -> None:
    members = _members(tmp_path)
    members.lose_one()
    members.look_after()
    assert members.totals() == {"records_in": 20, "malformed": 2, "late": 4, "task_restarts": 0}


def test_the_loss_of_both_members_is_the_end_of_the_job(tmp_path: Path) -> None:
    members = _members(tmp_path)
    for each in FakeMember.started:
        each.kill()
    with pytest.raises(RuntimeError, match="no member is left"):
        members.look_after()


def test_a_lost_member_is_a_failure_of_a_job_that_runs_nothing_again(tmp_path: Path) -> None:
    members = _members(tmp_path, restarts_tasks=False)
    members.lose_one()
    with pytest.raises(RuntimeError, match="a member has died"):
        members.look_after()


def test_a_job_that_has_failed_ends_the_engine_with_its_error(tmp_path: Path) -> None:
    members = _members(tmp_path)
    FakeMember.started[1].told["error"] = "Kafka has refused a message"
    with pytest.raises(RuntimeError, match="refused"):
        members.look_after()


def test_the_job_is_suspended_once_before_the_members_end(tmp_path: Path) -> None:
    members = _members(tmp_path)
    members.stop()
    assert [each.orders for each in FakeMember.started] == [["suspend", "end"], ["end"]]
    assert not members.living


def test_a_job_that_cannot_be_suspended_is_not_passed_for_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = _members(tmp_path)
    monkeypatch.setattr(FakeMember, "order", lambda _self, _word: None)
    monkeypatch.setattr(main, "STOP_TIMEOUT_S", 0.0)
    with pytest.raises(RuntimeError, match="RUNNING"):
        members.stop()


def test_a_job_whose_status_is_not_known_is_not_passed_for_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = _members(tmp_path)
    FakeMember.started[0].told["status"] = ""
    monkeypatch.setattr(FakeMember, "order", lambda _self, _word: None)
    monkeypatch.setattr(main, "STOP_TIMEOUT_S", 0.0)
    with pytest.raises(RuntimeError, match="not known of"):
        members.stop()


def test_a_member_tells_its_last_before_it_is_finished() -> None:
    script = "import sys; sys.stdin.readline(); print('{\"records_in\": 5}')"
    member = Member([sys.executable, "-c", script])
    member.order("end")
    member.finish()
    assert member.told == {"records_in": 5}
