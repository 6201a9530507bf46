"""Scenario files: their sections, how they are read and explained; beside them the built-in YAML files."""
