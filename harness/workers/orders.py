"""Orders to a worker at work: a file that appears whole, and that the worker looks at now and then."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

ORDERS_POLL_S = 0.02


@dataclass(frozen=True)
class Orders:
    """What a worker is to do from now on. A subclass has the fields; its defaults are what holds without a file."""

    def give(self, path: Path) -> None:
        """Write the orders to the file that the worker looks at; it appears whole."""
        part = path.with_name(f"{path.name}.part")
        part.write_text(json.dumps(asdict(self)), encoding="ascii")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The orders in the file, or the defaults if there is none."""
        return cls(**json.loads(path.read_text(encoding="ascii"))) if path.exists() else cls()


@dataclass(frozen=True)
class ClockOrders(Orders):
    """What the generator's wall clock shows: so many milliseconds more than the host's."""

    offset_ms: int = 0


@dataclass(frozen=True)
class EndOrders(Orders):
    """How many whole seconds of the load are sent, the warm-up's included; 0 for all of the workload."""

    total_s: int = 0
