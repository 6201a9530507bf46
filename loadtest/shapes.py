"""Load shapes: how many users watch at which time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from locust import LoadTestShape

from harness.live_map.user_experience import ExperienceBounds, together, why_not_held
from harness.numerics.search import Answer, Attempt, Next, Plan, next_step
from loadtest.curves import CURVES
from loadtest.meter import Meter

#: After a change of the number of users, so long nothing is judged.
SETTLE_S = 3
#: Users that do not come within so long will not come.
SPAWN_DEADLINE_S = 60


@dataclass(frozen=True)
class Hold:
    """A stretch of time with a constant number of users, in seconds since the Unix epoch."""

    users: int
    start_s: float
    end_s: float


class Shape(LoadTestShape):
    """A load test whose course is a generator of numbers of users, one each second.

    Attributes:
        is_over: whether the course has ended. The users stay, so that they can be asked what they see.
        is_holding: whether all users are there, and what they experience counts.
        holds: the stretches of constant load so far.
        answer: what a search has found.
        attempts: what a search has tried.
    """

    def __init__(self, spawn_rate: float, course: "Callable[[Shape], Iterator[int]]") -> None:
        super().__init__()
        self.is_over = False
        self.is_holding = False
        self.holds: list[Hold] = []
        self.answer: Answer | None = None
        self.attempts: list[Attempt] = []
        self._spawn_rate = spawn_rate
        self._course = course(self)
        self._users = 1

    def tick(self) -> tuple[int, float]:
        """See Locust's documentation."""
        users = next(self._course, None)
        self.is_over = users is None
        self._users = users or self._users
        return self._users, self._spawn_rate

    @property
    def present(self) -> int:
        """How many users there are."""
        return int(self.get_current_user_count())


def constant(users: int, duration_s: int, meter: Meter) -> Callable[[Shape], Iterator[int]]:
    """As many all the time; the duration begins when all are there."""

    def course(shape: Shape) -> Iterator[int]:
        yield from _hold(shape, users, duration_s, meter)

    return course


def curve(kind: str, users: int, duration_s: int) -> Callable[[Shape], Iterator[int]]:
    """What `CURVES` says."""

    def course(_shape: Shape) -> Iterator[int]:
        start_s = time.monotonic()
        while (t_s := time.monotonic() - start_s) < duration_s:
            yield CURVES[kind](users, duration_s, t_s)

    return course


def search(plan: Plan, hold_s: int, bounds: ExperienceBounds, meter: Meter) -> Callable[[Shape], Iterator[int]]:
    """The greatest number of users that are held: see `harness.numerics.search`, with users in place of rates."""

    def course(shape: Shape) -> Iterator[int]:
        while isinstance(step := next_step(shape.attempts, plan), Next):
            yield from _hold(shape, step.rate, hold_s, meter)
            hold = shape.holds[-1]
            problem = why_not_held(together(meter.seconds, hold.start_s, hold.end_s), hold.users, bounds)
            shape.attempts.append(Attempt(step.kind, step.rate, not problem))
        shape.answer = step

    return course


def _hold(shape: Shape, users: int, duration_s: int, meter: Meter) -> Iterator[int]:
    """Come to `users`, settle, and hold them for `duration_s`."""
    deadline_s = time.monotonic() + SPAWN_DEADLINE_S
    while (shape.present != users or meter.present < users) and time.monotonic() < deadline_s:
        yield users
    for _ in range(SETTLE_S):
        yield users
    start_s = time.time()
    shape.is_holding = True
    while time.time() < start_s + duration_s:
        yield users
    shape.is_holding = False
    shape.holds.append(Hold(users, start_s, time.time()))


def make_shape(kind: str, meter: Meter, job: dict[str, Any]) -> Shape:
    """The shape called `kind`: constant, one of `CURVES`, or search; `job` is the load test's (see `loadtest.main`).

    Raises:
        ValueError: there is no such shape.
    """
    users, duration_s, spawn_rate = job["users"], job["duration_s"], job["spawn_rate_users_per_s"]
    if kind == "constant":
        return Shape(spawn_rate, constant(users, duration_s, meter))
    if kind in CURVES:
        return Shape(spawn_rate, curve(kind, users, duration_s))
    if kind == "search":
        plan = Plan(start=users, lowest=1, highest=job["max_users"], resolution=job["resolution"])
        return Shape(spawn_rate, search(plan, job["hold_s"], ExperienceBounds(**job["bounds"]), meter))
    raise ValueError(f"no load shape {kind!r}; known: constant, {', '.join(CURVES)}, search")
