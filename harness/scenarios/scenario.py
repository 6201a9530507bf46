"""Scenario files: what to run, in YAML, typed, with unknown keys refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from engines.contract.job import DIRECT, EXACTLY_ONCE
from engines.contract.queries import COUNTS, QUERIES
from engines.contract.record import CALIFORNIA
from harness.faults.plan import DueFault
from harness.scenarios.contestants import Contestant, Contestants, check_names
from harness.scenarios.disorder import DisorderSection
from harness.scenarios.faults import FaultSection, FaultSections, check_faults, fault_plan
from harness.scenarios.input import InputSection
from harness.scenarios.operations import OperationSection, OperationSections, check_operations
from harness.scenarios.sections import (
    CountySkewSection,
    HotPartitionSection,
    ProfileSections,
    Section,
    check_profile,
    did_you_mean,
    shapes,
)
from harness.scenarios.surges import SurgeSection, misplaced, surges_of
from harness.scenarios.truth import TruthSection
from workloads.disorder import MAX_DUPLICATES_PER_MILLION
from workloads.malformed import KINDS
from workloads.partitioning import ROUND_ROBIN, why_uneven
from workloads.workload import SUBSCRIBERS_PER_AREA_CODE, WorkloadSpecification

MAX_DURATION_S = 86_400
#: Of a query: seconds, or places of a ranking.
MAX_PARAMETER = 86_400
#: Keys of `input` that exclude each other.
PACES = ("speed", "rate_records_per_s")
#: Keys that say what is sent and when, and so cannot stand beside `input`, which does.
_NOT_WITH_INPUT = (
    "rate_records_per_s",
    "warmup_rate_records_per_s",
    "profile",
    "locations",
    "surges",
    "county_skew",
    "subscribers",
    "malformed_per_million",
    "duplicates_per_million",
    "disorder",
    "faults",
    "operations",
)


class Limits(Section):
    """Bounds on a trial. Past error, step, `host_share` and delay, the run is invalid; see each for the others."""

    schedule_error_ms_p99: float = Field(50.0, gt=0, description="of the generator, over the measured time")
    clock_step_ms: float = Field(10.0, gt=0, description="of the wall clock against the monotonic clock")
    host_marked_share: float = Field(
        0.1, gt=0, description="of all cores' time that others had: beyond it, figures are marked, and no winner named"
    )
    host_share: float = Field(0.35, gt=0, description="of all cores' time that others had: beyond it, invalid")
    compiler_cores: float = Field(
        0.1,
        gt=0,
        description="of an engine's JVMs at the end of the warm-up: not warm beyond it, unless they rest from "
        "then on, or never do",
    )
    change_share: float = Field(
        0.05, gt=0, description="of latency or CPU time over the measured time: beyond it, not settled, and no winner"
    )
    path_delay_ms: float = Field(500.0, gt=0, description="of Redis writer and probe, for a tenth of the measured time")
    engine_ready_s: float = Field(120.0, gt=0)
    settle_s: float = Field(2.0, gt=0, description="no update for this long, all records visible: the trial has ended")
    quiet_s: float = Field(15.0, gt=0, description="no update for this long, records missing: waiting is over")


class Scenario(Section):
    """One benchmark: a workload and the engines to drive with it."""

    name: str
    description: str = ""
    seed: int = Field(1, ge=0, lt=2**64)
    rate_records_per_s: PositiveInt = Field(6000, le=10_000_000)
    warmup_s: int = Field(20, ge=1, le=3600, description="sent and verified, but left out of latency and cost")
    rehearsal_s: int = Field(
        30,
        ge=0,
        le=3600,
        description="of a trial ahead of all others, which warms up the services and counts for nothing",
    )
    warmup_rate_records_per_s: int = Field(0, ge=0, le=10_000_000, description="in the first two thirds of the warm-up")
    duration_s: int = Field(60, ge=1, le=MAX_DURATION_S, description="measured time")
    partitions: PositiveInt = Field(4, le=1000, description="of the input topic")
    generators: PositiveInt = Field(1, le=64, description="processes that share the load")
    archivers: PositiveInt = Field(1, le=64, description="processes that share the archive")
    redis_writers: PositiveInt = Field(1, le=64, description="processes that share what is written to Redis")
    probes: PositiveInt = Field(1, le=64, description="processes that share the measurement of what is in Redis")
    profile: ProfileSections = Field([], description="of the rate over the measured time")
    locations: Literal["california", "us", "synthetic"] = Field("california", description="where records come from")
    surges: list[SurgeSection] = Field([], description="counties whose rate changes for a while")
    county_skew: CountySkewSection | None = None
    hot_partition: HotPartitionSection | None = None
    partitioning: Literal["cell", "round-robin"] = Field("cell", description="what decides on a record's partition")
    subscribers: int = Field(SUBSCRIBERS_PER_AREA_CODE, ge=1, le=SUBSCRIBERS_PER_AREA_CODE, description="per area code")
    malformed_per_million: int = Field(0, ge=0, le=1_000_000)
    malformed_kinds: list[str] = Field(list(KINDS), min_length=1, description="ways in which lines are malformed")
    duplicates_per_million: int = Field(0, ge=0, le=MAX_DUPLICATES_PER_MILLION)
    disorder: DisorderSection | None = Field(None, description="of event times")
    allowed_lateness_ms: int = Field(10_000, ge=0)
    parallelism: PositiveInt = Field(2, le=1000)
    engine_cpus: int = Field(
        0, ge=0, le=1024, description="cores that the engine has for itself; 0 for sharing all with everything else"
    )
    checkpoint_interval_ms: PositiveInt = 5000
    engines: Contestants = Field(
        [Contestant(name=each, engine=each) for each in ("spark", "flink", "baseline")],
        min_length=1,
        description="names of engines, NAME@VERSION, or sections: see `Contestant`",
    )
    query: str = Field(COUNTS, description="what engines are asked of the records")
    query_parameters: dict[str, int] = Field({}, description="the query's own, in place of its defaults")
    route: Literal["kafka", "direct"] = Field("kafka", description="of the counts, from the engines to Redis")
    delivery: Literal["at-least-once", "exactly-once"] = Field(
        "at-least-once", description="of what engines write, as one sees it who reads what is committed"
    )
    tuning: str = Field("", description="settings that each engine publishes; empty for its defaults")
    engine_settings: dict[str, dict[str, Any]] = Field({}, description="an engine's own settings, by its name")
    truth: TruthSection = Field(TruthSection(), description="where the ground truth is computed from the archive")
    cluster: bool = Field(False, description="run Spark and Flink on clusters of their own, beside three brokers")
    faults: FaultSections = Field([], description="what is injected while `ringbench run` runs")
    operations: OperationSections = Field([], description="what is done to engines while `ringbench run` runs")
    limits: Limits = Limits()
    input: InputSection | None = Field(None, description="a user's own records, in place of made ones")

    _replayed: str = PrivateAttr("")
    _epoch_s: int = PrivateAttr(WorkloadSpecification.epoch_s)

    @model_validator(mode="after")
    def _input_stands_alone(self) -> Scenario:
        given = [key for key in _NOT_WITH_INPUT if key in self.model_fields_set and not self._is_default(key)]
        if self.input and given:
            raise PydanticCustomError("beside_input", "keys beside `input`", {"keys": given})
        return self

    def _is_default(self, key: str) -> bool:
        """Whether a key says what it says by default; a rate is never meant so."""
        return key != "rate_records_per_s" and getattr(self, key) == type(self).model_fields[key].default

    @field_validator("profile")
    @classmethod
    def _profile_is_in_place(cls, sections: ProfileSections, info: ValidationInfo) -> ProfileSections:
        return check_profile(sections, info.data)

    @field_validator("engines")
    @classmethod
    def _have_names_of_their_own(cls, engines: list[Contestant]) -> list[Contestant]:
        check_names(engines)
        return engines

    @field_validator("malformed_kinds")
    @classmethod
    def _known_kinds(cls, kinds: list[str]) -> list[str]:
        for kind in kinds:
            if kind not in KINDS:
                close = did_you_mean(kind, list(KINDS))
                raise ValueError(f"unknown kind {kind!r}{close}; known: {', '.join(KINDS)}")
        if len(kinds) > len(set(kinds)):
            raise ValueError("give each kind once")
        return kinds

    @field_validator("generators", "archivers", "redis_writers")
    @classmethod
    def _have_partitions(cls, processes: int, info: ValidationInfo) -> int:
        if processes > (partitions := info.data.get("partitions", processes)):
            raise ValueError(f"{processes} processes, each with partitions of its own, and {partitions} partitions")
        return processes

    @field_validator("hot_partition")
    @classmethod
    def _has_others(cls, section: HotPartitionSection | None, info: ValidationInfo) -> HotPartitionSection | None:
        if section and info.data.get("partitions") == 1:
            raise ValueError("a hot partition needs others: set `partitions` to 2 or more")
        return section

    @model_validator(mode="after")
    def _partitions_are_even(self) -> Scenario:
        if why := self.why_uneven():
            raise PydanticCustomError("uneven", "partitions are uneven", {"why": why})
        return self

    def why_uneven(self) -> str:
        """Why a record's cell cannot decide on its partition; empty if it can, or does not."""
        if self.partitioning == ROUND_ROBIN:
            return ""
        return why_uneven(self.locations, self.partitions, self.hot_partition.share if self.hot_partition else None)

    @field_validator("query")
    @classmethod
    def _known_query(cls, query: str) -> str:
        if query not in QUERIES:
            raise ValueError(f"unknown query{did_you_mean(query, list(QUERIES))}; known: {', '.join(QUERIES)}")
        return query

    @field_validator("query_parameters")
    @classmethod
    def _known_parameters(cls, given: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        if "query" not in info.data:
            return given  # its own problem is told
        query = QUERIES[info.data["query"]]
        known = ", ".join(query.parameters) or "none"
        for name, value in given.items():
            if name not in query.parameters:
                raise ValueError(f"the query {query.name} has no parameter {name!r}; known: {known}")
            if not 1 <= value <= MAX_PARAMETER:
                raise ValueError(f"{name} is {value}; give a whole number from 1 to {MAX_PARAMETER:,}")
        return given

    @field_validator("surges")
    @classmethod
    def _surges_are_in_place(cls, sections: list[SurgeSection], info: ValidationInfo) -> list[SurgeSection]:
        if sections and info.data.get("locations", CALIFORNIA) != CALIFORNIA:
            raise ValueError("surges are of California's counties: leave them out, or set `locations` to california")
        problems = dict(misplaced(sections, info.data.get("duration_s")))
        if problems:
            raise PydanticCustomError("misplaced", "surges are out of place", {"problems": problems})
        return sections

    @field_validator("faults")
    @classmethod
    def _faults_are_in_place(cls, sections: list[FaultSection], info: ValidationInfo) -> list[FaultSection]:
        return check_faults(sections, info.data.get("duration_s"))

    @field_validator("operations")
    @classmethod
    def _operations_are_in_place(cls, sections: list[OperationSection], info: ValidationInfo) -> list[OperationSection]:
        return check_operations(sections, info.data.get("faults", []), info.data.get("duration_s"))

    def fault_plan(self) -> list[DueFault]:
        """The faults and operations of each trial, in the order of their times; upgrades without what they start."""
        faults = fault_plan(self.faults, self.seed, self.duration_s)
        return sorted(
            [*faults, *(each.planned(self.parallelism) for each in self.operations)], key=lambda each: each.at_s
        )

    @property
    def contestants(self) -> list[str]:
        """The names of all contestants, in their order; of one that nothing is set for alone, its engine's."""
        return [each.name for each in self.engines]

    @property
    def engine_of(self) -> dict[str, str]:
        """What each contestant runs, by its name: an engine, as ``NAME@VERSION`` if a version is set for it."""
        return {each.name: each.runs for each in self.engines}

    @property
    def engine_names(self) -> list[str]:
        """The engines that contestants run, each once."""
        return list(dict.fromkeys(self.engine_of.values()))

    def contestant(self, name: str) -> Contestant:
        """The contestant called `name`.

        Raises:
            KeyError: there is none.
        """
        return {each.name: each for each in self.engines}[name]

    def for_contestant(self, name: str) -> Scenario:
        """The scenario as it is for the contestant called `name`: with what is set for that one alone.

        Raises:
            KeyError: there is no such contestant.
        """
        found = self.contestant(name)
        if found.is_plain:
            return self
        settings = self.engine_settings | {found.engine: found.settings}
        return self.model_copy(update=found.overrides | {"engine_settings": settings})

    @property
    def is_direct(self) -> bool:
        """Whether engines write Redis by themselves, without aggregates topic and Redis writer."""
        return self.route == DIRECT

    @property
    def is_exactly_once(self) -> bool:
        """Whether engines write in transactions, and nothing committed comes again."""
        return self.delivery == EXACTLY_ONCE

    @property
    def commit_wait_s(self) -> float:
        """How long a record may wait for commits: for two, if it goes through a topic of the engine's own."""
        return 2 * self.checkpoint_interval_ms / 1000 if self.is_exactly_once else 0.0

    @property
    def parameters(self) -> dict[str, int]:
        """All parameters of the query."""
        return QUERIES[self.query].parameters | self.query_parameters

    @property
    def asks_for_counts(self) -> bool:
        """Whether the query is the usual one."""
        return self.query == COUNTS

    def workload(self) -> WorkloadSpecification:
        """The workload this scenario sends to each engine."""
        return WorkloadSpecification(
            seed=self.seed,
            rate_records_per_s=self.rate_records_per_s,
            warmup_s=self.warmup_s,
            duration_s=self.duration_s,
            partitions=self.partitions,
            profile=shapes(self.profile),
            warmup_rate_records_per_s=self.warmup_rate_records_per_s,
            surges=tuple(surge for section in self.surges for surge in surges_of(section)),
            locations=self.locations,
            zipf_exponent=self.county_skew.zipf if self.county_skew else None,
            partitioning=self.partitioning,
            hot_share=self.hot_partition.share if self.hot_partition else None,
            subscribers=self.subscribers,
            malformed_per_million=self.malformed_per_million,
            malformed_kinds=tuple(self.malformed_kinds),
            duplicates_per_million=self.duplicates_per_million,
            disorder=self.disorder.disorder() if self.disorder else None,
            allowed_lateness_ms=self.allowed_lateness_ms,
            epoch_s=self._epoch_s,
            replayed=self._replayed,
        )

    def replay(self, folder: str, epoch_s: int) -> None:
        """Send the records that were prepared in `folder`, the first of them of the second `epoch_s`."""
        self._replayed, self._epoch_s = folder, epoch_s


#: What the command line calls the keys that stand on it.
OPTIONS_OF_KEYS = {
    "rate_records_per_s": "--rate",
    "warmup_s": "--warmup",
    "duration_s": "--duration",
    "engines": "--engine or --contestant",
    **{key: f"--{key}" for key in ("seed", "archivers", "probes", "tuning", "route", "delivery", "query", "cluster")},
    "redis_writers": "--redis-writers",
}
