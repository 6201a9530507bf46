"""What the page is to show of what Redis holds."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from engines.contract.record import OPERATORS, TYPES
from tests.integration.browsers import NAMES, LiveMap
from tests.integration.traffic import Traffic
from tests.integration.viewers import Counts, Writer, in_redis
from viewer.cells import CELLS_PER_WINDOW
from workloads.california import COUNTIES

#: The page's rates are means over so many windows, of which the newest is so far behind the newest of all.
RATE_WINDOWS = 5
FINISHED_BEHIND_S = 3
FRESNO, KERN = NAMES.index("Fresno"), NAMES.index("Kern")
SHAPE = (len(COUNTIES), len(OPERATORS), len(TYPES))


def write_seconds(writer: Writer, traffic: Traffic, first: int, last: int, **factors: float) -> None:
    """Write seconds from `first` up to but without `last`, each in a transaction of its own; see `Traffic.second`."""
    for number in range(first, last):
        writer.write(traffic.second(number, factors))


def by_fips(counts: Counts) -> dict[str, int]:
    """Sums by county's FIPS code."""
    sums = {county.fips: 0 for county in COUNTIES}
    for (_, cell), count in counts.items():
        sums[COUNTIES[cell * len(COUNTIES) // CELLS_PER_WINDOW].fips] += count
    return sums


def converges(page: LiveMap, redis_url: str, namespace: str) -> None:
    """The page comes to have exactly what Redis has, in every county."""
    expected = by_fips(in_redis(redis_url, namespace))
    page.wait_for("every county's count is that of Redis", lambda: page.counts() == expected)


def rates(counts: Counts, operator: int | None, kind: int | None) -> list[float]:
    """Records per second by county, of one operator or type or (None) of all."""
    newest_s = max(window_s for window_s, _ in counts) - FINISHED_BEHIND_S
    sums = np.zeros(SHAPE, dtype=np.int64)
    for (window_s, cell), count in counts.items():
        if newest_s - RATE_WINDOWS < window_s <= newest_s:
            sums.ravel()[cell] += count
    chosen = sums[:, slice(None) if operator is None else [operator], :]
    chosen = chosen[:, :, slice(None) if kind is None else [kind]]
    found: list[float] = (chosen.sum(axis=(1, 2)) / RATE_WINDOWS).tolist()
    return found


def per_capita(rates: list[float]) -> list[float]:
    """Rates per 100,000 inhabitants."""
    return [rate * 100_000 / county.population for rate, county in zip(rates, COUNTIES, strict=True)]


def rounded(value: float, digits: int) -> str:
    """`value` in decimal, as JavaScript rounds it."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def rate_text(value: float) -> str:
    """What the page writes for a rate."""
    return f"{Decimal(rounded(value, 0)):,}" if value >= 100 else rounded(value, 1 if value >= 10 else 2)


def z_text(value: float) -> str:
    """What the page writes for a z-score."""
    digits = rounded(abs(value), 1)
    return digits if digits == "0.0" else ("\N{MINUS SIGN}" if value < 0 else "+") + digits
