"""The viewer and its load test as the harness sees them: processes with a job file and events."""
