"""What a person at the terminal sees, what must never be shown to them, and Ctrl-C."""
