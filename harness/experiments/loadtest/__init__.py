"""The live map under users' load."""
