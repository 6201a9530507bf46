"""What runs have left behind: found, shown, and deleted where it is proven to be theirs and of no further use."""
