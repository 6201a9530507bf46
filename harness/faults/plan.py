"""Which faults are due when: by a scenario's list, or drawn at random from a seed."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.errors import UsageError
from harness.faults.catalogue import BY_NAME, FAULTS, GENERATOR, TICKS_S, needs

#: From the start of the measured time, or the end of a fault and its recovery, to the next fault, at least.
CALM_BEFORE_S = 4.0
#: How much later a fault may begin, and how much longer or shorter it may be, as the seed says.
SPREAD_S = 1.0
SPREAD_SHARE = 0.2


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade starts in place of what ran.

    Attributes:
        engine: its name, as ``NAME@VERSION`` if it is not the default version.
        version: which it has to say that it is; empty if nobody can tell.
        settings: all of the engine's own that are set, those from before with them.
        told: what of this is other than before, in words.
    """

    engine: str
    version: str
    settings: Mapping[str, Any]
    told: str


@dataclass(frozen=True)
class Change:
    """What is other than before when an operation starts the engine again.

    Attributes:
        parallelism: of the job; None for the one from before.
        upgrades: by contestants' names.
        unable: why there is nothing to upgrade to, by the names of the contestants of which that is so.
    """

    parallelism: int | None = None
    upgrades: Mapping[str, Upgrade] = field(default_factory=dict)
    unable: Mapping[str, str] = field(default_factory=dict)

    def told(self, contestant: str) -> str | None:
        """What is other than before for a contestant, in words; None if nothing is."""
        if self.parallelism is not None:
            return f"parallelism {self.parallelism}"
        return self.upgrades[contestant].told if contestant in self.upgrades else None


UNCHANGED = Change()


@dataclass(frozen=True)
class DueFault:
    """A fault or operation to come: seconds after the start of the measured time, and how long it lasts.

    Of an operation, that is the longest that the engine may take to stop.
    """

    fault: str
    at_s: float
    duration_s: float
    change: Change = UNCHANGED

    @property
    def healed_s(self) -> float:
        """When it is to be healed."""
        return self.at_s + self.duration_s


def make_plan(
    seed: int, names: Sequence[str], per_trial: int, changes: Mapping[str, Change] | None = None
) -> list[list[DueFault]]:
    """The faults called `names`, each once, in trials of up to `per_trial`: order and times as the seed says.

    The times are the earliest, as if each were recovered from at once: see `put_off`. One that needs the archive has a
    trial of its own. `changes` are those of operations, by their names.
    """
    dice = random.Random(f"faults {seed}")
    order = sorted(names)
    dice.shuffle(order)
    archived = [[name] for name in order if BY_NAME[name].archive]
    others = [name for name in order if not BY_NAME[name].archive]
    trials = [others[at : at + per_trial] for at in range(0, len(others), per_trial)] + archived
    return [_trial(dice, trial, changes or {}) for trial in trials]


def _trial(dice: random.Random, names: Sequence[str], changes: Mapping[str, Change]) -> list[DueFault]:
    planned, t_s = [], 0.0
    for name in names:
        at_s = round(t_s + CALM_BEFORE_S + dice.uniform(0, SPREAD_S), 1)
        # An operation is over when the engine has stopped; this is the longest that may take.
        spread = 0.0 if BY_NAME[name].operation else SPREAD_SHARE
        duration_s = round(BY_NAME[name].duration_s * dice.uniform(1 - spread, 1 + spread), 1)
        planned.append(DueFault(name, at_s, duration_s, changes.get(name, UNCHANGED)))
        t_s = at_s + duration_s
    return planned


def possible(names: Iterable[str], *, cluster: bool) -> list[str]:
    """Those of the faults called `names` that go with clusters, or without."""
    return [name for name in names if not (BY_NAME[name].single if cluster else BY_NAME[name].cluster)]


def check_place(names: Iterable[str], *, cluster: bool) -> None:
    """Make sure that all the faults called `names` go with clusters, or without.

    Raises:
        UsageError: one does not.
    """
    names = list(names)
    for name in sorted(set(names) - set(possible(names, cluster=cluster))):
        option = "--operation" if BY_NAME[name].operation else "--fault"
        if cluster:
            raise UsageError(
                f"{option}: {name} takes the engine for one process, or Kafka for one broker, and there is a cluster",
                fix=f"leave {name} out, or --cluster; {', '.join(possible(BY_NAME, cluster=True))} go with clusters",
            )
        raise UsageError(f"{option}: {name} harms a cluster, and there is none", fix="give --cluster, too")


def anywhere(*, archive: bool) -> list[str]:
    """Names of the faults that any engine can have, in a trial that does `archive` its input or does not.

    A clock that steps is left out: the way of records is not taken apart into hops then.
    """
    special = {
        fault.name
        for fault in FAULTS
        if fault.jvm or fault.fails_tasks or fault.cluster or needs(GENERATOR, [fault.name])
    }
    return [fault.name for fault in FAULTS if fault.name not in special and (archive or not fault.archive)]


def room_s(name: str) -> float:
    """How much time a fault that is drawn at random takes up, at the most: to begin, to last, and to recover."""
    return SPREAD_S + BY_NAME[name].duration_s * (1 + SPREAD_SHARE) + BY_NAME[name].recovery_s


def draw_plan(seed: int, names: Sequence[str], count: int, start_s: float, end_s: float) -> list[DueFault]:
    """`count` faults, one in each of as many equal stretches of the time from `start_s` to `end_s`, with its recovery.

    Each of `names` comes once before any comes again. All else is as the seed says.

    Raises:
        ValueError: so many do not fit; it says how many do.
    """
    stretch_s, needed_s = (end_s - start_s) / count, max(map(room_s, names))
    if stretch_s < needed_s:
        raise ValueError(
            f"{count:,} random faults need {start_s + count * needed_s:,.0f} s, and there are {end_s:,.0f} s, "
            f"enough for {max(0, int((end_s - start_s) / needed_s)):,}"
        )
    dice = random.Random(f"random faults {seed}")
    left: list[str] = []
    planned = []
    for number in range(count):
        if not left:
            left = sorted(names)
            dice.shuffle(left)
        name = left.pop()
        spare_s = SPREAD_S + stretch_s - room_s(name)
        at_s = round(start_s + number * stretch_s + dice.uniform(0, spare_s), 1)
        duration_s = round(BY_NAME[name].duration_s * dice.uniform(1 - SPREAD_SHARE, 1 + SPREAD_SHARE), 1)
        planned.append(DueFault(name, at_s, duration_s))
    return planned


def put_off(planned: Sequence[DueFault], number: int, at_s: float) -> list[DueFault]:
    """The plan of a trial, with the fault of that number no earlier than `at_s`, and all after it later by as much."""
    later_s = max(0.0, at_s - planned[number].at_s)
    return [*planned[:number], *(replace(each, at_s=round(each.at_s + later_s, 3)) for each in planned[number:])]


def trial_s(planned: Sequence[DueFault], recover_within_s: float) -> int:
    """The longest measured time of a trial with these faults, in whole seconds, if each may take so long to recover."""
    waits_s = len(planned) * (recover_within_s + TICKS_S)
    return int(max((each.healed_s for each in planned), default=0) + waits_s + CALM_BEFORE_S) + 1
