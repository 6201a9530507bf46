"""What the synthetic engine does to each record, as a pure function of its settings and of what it has seen."""

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from engines.contract.aggregate import Cell, encode_key
from engines.contract.record import Record

DEFAULT_SETTINGS: dict[str, Any] = {
    # The delay, from a record's arrival to its count's leaving: "none", "constant", "bimodal", "pareto" or "uniform".
    "delay": "none",
    # constant, bimodal: the (usual) delay; pareto: the least; uniform: the greatest, from 0.
    "delay_ms": 0.0,
    # bimodal: the other delay, and how many in a million have it.
    "slow_ms": 0.0,
    "slow_per_million": 0,
    # pareto: the exponent, and where the tail is cut off.
    "pareto_shape": 1.5,
    "longest_ms": 5000.0,
    # All records of a cell have the same delay, and keep their order; or each has its own, and they overtake.
    "overtaking": False,
    # The records of this partition are held back for so much longer: a task that reads it lags. -1: of none.
    "slow_partition": -1,
    "slow_partition_ms": 0.0,
    # So many tasks share the partitions in turn, and the last of them stands still for so long, whenever event time has
    # gone on by so much: what comes to it meanwhile leaves at the end. 0: never.
    "tasks": 2,
    "task_stall_every_s": 0.0,
    "task_stall_s": 0.0,
    # Everything stands still once, for so long, when a record this long after the first one by event time arrives.
    "stall_after_s": 0.0,
    "stall_s": 0.0,
    # Every n-th well-formed record is not counted; is counted twice; is counted as a text though it is a call (every
    # n-th call). 0: none.
    "lose_every": 0,
    "double_every": 0,
    "miscount_every": 0,
    # Where the account of it goes; empty: nowhere.
    "account": "",
}


def draw(name: bytes) -> float:
    """A number from 0 to below 1 that depends on `name` only."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=6).digest()) / 2**48


def delay_ms(settings: dict[str, Any], share: float) -> float:
    """The quantile of the delay's distribution at `share`, 0 to below 1, in milliseconds.

    Raises:
        ValueError: the settings name no known distribution.
    """
    usual_ms: float = settings["delay_ms"]
    slow_ms: float = settings["slow_ms"]
    longest_ms: float = settings["longest_ms"]
    if settings["delay"] == "none":
        return 0.0
    if settings["delay"] == "constant":
        return usual_ms
    if settings["delay"] == "bimodal":
        return slow_ms if share * 1_000_000 < settings["slow_per_million"] else usual_ms
    if settings["delay"] == "pareto":
        return min(usual_ms * math.pow(1 - share, -1 / settings["pareto_shape"]), longest_ms)
    if settings["delay"] == "uniform":
        return usual_ms * share
    raise ValueError(f"engine synthetic: delay {settings['delay']!r}; give none, constant, bimodal, pareto or uniform")


@dataclass
class Faults:
    """How many records were lost, counted twice, and counted as of another type."""

    lost: int = 0
    doubled: int = 0
    miscounted: int = 0


class Injection:
    """Decides on one record after the other.

    Attributes:
        faults: what has been done so far.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        delay_ms(settings, 0.0)  # so that bad settings show before the first record
        self._settings = settings
        self._delays_ns: dict[Cell, int] = {}
        self._well_formed = self._calls = 0
        self._task_until_ns = 0  # when the task that stands still goes on
        self._first_ms = math.inf
        self.faults = Faults()

    def delay_ns(self, cell: Cell, line: bytes) -> int:
        """How long to hold the record in `line` back, in nanoseconds."""
        if self._settings["overtaking"]:
            return int(delay_ms(self._settings, draw(line)) * 1e6)
        if cell not in self._delays_ns:
            self._delays_ns[cell] = int(delay_ms(self._settings, draw(encode_key(cell))) * 1e6)
        return self._delays_ns[cell]

    def due_ns(self, now_ns: int, partition: int, cell: Cell, record: Record, line: bytes) -> int:
        """When a record that came from `partition` at `now_ns` is to leave; times are in ns since the Unix epoch.

        Records of a cell that come from one partition keep their order, unless they overtake.
        """
        due_ns = now_ns + self.delay_ns(cell, line)
        if partition == self._settings["slow_partition"]:
            due_ns += int(self._settings["slow_partition_ms"] * 1e6)
        return max(due_ns, self._task_goes_on_ns(now_ns, partition, record))

    def _task_goes_on_ns(self, now_ns: int, partition: int, record: Record) -> int:
        """When the task that reads `partition` works again; 0 if it does."""
        every_ms, stall_ms = (int(self._settings[each] * 1000) for each in ("task_stall_every_s", "task_stall_s"))
        tasks: int = self._settings["tasks"]
        if not every_ms or partition % tasks != tasks - 1:
            return 0
        left_ms = stall_ms - record.event_time_ms % every_ms
        if left_ms > 0 and now_ns >= self._task_until_ns:
            self._task_until_ns = now_ns + left_ms * 1_000_000
        return self._task_until_ns

    def take_stall_s(self, record: Record) -> float:
        """How long to stand still on seeing `record`, in seconds: the stall, once, else 0."""
        self._first_ms = min(self._first_ms, record.event_time_ms)
        after_s = (record.event_time_ms - self._first_ms) / 1000
        if not self._settings["stall_s"] or after_s < self._settings["stall_after_s"]:
            return 0.0
        stall_s: float = self._settings["stall_s"]
        self._settings = self._settings | {"stall_s": 0.0}
        return stall_s

    def count(self, record: Record) -> tuple[Cell, int]:
        """The cell that `record` is counted in, and how often."""
        self._well_formed += 1
        cell = Cell(record.window_s, record.location, record.operator, record.type)
        if self._is_nth("lose_every", self._well_formed):
            self.faults.lost += 1
            return cell, 0
        if self._is_nth("double_every", self._well_formed):
            self.faults.doubled += 1
            return cell, 2
        if record.type == "call":
            self._calls += 1
            if self._is_nth("miscount_every", self._calls):
                self.faults.miscounted += 1
                return cell._replace(type="text"), 1
        return cell, 1

    def _is_nth(self, setting: str, number: int) -> bool:
        every: int = self._settings[setting]
        return bool(every) and number % every == 0
