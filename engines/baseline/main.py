"""The baseline engine: one thread, with NumPy. What a cluster has to beat."""

import sys

from engine import DEFAULT_SETTINGS, run
from query import Query

from engines.contract.process import run_engine

if __name__ == "__main__":
    sys.exit(
        run_engine(
            DEFAULT_SETTINGS,
            lambda job, settings, events, stop: run(
                job, settings, events, stop, Query(job.allowed_lateness_ms, job.locations)
            ),
        )
    )
