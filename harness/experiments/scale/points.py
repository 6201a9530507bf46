"""Which points a scaling measures, and in which order: a pure function of its levels."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from harness.results.scale import FIELDS, Dimension, ScalePoint

#: The base point is measured again after so many others.
CONTROL_EVERY = 4

Levels = dict[Dimension, list[int | str]]


@dataclass(frozen=True)
class PlannedPoint:
    """A trial to come: the engine, and the point."""

    engine: str
    point: ScalePoint


def base_point(levels: Levels, usual: ScalePoint) -> ScalePoint:
    """The point that all others differ from: `usual` where its level is among `levels`, else the middle of them."""
    chosen = {}
    for dimension, values in levels.items():
        own = getattr(usual, FIELDS[dimension])
        chosen[FIELDS[dimension]] = own if own in values else values[(len(values) - 1) // 2]
    return ScalePoint(**chosen)


def points(levels: Levels, base: ScalePoint, *, full: bool) -> list[ScalePoint]:
    """All points but the base: each of its levels in one dimension replaced by another, or every combination."""
    if full:
        found = [ScalePoint(**dict(zip(FIELDS.values(), each, strict=True))) for each in product(*_ordered(levels))]
    else:
        found = [base.model_copy(update={FIELDS[name]: value}) for name in FIELDS for value in levels[name]]
    return [each for each in dict.fromkeys(found) if each != base]


def _ordered(levels: Levels) -> list[list[int | str]]:
    return [levels[dimension] for dimension in FIELDS]


def plan(levels: Levels, base: ScalePoint, engines: Sequence[str], seed: int, *, full: bool) -> list[PlannedPoint]:
    """The trials in their order.

    Points are shuffled by the seed, so that no dimension rises with time. The base comes first and last, and after
    every `CONTROL_EVERY` points: what differs between its trials is the machine's doing. At each point all engines
    have their turn, forwards and backwards in turn.
    """
    others = points(levels, base, full=full)
    random.Random(seed).shuffle(others)
    order = [base]
    for at in range(0, len(others), CONTROL_EVERY):
        order += [*others[at : at + CONTROL_EVERY], base]
    if not others:
        order = [base]
    return [
        PlannedPoint(engine, point)
        for number, point in enumerate(order)
        for engine in (engines if number % 2 == 0 else reversed(engines))
    ]
