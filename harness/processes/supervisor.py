"""Starts again what dies of a fault, as a supervisor in production would, and notes each restart."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.processes.child import Child

RESTART_AFTER_S = 1.0
#: A process that dies so often has not survived.
MOST_RESTARTS = 5


@dataclass
class Restart:
    """One restart of a child; seconds after the start of the measured time.

    Attributes:
        name: of the process group.
        reason: what is known of its death, or why it was stopped.
        died_s: when it was seen dead.
        started_s: when it was started again; None if it was not.
        ready_s: when it was ready; None if it was not.
        planned: whether it was stopped on purpose.
    """

    name: str
    reason: str
    died_s: float
    started_s: float | None = None
    ready_s: float | None = None
    planned: bool = False


@dataclass
class Supervisor:
    """Watches over some children of a trial.

    Attributes:
        children: the trial's children by name; a restarted one takes the place of the dead one.
        starters: how to start each of those that are watched over.
        restarts: all restarts so far.
    """

    children: dict[str, Child]
    starters: dict[str, Callable[[], Child]]
    restarts: list[Restart] = field(default_factory=list)
    _held: dict[str, str] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)

    def hold(self, name: str, planned: str = "") -> None:
        """Do not start `name` again until `release`, if it dies: what makes it die goes on.

        `planned` is why it is being stopped, if that is on purpose.
        """
        self._held[name] = planned

    def release(self, name: str) -> None:
        """Start `name` again, at once if it is dead."""
        self._held.pop(name, None)
        if name in self._due:
            self._due[name] = time.monotonic()

    def look(self, t_s: float) -> str:
        """Note who has died and who is ready, start who is to be started. Returns why to give up, or ""."""
        for name, starter in self.starters.items():
            child = self.children[name]
            restart = self._last(name)
            if restart and restart.started_s is not None and restart.ready_s is None and child.last("ready"):
                restart.ready_s = t_s
            if name in self._due:
                if name not in self._held and time.monotonic() >= self._due[name]:
                    del self._due[name]
                    child.stop()
                    self.children[name] = starter()
                    assert restart
                    restart.started_s = t_s
            elif not child.is_running:
                if sum(each.name == name and not each.planned for each in self.restarts) >= MOST_RESTARTS:
                    return f"{child.death()}; it had been restarted {MOST_RESTARTS} times"
                reason = self._held.get(name, "")
                self.restarts.append(Restart(name, reason or child.death().splitlines()[0], t_s, planned=bool(reason)))
                self._due[name] = time.monotonic() + RESTART_AFTER_S
        return ""

    def is_dead(self, name: str) -> bool:
        """Whether `name` was seen dead, and has not been started again."""
        return name in self._due

    def is_down(self, name: str) -> bool:
        """Whether `name` is dead, or was started again and is not ready yet."""
        return name in self._due or (name in self.starters and not self.children[name].last("ready"))

    def _last(self, name: str) -> Restart | None:
        return next((each for each in reversed(self.restarts) if each.name == name), None)
