"""The Redis keys of the counts, the stream entry that describes a transaction, and the transaction itself.

Under a namespace (``cdr`` unless the Redis is shared): one hash per window, ``NAMESPACE:w:WINDOW_S``, with fields
``COUNTY_FIPS|OPERATOR|TYPE``, and the stream ``NAMESPACE:updates``, appended in the same transaction as the hashes it
describes. An entry's one field, ``u``, holds a line ``WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE=COUNT`` for each change.
``NAMESPACE:position`` says, in the same transaction, up to which offsets the aggregates topic has been applied; an
engine that writes Redis itself has no such topic, and leaves it out.
"""

from collections.abc import Mapping

UPDATES_FIELD = b"u"
#: The stream is trimmed to about so many entries.
STREAM_LENGTH = 100_000

#: A Redis command: its name and arguments.
Command = tuple[str | bytes | int, ...]


def window_key(namespace: str, window_s: int | str) -> str:
    """Name of the hash that holds a window's counts."""
    return f"{namespace}:w:{window_s}"


def updates_key(namespace: str) -> str:
    """Name of the stream of updates."""
    return f"{namespace}:updates"


def position_key(namespace: str) -> str:
    """Name of the string that holds how far the aggregates topic has been applied: offsets by partition, as JSON."""
    return f"{namespace}:position"


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


def transaction(counts: Mapping[bytes, bytes], namespace: str, expire_s: int) -> list[Command]:
    """What makes `counts` visible: the commands between MULTI and EXEC, the stream's entry last.

    Args:
        counts: aggregate keys and absolute counts, at least one, as they stand in the aggregates topic.
        namespace: what all keys start with.
        expire_s: for how long Redis keeps a window that changes no more.
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
    entry = (UPDATES_FIELD, encode_updates(counts))
    return [*commands, ("XADD", updates_key(namespace), "MAXLEN", "~", STREAM_LENGTH, "*", *entry)]
