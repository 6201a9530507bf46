"""How cost grows with rate, partitions, cells and parallelism."""
