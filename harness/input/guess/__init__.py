"""Looks at a file of a user's own records, and says what its map is, how sure that is, and what would tell."""
