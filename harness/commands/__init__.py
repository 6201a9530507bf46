"""Commands of `ringbench` that have a module of their own; `harness.cli` registers them."""
