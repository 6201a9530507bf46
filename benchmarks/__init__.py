"""Micro-benchmarks of what Ringbench does for every record or update; `./bootstrap tox run -e bench` runs them."""
