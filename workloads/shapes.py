"""Shapes of the rate over time: what it is multiplied by in each second. The shapes of one profile multiply each other.

Times count from the start of the measured time. Factors are exact fractions, and whatever takes more than arithmetic is
rounded first, so that they mean the same on every machine.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from typing import Any, Protocol

import numpy as np

_WORD_BITS = 53  # of a random word's 64: as many as a double holds
_COSINE_DIGITS = 9


class Shape(Protocol):
    """What the rate is multiplied by, second by second."""

    def factors(self, measured_s: int, key: int, /) -> list[Fraction]:
        """The factor of each second of a measured time of `measured_s` whole seconds.

        Args:
            measured_s: length of the list that is returned.
            key: of 128 bits, where randomness comes from; another one for each shape of a profile.
        """


@dataclass(frozen=True)
class Ramp:
    """A straight line from one factor to another, which hold before and after it; a second has its mean over the line.

    Attributes:
        from_factor, to_factor: at the line's ends.
        at_s: when it begins.
        duration_s: its length; None for up to the end of the measured time.
    """

    from_factor: float
    to_factor: float
    at_s: int = 0
    duration_s: int | None = None
    kind: str = "ramp"

    def factors(self, measured_s: int, _key: int) -> list[Fraction]:
        """See `Shape.factors`."""
        first, last = Fraction(self.from_factor), Fraction(self.to_factor)
        length_s = measured_s - self.at_s if self.duration_s is None else self.duration_s
        # The mean over a second is the value in its middle.
        places = (Fraction(2 * (second - self.at_s) + 1, 2 * length_s) for second in range(measured_s))
        return [first + (last - first) * min(max(place, Fraction(0)), Fraction(1)) for place in places]


@dataclass(frozen=True)
class Step:
    """`factor` from `at_s` on; before, 1."""

    at_s: int
    factor: float
    kind: str = "step"

    def factors(self, measured_s: int, _key: int) -> list[Fraction]:
        """See `Shape.factors`."""
        return [Fraction(self.factor) if second >= self.at_s else Fraction(1) for second in range(measured_s)]


@dataclass(frozen=True)
class Spike:
    """`factor` from `at_s` on for `duration_s`; before and after, 1."""

    at_s: int
    duration_s: int
    factor: float
    kind: str = "spike"

    def factors(self, measured_s: int, _key: int) -> list[Fraction]:
        """See `Shape.factors`."""
        inside = range(self.at_s, self.at_s + self.duration_s)
        return [Fraction(self.factor) if second in inside else Fraction(1) for second in range(measured_s)]


@dataclass(frozen=True)
class Diurnal:
    """Days of `day_s` seconds: a cosine from `trough_factor`, where each begins, up to 1 at noon, and down again."""

    day_s: int
    trough_factor: float = 0.2
    kind: str = "diurnal"

    def factors(self, measured_s: int, _key: int) -> list[Fraction]:
        """See `Shape.factors`."""
        trough = Fraction(self.trough_factor)
        turns = (2 * math.pi * (second + 0.5) / self.day_s for second in range(self.day_s))
        cosines = (Fraction(round(math.cos(turn), _COSINE_DIGITS)) for turn in turns)
        day = (trough + (1 - trough) * (1 - cosine) / 2 for cosine in cosines)
        return list(islice(cycle(day), measured_s))


@dataclass(frozen=True)
class Bursts:
    """1 while on and `off_factor` while off, in turn, on first, for whole seconds of Pareto's distribution.

    A time is 1 s and a Pareto variable of the second kind (Lomax), whose survival falls with the power `alpha`. It is
    rounded up or down at random, by its fraction, so that its mean stays; above 1, `alpha` gives it one.

    Attributes:
        on_mean_s, off_mean_s: means of the times, 1 or more.
        alpha: tail index, above 1; the smaller, the more of all time lies in a few long bursts.
        off_factor: of the time between bursts.
    """

    on_mean_s: float
    off_mean_s: float
    alpha: float = 1.5
    off_factor: float = 0.1
    kind: str = "bursts"

    def factors(self, measured_s: int, key: int) -> list[Fraction]:
        """See `Shape.factors`."""
        found: list[Fraction] = []
        for length_s, factor in zip(self.lengths_s(key), cycle((Fraction(1), Fraction(self.off_factor))), strict=False):
            found += [factor] * min(length_s, measured_s - len(found))
            if len(found) == measured_s:
                break
        return found

    def lengths_s(self, key: int) -> Iterator[int]:
        """Lengths of the times in seconds, on and off in turn, without end; for `key`, see `Shape.factors`."""
        bits = np.random.Philox(key=key)
        for mean_s in cycle((self.on_mean_s, self.off_mean_s)):
            survival, rounding = (int(word) >> (64 - _WORD_BITS) for word in bits.random_raw(2))
            scale_s = (mean_s - 1) * (self.alpha - 1)
            longer_s = scale_s * (((survival + 1) / 2**_WORD_BITS) ** (-1 / self.alpha) - 1)
            yield 1 + math.floor(longer_s + rounding / 2**_WORD_BITS)


#: Shapes by their kind.
SHAPES: dict[str, type[Ramp | Step | Spike | Diurnal | Bursts]] = {
    "ramp": Ramp,
    "step": Step,
    "spike": Spike,
    "diurnal": Diurnal,
    "bursts": Bursts,
}


def shape_from_json(found: dict[str, Any]) -> Shape:
    """The shape that `dataclasses.asdict` has made `found` of."""
    return SHAPES[found["kind"]](**found)


def profile_factors(shapes: Sequence[Shape], measured_s: int, seed: int) -> list[Fraction]:
    """The product of all `shapes`, for each second of a measured time of `measured_s` whole seconds.

    Args:
        shapes: of the profile; none for a constant rate.
        measured_s: length of the list that is returned.
        seed: of the workload, below 2^64.
    """
    product = [Fraction(1)] * measured_s
    for number, shape in enumerate(shapes, start=1):
        # Records draw with the seed alone as the key: no shape shares their numbers, nor another shape's.
        factors = shape.factors(measured_s, seed + (number << 64))
        product = [before * factor for before, factor in zip(product, factors, strict=True)]
    return product
