"""What follows from finished results, by pure functions: headline figures, comparison, gate, capacity."""
