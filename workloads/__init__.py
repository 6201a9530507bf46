"""Workloads: what is sent, and when. Pure: no clock, no input, no output."""
