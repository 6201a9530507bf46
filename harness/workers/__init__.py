"""Processes of the measuring path, apart from each other and from the engine, each started with one JSON job file.

They tell of themselves in the same one-line events as an engine (`engines.contract.events`), and stop on SIGTERM.
"""
