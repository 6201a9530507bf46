"""What was sent, and what the contract makes of it."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from engines.contract.aggregate import Cell, encode_key
from engines.contract.record import CALIFORNIA, Record, parse

#: A message to send: its partition, and its value; None for a tombstone.
Message = tuple[int, bytes | None]

#: The length of calls that end in another second, and another minute, than they begin in.
CALL_MS = 65_432


def line(end_ms: int, county: str = "06001", *, operator: str = "Verizon", call_ms: int = CALL_MS) -> bytes:
    """A well-formed line of a call that ends at `end_ms`, in milliseconds since the Unix epoch."""
    return f"+12137168280,+12136305790,{county},{end_ms - call_ms},{end_ms},call,{operator}".encode("ascii")


def key_of(record: Record) -> bytes:
    """The aggregates' key that `record` counts for."""
    return encode_key(Cell(record.window_s, record.location, record.operator, record.type))


@dataclass
class Ledger:
    """What was sent so far.

    Attributes:
        locations: the set that decides what is well formed.
        lines: all of them, in order; a tombstone is an empty line.
        counts: by key, how many records are to be counted.
        dead_letters: malformed lines, and how often each was sent.
    """

    locations: str = CALIFORNIA
    lines: list[bytes] = field(default_factory=list)
    counts: Counter[bytes] = field(default_factory=Counter)
    dead_letters: Counter[bytes] = field(default_factory=Counter)

    def add(self, messages: Iterable[Message]) -> None:
        """Note that `messages` were sent."""
        for _, value in messages:
            self._take(value or b"")

    def _take(self, sent: bytes) -> None:
        self.lines.append(sent)
        if record := parse(sent, self.locations):
            self.counts[key_of(record)] += 1
        else:
            self.dead_letters[sent] += 1

    def lines_of(self, key: bytes) -> list[bytes]:
        """The lines that count for `key`."""
        found = ((each, parse(each, self.locations)) for each in self.lines)
        return [each for each, record in found if record and key_of(record) == key]

    def counts_if(self, read: Callable[[bytes], bytes | None]) -> Counter[bytes]:
        """What the counts would be if `read` told the key of each line, None for none."""
        return Counter(key for each in self.lines if (key := read(each)) is not None)
