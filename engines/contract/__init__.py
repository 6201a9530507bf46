"""What an engine and the harness agree on: records, aggregate keys, Redis keys, job specification and events.

Standard library only, so that any engine's environment can import it. An engine knows nothing else of Ringbench:
it reads one Kafka topic, writes one Kafka topic of upserts (or, in the direct route, Redis), and tells of itself in
one-line JSON events.
"""
