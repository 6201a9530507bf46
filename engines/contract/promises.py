"""What an engine promises and takes, in words for readers: figures of engines that promise less say less.

An engine may tell it in ``ready``, as the key ``promises`` of its ``config``.
"""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Promises:
    """Short texts, quantities with their units.

    Attributes:
        delivery: how often a record counts, and an upsert is sent, across restarts.
        checkpoints: how often what a restart goes on from is kept, and where.
        state_kept: for how long a cell is remembered that gets no more records.
        upserts_joined: for how long, or of how many records, upserts of one cell are joined into one.
        heap: the greatest heap of its JVM; "none" without one.
    """

    delivery: str
    checkpoints: str
    state_kept: str
    upserts_joined: str
    heap: str = "none"

    def as_config(self) -> dict[str, dict[str, str]]:
        """What to add to the ``config`` of ``ready``."""
        return {"promises": asdict(self)}
