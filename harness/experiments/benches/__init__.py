"""Single parts measured by themselves, without an engine."""
