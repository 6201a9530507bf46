"""Mathematics on plain numbers, of which nothing is ours: intervals, trends, leaks, the search for a rate."""
