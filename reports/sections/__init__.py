"""Sections that several documents have."""
