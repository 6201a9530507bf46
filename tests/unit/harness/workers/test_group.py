"""Several processes of one worker tell together what one would tell: how they are started, heard and stopped.

The processes are fakes.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ServiceError
from harness.workers import group
from harness.workers.group import Fields, Group
from harness.workers.jobs import RedisWriterJob
from tests.builders.processes import Clock, FakeChild

JOB = RedisWriterJob(bootstrap_servers="", topic="", redis_url="", namespace="cdr", expire_s=60)


class Play(threading.Event):
    """Keeps what a group tells, and is what stops it: at each look, one of the `steps` is done, until none is left."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._steps = iter(steps)

    def send(self, kind: str, **fields: Any) -> None:
        """Keep one."""
        self.events.append((kind, fields))

    def wait(self, _timeout_s: float | None = None) -> bool:
        """Let something happen."""
        step = next(self._steps, self.set)
        step()
        return self.is_set()


class Children:
    """Starts fakes, which are ready at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.started: list[FakeChild] = []
        monkeypatch.setattr(group, "start_worker", self._start)

    def _start(self, worker: str, _job: RedisWriterJob, _directory: Path, *, name: str) -> FakeChild:
        child = FakeChild(name.replace("_", " "), self.clock)
        assert name == f"{worker}_{len(self.started)}"
        child.tell("ready", version="8", config={"of": worker})
        child.process.on_term = lambda: child.end(total=7)
        self.started.append(child)
        return child

    def tell(self, number: int, **fields: Any) -> None:
        """Let one tell of its progress, a moment later than what was told before."""
        self.clock.sleep(0.5)
        self.started[number].tell("progress", **fields)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Children:
    return Children(monkeypatch)


def _kept(told: Sequence[Sequence[Fields]]) -> dict[str, Any]:
    return {"told": [[event["total"] for event in events] for events in told]}


def test_they_tell_once_each_has_told_anew_and_nothing_that_one_has_told_is_lost(
    tmp_path: Path, children: Children
) -> None:
    order = [(0, 1), (0, 2), (1, 3), (0, 4), (0, 5), (1, 6), (1, 7)]
    play = Play(*(partial(children.tell, number, total=total) for number, total in order))
    ended = Group("redis_writer", [JOB, JOB], tmp_path, _kept).run(play, play)  # type: ignore[arg-type]
    assert play.events == [
        ("ready", {"version": "8", "config": {"of": "redis_writer", "processes": 2}}),
        ("progress", {"told": [[1, 2], [3]]}),
        ("progress", {"told": [[4, 5], [6]]}),
    ]
    assert ended == [{"total": 7}, {"total": 7}]


def test_what_one_told_in_the_end_holds_while_others_go_on(tmp_path: Path, children: Children) -> None:
    play = Play(lambda: children.started[0].end(total=9), lambda: children.tell(1, total=1))
    Group("archiver", [JOB, JOB], tmp_path, _kept).run(play, play)  # type: ignore[arg-type]
    assert play.events[1:] == [("progress", {"told": [[9], [1]]})]


def test_one_that_dies_is_named_and_the_others_are_ended(tmp_path: Path, children: Children) -> None:
    play = Play(lambda: children.started[1].fail("Redis is full"))
    with pytest.raises(ServiceError, match="probe 1 failed: Redis is full"):
        Group("probe", [JOB, JOB, JOB], tmp_path, _kept).run(play, play)  # type: ignore[arg-type]
    assert not any(child.is_running for child in children.started)
