"""The Redis keys of the counts, the stream entry that describes a transaction, and the transaction itself.

Under a namespace (``cdr`` unless the Redis is shared): one hash per window, ``NAMESPACE:w:WINDOW_S``, with fields
``COUNTY_FIPS|OPERATOR|TYPE``, and the stream ``NAMESPACE:updates``, appended in the same transaction as the hashes it
describes. An entry's field ``u`` holds a line ``WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE=COUNT`` for each change.
Where several follow the stream and share the cells, a transaction may have an entry for each share, whose field ``s``
is the share's number: see `share_of`.
``NAMESPACE:position`` says, in the same transaction, up to which offsets the aggregates topic has been applied; an
engine that writes Redis itself has no such topic, and leaves it out. Of several writers, each has a position of its
own, with its number behind: ``NAMESPACE:position:K``.
"""

import zlib
from collections.abc import Mapping

UPDATES_FIELD = b"u"
SHARE_FIELD = b"s"
#: The stream is trimmed to about so many entries, for each share.
STREAM_LENGTH = 100_000

#: A Redis command: its name and arguments.
Command = tuple[str | bytes | int, ...]


def window_key(namespace: str, window_s: int | str) -> str:
    """Name of the hash that holds a window's counts."""
    return f"{namespace}:w:{window_s}"


def updates_key(namespace: str) -> str:
    """Name of the stream of updates."""
    return f"{namespace}:updates"


def position_key(namespace: str, writer: int | None = None) -> str:
    """Name of the string that holds how far the aggregates topic has been applied: offsets by partition, as JSON.

    Of several writers, each has the offsets of its own partitions, under its number.
    """
    return f"{namespace}:position" if writer is None else f"{namespace}:position:{writer}"


def share_of(cell: bytes, shares: int) -> int:
    """The number of the share that a cell is in, from 0, by its name: ``COUNTY_FIPS|OPERATOR|TYPE``.

    It does not depend on the window, so that who has a share knows which records of any window are to become visible.
    """
    return zlib.crc32(cell) % shares


def encode_updates(counts: Mapping[bytes, bytes]) -> bytes:
    """A stream entry's field from aggregate keys and counts, as they stand in the aggregates topic."""
    return b"\n".join(b"%b=%b" % each for each in counts.items())


def decode_updates(field: bytes) -> list[tuple[bytes, int]]:
    """Aggregate keys and counts from a stream entry's field.

    Raises:
        ValueError: the field is not a stream entry's.
    """
    pairs = (line.rpartition(b"=") for line in field.split(b"\n"))
    return [(key, int(count)) for key, _, count in pairs]


def transaction(counts: Mapping[bytes, bytes], namespace: str, expire_s: int, shares: int = 1) -> list[Command]:
    """What makes `counts` visible: the commands between MULTI and EXEC, the stream's entry last, or one for each share.

    Args:
        counts: aggregate keys and absolute counts, at least one, as they stand in the aggregates topic.
        namespace: what all keys start with.
        expire_s: for how long Redis keeps a window that changes no more.
        shares: among so many followers of the stream the cells are shared.
    """
    windows: dict[bytes, list[bytes]] = {}
    for key, count in counts.items():
        window_s, _, field = key.partition(b"|")
        fields = windows.get(window_s)
        if fields is None:
            fields = windows[window_s] = []
        fields += (field, count)
    commands: list[Command] = []
    for window_s, fields in windows.items():
        name = window_key(namespace, window_s.decode("ascii"))
        commands += [("HSET", name, *fields), ("EXPIRE", name, expire_s)]
    append = ("XADD", updates_key(namespace), "MAXLEN", "~", STREAM_LENGTH * shares, "*")
    return [*commands, *((*append, *entry) for entry in _entries(counts, shares))]


def _entries(counts: Mapping[bytes, bytes], shares: int) -> list[Command]:
    """The fields of the entries that describe a transaction."""
    if shares == 1:
        return [(UPDATES_FIELD, encode_updates(counts))]
    shared: dict[int, dict[bytes, bytes]] = {}
    for key, count in counts.items():
        shared.setdefault(share_of(key.partition(b"|")[2], shares), {})[key] = count
    return [(UPDATES_FIELD, encode_updates(own), SHARE_FIELD, number) for number, own in sorted(shared.items())]
