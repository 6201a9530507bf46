"""What does not go together: parts of a scenario with commands, with options, and with each other.

All of it is one table, which is walked once before anything starts. `python -m harness.scenarios.refusals` prints it as
docs/scenarios.md shows it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engines.contract.job import AT_LEAST_ONCE
from engines.contract.queries import COUNTS
from engines.contract.record import CALIFORNIA
from harness.errors import UsageError
from harness.faults.catalogue import BY_NAME
from harness.scenarios.scenario import Scenario
from harness.scenarios.sections import RampSection

RUN, SWEEP, SCALE, CHAOS, OPERATE, SOAK, LOADTEST, GENERATE = (
    f"`ringbench {command}`"
    for command in ("run", "sweep", "scale", "chaos", "operate", "soak", "loadtest", "generate")
)
VIEW, OWN_KAFKA, OWN_REDIS, OWN_S3 = "--view", "--kafka", "--redis", "--s3"


@dataclass(frozen=True)
class Part:
    """A part of a scenario that not everything goes with.

    Attributes:
        name: what documents call it.
        found: how the scenario has it, in words; empty if it does not.
        fix: what to do; `{what}` is what it does not go with.
    """

    name: str
    found: Callable[[Scenario], str]
    fix: str


@dataclass(frozen=True)
class Refusal:
    """What a part of a scenario does not go with, and why; `{what}` in `why` and `fix` is the one that is asked for.

    `what` has commands, options, and names of other parts. `fix` is the part's own if empty.
    """

    part: Part
    what: tuple[str, ...]
    why: str
    fix: str = ""


def _has(name: str, is_there: Callable[[Scenario], object], fix: str) -> Part:
    return Part(name, lambda scenario: f"the scenario has {name}" if is_there(scenario) else "", fix)


def _is(key: str, usual: str, fix: str) -> Part:
    def found(scenario: Scenario) -> str:
        value = getattr(scenario, key)
        return "" if value == usual else f"the scenario's `{key}` is {value}"

    return Part(f"`{key}` other than {usual}", found, fix)


def _harming_sink(scenario: Scenario) -> str:
    harming = [each.fault for each in scenario.fault_plan() if BY_NAME[each.fault].harms_sink]
    return f"the scenario has the fault {harming[0]}, which harms Redis or the Redis writer" if harming else ""


INPUT = _has("`input`", lambda scenario: scenario.input, "leave `input` out, or use `ringbench run`")
FAULTS = _has(
    "`faults`", lambda scenario: scenario.faults, "leave `faults` out, or use `ringbench run`, which injects them"
)
OPERATIONS = _has(
    "`operations`",
    lambda scenario: scenario.operations,
    "leave `operations` out, or use `ringbench run`, which carries them out",
)
DIRECT = _has(
    "`route: direct`",
    lambda scenario: scenario.is_direct,
    "leave `route` out, or use `ringbench run` or `ringbench sweep`",
)
QUERY = _is("query", COUNTS, f"set `query` to {COUNTS}: other queries are for a plain `ringbench run`")
CLUSTER = _has(
    "`cluster`", lambda scenario: scenario.cluster, "leave `cluster` out, or use `ringbench run` or `ringbench chaos`"
)
TRUTH = _has(
    "`truth.master`",
    lambda scenario: scenario.truth.master,
    "leave `truth` out, or use `ringbench run`",
)
OWN_PARALLELISM = _has(
    "a contestant with a `parallelism` of its own",
    lambda scenario: any(each.parallelism is not None for each in scenario.engines),
    "leave the contestant's `parallelism` out",
)
DELIVERY = _is("delivery", AT_LEAST_ONCE, f"set `delivery` to {AT_LEAST_ONCE}")
LOCATIONS = _is("locations", CALIFORNIA, f"set `locations` to {CALIFORNIA}")
SURGES = _has("`surges`", lambda scenario: scenario.surges, "leave `surges` out")
PROFILE = _has("`profile`", lambda scenario: scenario.profile, "leave `profile` out")
OPEN_RAMP = _has(
    "a ramp up to the end of the measured time in `profile`",
    lambda scenario: any(isinstance(each, RampSection) and each.duration_s is None for each in scenario.profile),
    "give the ramp a `duration_s`",
)
DISORDER = _has("`disorder`", lambda scenario: scenario.disorder, "leave `disorder` out")
DUPLICATES = _has(
    "`duplicates_per_million`", lambda scenario: scenario.duplicates_per_million, "leave `duplicates_per_million` out"
)
SINK_FAULTS = Part(
    "faults that harm Redis or the Redis writer",
    _harming_sink,
    "name other faults under `faults`, or take `route: kafka`",
)

#: In the order in which they are told.
REFUSALS = (
    Refusal(
        INPUT,
        (SWEEP, SCALE, CHAOS, OPERATE, SOAK, LOADTEST, GENERATE),
        "{what} makes its own records, and replays none",
    ),
    Refusal(QUERY, (SWEEP, SCALE, CHAOS, OPERATE, SOAK, LOADTEST), "{what} measures counts only"),
    Refusal(QUERY, (VIEW,), "{what} shows counts only"),
    Refusal(QUERY, (INPUT.name,), "{what} is replayed for counts only"),
    Refusal(QUERY, (FAULTS.name,), "faults are injected for counts only"),
    Refusal(QUERY, (OPERATIONS.name,), "what they cost is told of counts only"),
    Refusal(QUERY, (DIRECT.name,), "{what} is for counts only"),
    Refusal(DELIVERY, (DIRECT.name,), "Redis takes no part in transactions of Kafka's"),
    Refusal(DELIVERY, (QUERY.name,), "it is proven of counts only"),
    Refusal(LOCATIONS, (VIEW, LOADTEST), "{what} shows California's counties"),
    Refusal(CLUSTER, (SWEEP, SCALE, OPERATE, SOAK, LOADTEST), "{what} starts no clusters"),
    Refusal(
        TRUTH,
        (SWEEP, SCALE, CHAOS, OPERATE, SOAK, LOADTEST, GENERATE),
        "{what} computes no truth from an archive",
    ),
    Refusal(OWN_PARALLELISM, (SCALE,), "{what} gives all contestants the same, one after the other"),
    Refusal(SURGES, (SWEEP, SCALE), "{what} has one constant rate at a time"),
    Refusal(PROFILE, (SWEEP, SCALE), "{what} has one constant rate at a time"),
    Refusal(OPEN_RAMP, (CHAOS, OPERATE), "when {what} ends its load is not known beforehand"),
    Refusal(FAULTS, (SWEEP,), "in {what}, a rate that is not held under faults says nothing of the engine's own limit"),
    Refusal(FAULTS, (SCALE,), "in {what}, what they cost could not be told from what the load does"),
    Refusal(FAULTS, (CHAOS, OPERATE), "{what} has each of its kinds in turn, by a plan of its own"),
    Refusal(FAULTS, (SOAK,), "{what} draws its own by --faults-per-hour"),
    Refusal(FAULTS, (LOADTEST,), "in {what}, what users cost the pipeline could not be told from what the faults do"),
    Refusal(FAULTS, (GENERATE,), "{what} has no pipeline to inject them into"),
    Refusal(
        FAULTS,
        (OWN_KAFKA, OWN_REDIS, OWN_S3),
        "{what} names a service of your own, which is not harmed",
        "leave out {what}, to have one started, or `faults`",
    ),
    Refusal(
        OPERATIONS, (SWEEP,), "in {what}, a rate that is not held under them says nothing of the engine's own limit"
    ),
    Refusal(OPERATIONS, (SCALE,), "in {what}, what they cost could not be told from what the load does"),
    Refusal(OPERATIONS, (CHAOS, OPERATE), "{what} has each of its kinds in turn, by a plan of its own"),
    Refusal(OPERATIONS, (SOAK,), "{what} draws faults, and looks for leaks"),
    Refusal(OPERATIONS, (LOADTEST,), "in {what}, what users cost the pipeline could not be told from what they do"),
    Refusal(OPERATIONS, (GENERATE,), "{what} has no engine to do them to"),
    Refusal(OPERATIONS, (CLUSTER.name,), "they take the engine for one process"),
    Refusal(
        DISORDER,
        (CHAOS, OPERATE, SOAK, FAULTS.name, OPERATIONS.name),
        "what faults cost is told from counts that are known exactly",
    ),
    Refusal(DUPLICATES, (SOAK,), "they may be of another second, where {what} verifies second by second"),
    Refusal(
        DIRECT, (CHAOS, SOAK), "{what} harms Redis and its writer, and an engine need not survive a lost Redis then"
    ),
    Refusal(DIRECT, (LOADTEST,), "{what} measures what users cost the pipeline as it usually is"),
    Refusal(
        SINK_FAULTS,
        (DIRECT.name,),
        "with {what} there is no writer, and an engine that writes Redis by itself need not survive a lost one",
    ),
)


def check_together(scenario: Scenario, *asked: str) -> None:
    """Make sure that all parts of `scenario` go with what is `asked` for, commands and options, and with each other.

    Raises:
        UsageError: some do not; the first of the table is told.
    """
    for refusal in REFUSALS:
        for what in refusal.what:
            if (found := refusal.part.found(scenario)) and (what in asked or _is_part_of(scenario, what)):
                fix = (refusal.fix or refusal.part.fix).format(what=what)
                raise UsageError(f"{found}, and {refusal.why.format(what=what)}", fix=fix)


def _is_part_of(scenario: Scenario, name: str) -> bool:
    return any(each.part.name == name and each.part.found(scenario) for each in REFUSALS)


def table(refusals: Iterable[Refusal] = REFUSALS) -> Iterator[str]:
    """The lines of a Markdown table of `refusals`."""
    yield "| part of a scenario | does not go with | why |"
    yield "|---|---|---|"
    for each in refusals:
        yield f"| {each.part.name} | {', '.join(each.what)} | {each.why.format(what='it')} |"


if __name__ == "__main__":
    print("\n".join(table()))
