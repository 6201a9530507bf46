"""Instruments: how clocks, CPU, JVM logs and trajectories of counts become readings and durations."""
