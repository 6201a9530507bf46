"""What of Ringbench's could not be taken out of a service: told by name, and not by an error that hides another one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: So many names are told of those that have stayed for one reason.
NAMES_TOLD = 20


@dataclass(frozen=True)
class Left:
    """Something of Ringbench's that is still there.

    Attributes:
        kind: what it is, in the singular, such as ``topic``.
        name: what it is called.
        why: why it was not deleted.
    """

    kind: str
    name: str
    why: str


def told(left: Iterable[Left]) -> Iterator[str]:
    """What to tell of it: a line for each kind and reason, with the names."""
    names: dict[tuple[str, str], list[str]] = {}
    for each in left:
        names.setdefault((each.kind, each.why), []).append(each.name)
    for (kind, why), found in names.items():
        more = f" and {len(found) - NAMES_TOLD:,} more" if len(found) > NAMES_TOLD else ""
        yield f"left behind, {kind}: {', '.join(found[:NAMES_TOLD])}{more} ({why})"
