"""The list of checks: what each is called, what holds if it passes, and where the contract says so."""

from dataclasses import dataclass

DOCUMENT = "conformance.md"


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        id: what it is called.
        title: what holds if it passes.
        section: of `DOCUMENT`, as an anchor.
        required: whether an engine must pass it; what is not required is warned of.
        needs: checks without which nothing can be said of this one.
    """

    id: str
    title: str
    section: str
    required: bool = True
    needs: tuple[str, ...] = ()

    @property
    def docs(self) -> str:
        """Where the contract is described, below ``docs/``."""
        return f"{DOCUMENT}#{self.section}"


_RUNS = ("start.ready",)
_COUNTS = (*_RUNS, "counts.fresh", "upserts.key", "upserts.value", "upserts.partition", "upserts.absolute")

#: In the order in which they are told.
CHECKS = (
    Check("descriptor", "engine.toml is complete, and its files are there", "the-folder"),
    Check(
        "start.settings", "an unknown setting is refused by name, with exit code 2", "starting", needs=("descriptor",)
    ),
    Check("start.ready", "`ready` comes in time, with version and configuration", "starting", needs=("descriptor",)),
    Check("events.stdout", "standard output holds events and nothing else", "events", needs=("descriptor",)),
    Check("events.progress", "`progress` comes often enough, and its totals never go down", "events", needs=_RUNS),
    Check("events.totals", "`records_in` and `malformed` are what was sent", "events", needs=_RUNS),
    Check("input.beginning", "what was in the topic before the start is read", "input", needs=_RUNS),
    Check("input.own-topic", "it reads its own topic only, and writes nothing to it", "input", needs=_RUNS),
    Check("counts.fresh", "counts go out while their window is open", "upserts", needs=_RUNS),
    Check("counts.idle-partition", "empty partitions hold back no counts", "upserts", needs=(*_RUNS, "counts.fresh")),
    Check("upserts.key", "keys are WINDOW_S|COUNTY_FIPS|OPERATOR|TYPE", "upserts", needs=(*_RUNS, "counts.fresh")),
    Check("upserts.value", "values are counts in decimal", "upserts", needs=(*_RUNS, "counts.fresh")),
    Check("upserts.partition", "all upserts of a key are in one partition", "upserts", needs=(*_RUNS, "counts.fresh")),
    Check("upserts.absolute", "values are the window's count so far", "upserts", needs=_COUNTS[:-1]),
    Check("upserts.plain", "the producer is not transactional", "upserts", needs=(*_RUNS, "counts.fresh")),
    Check(
        "upserts.once",
        "exactly once: nothing that was committed comes again, after a kill neither",
        "delivery",
        needs=(*_COUNTS, "counts.cells", "restart.counts"),
    ),
    Check("stop.closed", "exactly once: no transaction is left open", "delivery", needs=("stop.sigterm",)),
    Check("counts.cells", "every cell of a seeded stream is counted right", "counts", needs=_COUNTS),
    Check("malformed.dead-letters", "malformed lines are dead letters, byte for byte", "malformed-lines", needs=_RUNS),
    Check("malformed.tombstone", "a message without a value is an empty line", "malformed-lines", needs=_RUNS),
    Check(
        "locations.us",
        "the job's set of locations decides what is well formed",
        "malformed-lines",
        needs=(*_COUNTS, "input.beginning"),
    ),
    Check(
        "malformed.hostile",
        "lines near the border are told apart as by the codec",
        "malformed-lines",
        needs=(*_COUNTS, "input.beginning", "locations.us"),
    ),
    Check("late.counted", "records within the lateness are counted", "late-records", needs=(*_COUNTS, "counts.cells")),
    Check("late.kept", "a record that is too late spoils no count", "late-records", needs=(*_COUNTS, "late.counted")),
    Check("late.dropped", "records that are too late are dropped", "late-records", False, (*_COUNTS, "late.counted")),
    Check(
        "restart.counts",
        "killed and started again, it loses and doubles nothing",
        "restarts",
        needs=(*_COUNTS, "counts.cells"),
    ),
    Check(
        "restart.checkpoint",
        "started again, it goes on from its checkpoint",
        "restarts",
        False,
        ("restart.counts", "events.totals"),
    ),
    Check("stop.sigint", "SIGINT is ignored", "stopping", needs=_RUNS),
    Check("stop.sigterm", "SIGTERM ends it in time, with `stopped` and exit code 0", "stopping", needs=_RUNS),
    Check(
        "stop.flushed",
        "what was read before SIGTERM is written",
        "stopping",
        needs=(*_COUNTS, "counts.cells", "restart.counts", "stop.sigterm"),
    ),
    Check("stop.none-left", "no process is left behind", "stopping", needs=("stop.sigterm",)),
    Check("files.private", "files are written to its private folders only", "files", needs=("descriptor",)),
    Check("route.direct", "in the direct route, Redis holds every count", "the-direct-route", needs=_COUNTS),
)
