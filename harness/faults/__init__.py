"""Which faults there are, and when which is due: data and pure functions."""
