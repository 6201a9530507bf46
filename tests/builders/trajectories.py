"""Counts told to trajectories, one by one or many at once."""

from collections.abc import Mapping

import numpy as np

from engines.contract.aggregate import Cell
from harness.measurement.changes import Changes
from harness.measurement.trajectory import Trajectories
from workloads.cells import CELLS
from workloads.locations import Locations


def tell(
    followed: Trajectories, window_s: int, cell: int, count: int, at_ms: int, cell_count: int = len(CELLS)
) -> bool:
    """Tell that `cell` of a window counts `count` since `at_ms`. Returns whether that showed the last record of it."""
    codes = np.array([window_s * cell_count + cell])
    return followed.update(Changes(codes, np.array([count]), np.array([at_ms]))).complete == [window_s]


def changes_to(counts: Mapping[Cell, int], locations: Locations, at_ms: int) -> Changes:
    """Changes that tell all `counts` of cells of `locations` at `at_ms`."""
    codes = [cell.window_s * locations.cell_count + locations.numbers["|".join(cell[1:]).encode()] for cell in counts]
    return Changes(
        np.array(codes, dtype=np.int64), np.array(list(counts.values()), dtype=np.int64), np.full(len(counts), at_ms)
    )
