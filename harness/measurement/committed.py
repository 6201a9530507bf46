"""What a consumer of committed messages sees in the aggregates topic: the proof of delivery exactly once.

A cell's counts go up, and an engine has no reason to tell one of them twice. Where it writes at least once, a restart
makes it tell some again; where it writes exactly once, a message that comes again, or a count that goes down, is what
its transactions were to prevent. A cell is in one partition, where its messages keep their order.

A transaction that an engine leaves open ends when it times out. Until then, such a consumer is held up before it.
"""

from collections.abc import Iterable

from confluent_kafka import Message

from harness.results.correctness import Committed

MAX_EXAMPLES = 10


def look_through(messages: Iterable[Message], offsets: int, left_open: int) -> Committed:
    """What there is among `messages`, those of a partition in order; what is no count is passed over.

    Args:
        messages: what the consumer is shown.
        offsets: how many it could read up to, messages or not.
        left_open: how many more there are behind a transaction that is open.
    """
    latest: dict[bytes, int] = {}
    total = repeated = lowered = 0
    examples: list[str] = []
    for message in messages:
        total += 1
        key, value = message.key() or b"", message.value() or b""
        if not value.isdigit():
            continue
        count, before = int(value), latest.get(key, 0)
        latest[key] = count
        if count > before:
            continue
        repeated += count == before
        lowered += count < before
        if len(examples) < MAX_EXAMPLES:
            examples.append(_told(message, key, count, before))
    return Committed(
        messages=total,
        repeated=repeated,
        lowered=lowered,
        unseen=offsets - total,
        left_open=left_open,
        examples=examples,
    )


def _told(message: Message, key: bytes, count: int, before: int) -> str:
    place = f"offset {message.offset()} of partition {message.partition()}"
    what = "again" if count == before else f"after {before}"
    return f"{place}: {key.decode('ascii', 'replace')[:100]} is {count}, {what}"
