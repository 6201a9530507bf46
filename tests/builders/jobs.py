"""Job specifications for engines and for what reads them; no broker is behind the address."""

from typing import Any

from engines.contract.job import JobSpecification


def make_job(**changes: Any) -> JobSpecification:
    """A small job of the route through Kafka, but for these `changes`."""
    usual: dict[str, Any] = {
        "run_id": "run-1",
        "engine": "mine",
        "bootstrap_servers": "127.0.0.1:1",
        "input_topic": "cdr",
        "output_topic": "cdr-aggregates",
        "dead_letter_topic": "cdr-dead-letter",
        "allowed_lateness_ms": 0,
        "parallelism": 1,
        "checkpoint_dir": "checkpoints",
        "checkpoint_interval_ms": 1000,
    }
    return JobSpecification(**usual | changes)
