"""One trial: one engine driven with the whole workload, harmed, watched, stopped and collected."""
