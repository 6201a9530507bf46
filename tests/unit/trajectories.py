"""Counts told to trajectories one by one."""

import numpy as np

from harness.changes import Changes
from harness.trajectory import Trajectories
from workloads.cells import CELLS


def tell(
    followed: Trajectories, window_s: int, cell: int, count: int, at_ms: int, cell_count: int = len(CELLS)
) -> bool:
    """Tell that `cell` of a window counts `count` since `at_ms`. Returns whether that showed the last record of it."""
    codes = np.array([window_s * cell_count + cell])
    return followed.update(Changes(codes, np.array([count]), np.array([at_ms]))).complete == [window_s]
