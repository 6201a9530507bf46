"""Starting programs so that none outlives the harness, hearing their events, starting again what dies."""
