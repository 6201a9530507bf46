"""How long tests wait at most. Whatever hangs fails by these; a machine that is merely slow does not."""

#: For one thing to happen: a process to start or to end, a message to arrive, a page to show something.
DEADLINE_S = 60.0
#: For a whole command: a run of three engines takes some 100 s on 2 quiet cores.
RUN_DEADLINE_S = 1200
