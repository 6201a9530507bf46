"""Whole documents: one module for each kind of result."""
