"""What a monitoring system is told of a command while it runs: metrics for Prometheus, served by HTTP."""
