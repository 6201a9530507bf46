"""Counts such as the workload brings: each cell's is Poisson distributed around its share of the rate."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from viewer.cells import NUMBERS
from workloads.california import CALL_SHARE, COUNTIES, OPERATOR_SHARES

EPOCH_S = 1_767_225_600

_SHARES_OF_TYPES = {"call": CALL_SHARE, "text": 1 - CALL_SHARE}
_SHAPE = (len(COUNTIES), len(OPERATORS), len(TYPES))


class Traffic:
    """Counts of second after second; the same seed makes the same ones."""

    def __init__(self, rate_records_per_s: float = 6000, *, seed: int = 1) -> None:
        """Make counts that add up to `rate_records_per_s`, on average."""
        populations = np.array([county.population for county in COUNTIES], dtype=np.float64)
        operators, types = np.array(OPERATOR_SHARES), np.array([_SHARES_OF_TYPES[name] for name in TYPES])
        weights = populations[:, None, None] * operators[:, None] * types
        self._means = rate_records_per_s * weights / weights.sum()
        self._made = np.random.default_rng(seed)

    def second(self, number: int, factors: Mapping[str, float] | None = None) -> dict[bytes, bytes]:
        """One transaction for `Writer.write`: the counts of second `number` since `EPOCH_S`, without those that are 0.

        Args:
            number: which second.
            factors: by how much counties, by name, have more than their share.
        """
        by_county = [(factors or {}).get(county.name, 1.0) for county in COUNTIES]
        counts: NDArray[np.int64] = self._made.poisson(self._means * np.array(by_county)[:, None, None])
        assert counts.shape == _SHAPE
        cells = zip(NUMBERS, counts.ravel().tolist(), strict=True)
        return {b"%d|%b" % (EPOCH_S + number, name): b"%d" % count for name, count in cells if count}
