"""From what a trial left to what its result says: truth, counts, validity, pooled figures, the cost of faults."""
