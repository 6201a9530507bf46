"""What was found that is Ringbench's, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.clients.left import Left

BYTES, RECORDS = "bytes", "records"
HERE = "here"


@dataclass(frozen=True)
class Find:
    """Something that a run, or another command, has left.

    Attributes:
        where: `HERE`, or the service that it is in.
        kind, name: what it is, and what it is called there.
        run_id: of the run that it is of; empty if it is not known, or of none.
        size, unit: how big it is, in bytes or records; None if it is not known, or has no size.
        kept: why it is not deleted; empty if it is to be.
    """

    where: str
    kind: str
    name: str
    run_id: str = ""
    size: int | None = None
    unit: str = BYTES
    kept: str = ""


class Place(Protocol):
    """Where runs leave something."""

    where: str

    def find(self) -> list[Find]:
        """What is there. Raises ServiceError if that cannot be told."""

    def remove(self, finds: Sequence[Find]) -> list[Left]:
        """Delete what was found. Returns what is still there."""
