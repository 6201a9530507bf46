"""How far this machine's wall clock is from that of a broker which all machines reach.

A message to a topic that the broker stamps (`LogAppendTime`) is appended between its sending and its acknowledgement,
as this machine's clock has them. That bounds how far the two clocks are apart; many exchanges bound it more tightly,
each by its own round trip and by the stamp's resolution of a millisecond. No symmetry of the ways is taken for granted,
so that the bound is one, and no estimate of an error.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message, Producer

from harness.errors import InvalidRun, ServiceError
from harness.measurement.clock import Clock
from harness.results.shards import ClockOffset

EXCHANGES = 30
ANSWER_S = 10.0
STAMP_NS = 1_000_000
#: Two clocks that are slewed as fast as Linux does it, each the other way, part by so much.
DRIFT = 1e-3
#: What all messages hold, so that the topic can be told from other people's.
MESSAGE = b"ringbench compares clocks"
_SETTINGS: dict[str, str | int] = {"acks": 1, "linger.ms": 0, "retries": 0, "log_level": 3}


@dataclass(frozen=True)
class Exchange:
    """A message to the broker: sent and acknowledged by our clock, in ns since the Unix epoch, stamped by its own."""

    sent_ns: int
    acked_ns: int
    stamp_ms: int


def offset_of(exchanges: Sequence[Exchange]) -> ClockOffset:
    """What `exchanges`, one or more in the order of their times, tell together.

    Raises:
        InvalidRun: no offset, drift allowed for, agrees with all of them: a clock was stepped meanwhile.
    """
    drift_ns = int((exchanges[-1].acked_ns - exchanges[0].sent_ns) * DRIFT)
    low_ns = max(each.stamp_ms * STAMP_NS - each.acked_ns for each in exchanges) - drift_ns
    high_ns = min((each.stamp_ms + 1) * STAMP_NS - each.sent_ns for each in exchanges) + drift_ns
    if low_ns > high_ns:
        raise InvalidRun(
            f"the clocks of this machine and of the broker moved against each other by {(low_ns - high_ns) / 1e6:.1f} "
            "ms or more while they were compared",
            fix="let both be disciplined by NTP, by slewing rather than by steps",
        )
    return ClockOffset(
        offset_ms=(low_ns + high_ns) / 2e6,
        bound_ms=(high_ns - low_ns) / 2e6,
        exchanges=len(exchanges),
        round_trip_ms_min=min(each.acked_ns - each.sent_ns for each in exchanges) / 1e6,
    )


def compare_clocks(
    settings: dict[str, Any], topic: str, *, exchanges: int = EXCHANGES, wall_ns: Clock = time.time_ns
) -> ClockOffset:
    """Compare the clock `wall_ns` with that of the broker that leads partition 0 of `topic`.

    Args:
        settings: of the client, in librdkafka's names.
        topic: one whose messages the broker stamps.
        exchanges: how many messages are sent for it, one after the other.
        wall_ns: this machine's clock.

    Raises:
        ServiceError: a message was not acknowledged, or not stamped by the broker.
        InvalidRun: see `offset_of`.
    """
    producer = Producer({**settings, **_SETTINGS})
    # The first one waits for the connection, and bounds nothing.
    return offset_of([_exchange(producer, topic, wall_ns) for _ in range(exchanges + 1)][1:])


def _exchange(producer: Producer, topic: str, wall_ns: Clock) -> Exchange:
    heard: list[tuple[KafkaError | None, Message, int]] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        heard.append((error, message, wall_ns()))

    sent_ns = wall_ns()
    producer.produce(topic, MESSAGE, partition=0, on_delivery=on_delivery)
    producer.flush(ANSWER_S)
    if not heard:
        raise ServiceError(f"topic {topic}: Kafka acknowledged no message within {ANSWER_S:g} s")
    error, message, acked_ns = heard[0]
    if error:
        raise ServiceError(f"topic {topic}: a message could not be sent: {error}")
    kind, stamp_ms = message.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        raise ServiceError(
            f"topic {topic}: its broker does not tell when it appended a message",
            fix="set message.timestamp.type=LogAppendTime for it, or delete it, and it is made anew",
        )
    return Exchange(sent_ns, acked_ns, stamp_ms)
