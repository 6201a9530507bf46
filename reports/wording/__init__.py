"""How figures and verdicts are put into words, numbers and tables."""
