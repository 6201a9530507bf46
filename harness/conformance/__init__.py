"""`ringbench conformance`: whether an engine keeps to the contract, told to its author check by check.

``checks`` is the list, ``judge_*`` decide, as pure functions of what was sent and seen; ``rig`` drives one job of the
engine; ``stream`` and ``jobs`` are what is done with it; ``run`` reads as the table of contents.
"""
