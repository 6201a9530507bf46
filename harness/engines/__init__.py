"""Engines as the harness sees them: found, prepared, placed on clusters, tuned. They themselves are in /engines."""
