"""Which errors of Kafka's client pass by themselves."""

from confluent_kafka import KafkaError

_TRANSIENT = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE)


def is_transient(error: KafkaError) -> bool:
    """Whether the client goes on by itself once the broker is back."""
    return error.code() in _TRANSIENT
