"""What is looked at in the first second of every command that starts something: whether this machine will do."""
