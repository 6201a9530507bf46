"""Many trials for one question; each kind has its table of contents here or in a folder of its own."""
