"""Commands of the command line, each in a module of its own; `harness.cli` registers them."""
