"""The Redis keys that the writer makes, and the stream entry that describes a transaction.

Under a namespace (``cdr`` unless the Redis is shared): one hash per window, ``NAMESPACE:w:WINDOW_S``, with fields
``COUNTY_FIPS|OPERATOR|TYPE``, and the stream ``NAMESPACE:updates``, appended in the same transaction as the hashes it
describes. An entry's one field, ``u``, holds a line ``WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE=COUNT`` for each change.
``NAMESPACE:position`` says, in the same transaction, up to which offsets the aggregates topic has been applied.
"""

UPDATES_FIELD = b"u"


def window_key(namespace: str, window_s: int | str) -> str:
    """Name of the hash that holds a window's counts."""
    return f"{namespace}:w:{window_s}"


def updates_key(namespace: str) -> str:
    """Name of the stream of updates."""
    return f"{namespace}:updates"


def position_key(namespace: str) -> str:
    """Name of the string that holds how far the aggregates topic has been applied: offsets by partition, as JSON."""
    return f"{namespace}:position"


def encode_updates(counts: dict[bytes, bytes]) -> bytes:
    """A stream entry's field from aggregate keys and counts, as they stand in the aggregates topic."""
    return b"\n".join(b"%b=%b" % each for each in counts.items())


def decode_updates(field: bytes) -> list[tuple[bytes, int]]:
    """Aggregate keys and counts from a stream entry's field.

    Raises:
        ValueError: the field is not a stream entry's.
    """
    pairs = (line.rpartition(b"=") for line in field.split(b"\n"))
    return [(key, int(count)) for key, _, count in pairs]
