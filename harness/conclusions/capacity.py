"""How much of everything a rate takes, from the costs that a run has measured: arithmetic, in pure functions.

Costs are taken to grow in proportion to the records, which is on the safe side: whatever a process does at any rate is
in the measured cost of a record, and the more, the lower the measured rate was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pydantic import Field

from harness.errors import UsageError
from harness.results.correctness import Verdict
from harness.results.part import ResultPart
from harness.results.performance import ProcessCost
from harness.results.result import Result, TrialResult

DAY_S = 86_400
#: With so many records for each update, every cell changes at each flush already: more records make no more updates.
SATURATED_RECORDS_PER_UPDATE = 10
GENERATOR, KAFKA, ENGINE = "generator", "kafka", "engine"
#: Costs at more than so many times the rate at which they were measured are guesses.
EXTRAPOLATED_TIMES = 10
#: Whose work follows the updates rather than the records.
BY_UPDATES = ("redis", "redis writer")
#: Of processes that do most of their work on one core: what that means where more are busy.
ONE_CORE = {
    "redis": "one Redis does its work on about one core",
    "redis writer": "one process has about one core: the scenario's `redis_writers` has to be as many",
    "archiver": "one process has about one core: the scenario's `archivers` has to be as many",
}
#: Parts of the harness that a load without its measurement does not need.
_LEFT_OUT = "measuring"


class Assumptions(ResultPart):
    """What is not measured, but said by whoever plans.

    Attributes:
        peak_factor: the busiest second's rate over the mean.
        utilisation: share of a core that may be busy at the peak. The rest is the margin.
        cores_per_machine: cores of each machine.
        replication: copies of each record in Kafka.
        consumers: how many read the whole topic, such as engine and archiver.
        retention_h: how long Kafka keeps records.
        partition_bytes_per_s: what a partition takes in at the most.
    """

    peak_factor: float = Field(1.0, ge=1)
    utilisation: float = Field(0.5, gt=0, le=1)
    cores_per_machine: int = Field(16, ge=1)
    replication: int = Field(3, ge=1)
    consumers: int = Field(2, ge=1)
    retention_h: float = Field(24.0, gt=0)
    partition_bytes_per_s: float = Field(5e6, gt=0)


class MeasuredCosts(ResultPart):
    """What a run measured of one engine and of all that worked beside it.

    Attributes:
        rate_records_per_s: that the costs were measured at.
        cpu_s_per_million_records: by process; the engine's is called ``engine``.
        stored_bytes_per_record: in Kafka, compressed as the generator sends it.
        records_per_update: that became one update of a cell.
    """

    engine: str
    rate_records_per_s: float
    cpu_s_per_million_records: dict[str, float]
    stored_bytes_per_record: float
    records_per_update: float


class ProcessPlan(ResultPart):
    """What one kind of process takes."""

    name: str
    cpu_s_per_million_records: float
    busy_cores: float = Field(description="at the peak")
    cores: int = Field(description="so that no more than the utilisation is busy")
    note: str = ""


class CapacityPlan(ResultPart):
    """What a rate takes."""

    mean_records_per_s: float
    peak_records_per_s: float
    records_per_day: float
    assumptions: Assumptions
    measured: MeasuredCosts
    processes: list[ProcessPlan]
    cores: int
    machines: int = Field(description="as many as have the cores, and as there are copies")
    partitions: int
    kafka_in_bytes_per_s: float = Field(description="at the peak, over all brokers, copies for replication included")
    kafka_out_bytes_per_s: float = Field(description="to consumers and to other brokers")
    stored_bytes_per_day: float = Field(description="with all copies")
    stored_bytes: float = Field(description="kept at a time, with all copies")
    warnings: list[str]


def measured_costs(result: Result, engine: str | None) -> MeasuredCosts:
    """The costs that a run measured of `engine`; without a name, of its only one.

    Raises:
        UsageError: the run is invalid, lacks the engine, or has not measured what is needed.
    """
    fix = "give a valid run by `ringbench run` with a broker of its own, and an engine that passed in it"
    if not result.valid:
        raise UsageError(f"run {result.run_id} is invalid: {result.invalid_reasons[0]}", fix=fix)
    names = [each.name for each in result.engines]
    if engine is None and len(names) > 1:
        raise UsageError(
            f"--engine: run {result.run_id} has several engines", fix=f"give --engine, one of: {', '.join(names)}"
        )
    found = next((each for each in result.engines if engine in (None, each.name)), None)
    if found is None:
        raise UsageError(
            f"--engine: run {result.run_id} has no engine {engine!r}", fix=f"give one of: {', '.join(names)}"
        )
    trials = [each for each in found.trials if each.kafka_bytes and each.generator and each.throughput_records_per_s]
    if found.verdict != Verdict.PASS or not (found.cost and found.throughput_records_per_s and trials):
        raise UsageError(f"run {result.run_id}: engine {found.name} has no costs to go by", fix=fix)
    return MeasuredCosts(
        engine=found.name,
        rate_records_per_s=found.throughput_records_per_s.offered,
        cpu_s_per_million_records={ENGINE: found.cost.cpu_s_per_million_records} | _others(trials),
        stored_bytes_per_record=_stored_bytes(trials) / _sent(trials),
        records_per_update=_sent(trials) / max(1, found.updates),
    )


def _sent(trials: Sequence[TrialResult]) -> int:
    return sum(each.generator.sent_records for each in trials if each.generator)


def _stored_bytes(trials: Sequence[TrialResult]) -> int:
    return sum(each.kafka_bytes.input for each in trials if each.kafka_bytes)


def _others(trials: Sequence[TrialResult]) -> dict[str, float]:
    """CPU-seconds per million records of all other processes but those that only measure, by name; of trials, means."""
    shares: dict[str, list[float]] = {}
    for trial in trials:
        assert trial.throughput_records_per_s
        for each in filter(_is_needed, trial.other_costs):
            cost = each.cpu_cores / trial.throughput_records_per_s.offered * 1e6
            shares.setdefault(each.name, []).append(cost)
    return {name: sum(costs) / len(costs) for name, costs in shares.items()}


def _is_needed(cost: ProcessCost) -> bool:
    return cost.role != _LEFT_OUT


def peak_factor(factors: Sequence[Fraction]) -> float:
    """The greatest of a profile's factors, one for each second, over their mean."""
    return float(max(factors) * len(factors) / sum(factors))


def plan(mean_records_per_s: float, measured: MeasuredCosts, assumptions: Assumptions) -> CapacityPlan:
    """What `mean_records_per_s` take, by what was `measured` and what is assumed."""
    peak = mean_records_per_s * assumptions.peak_factor
    load = _Load(peak, measured, assumptions)
    processes = [load.process(name) for name in measured.cpu_s_per_million_records]
    peak_bytes_per_s = peak * measured.stored_bytes_per_record
    stored_bytes_per_s = mean_records_per_s * measured.stored_bytes_per_record * assumptions.replication
    by_name = {each.name: each for each in processes}
    cores = sum(each.cores for each in processes)
    return CapacityPlan(
        mean_records_per_s=mean_records_per_s,
        peak_records_per_s=peak,
        records_per_day=mean_records_per_s * DAY_S,
        assumptions=assumptions,
        measured=measured,
        processes=processes,
        cores=cores,
        machines=max(math.ceil(cores / assumptions.cores_per_machine), assumptions.replication),
        # A task of the engine, and a generator's process, each needs a partition of its own.
        partitions=max(
            *(by_name[name].cores for name in (ENGINE, GENERATOR) if name in by_name),
            math.ceil(peak_bytes_per_s / assumptions.partition_bytes_per_s),
        ),
        kafka_in_bytes_per_s=peak_bytes_per_s * assumptions.replication,
        kafka_out_bytes_per_s=peak_bytes_per_s * (assumptions.consumers + assumptions.replication - 1),
        stored_bytes_per_day=stored_bytes_per_s * DAY_S,
        stored_bytes=stored_bytes_per_s * 3600 * assumptions.retention_h,
        warnings=_warnings(peak, measured, processes),
    )


@dataclass(frozen=True)
class _Load:
    """The load to plan for."""

    peak_records_per_s: float
    measured: MeasuredCosts
    assumptions: Assumptions

    def process(self, name: str) -> ProcessPlan:
        """What the processes called `name` take at the peak."""
        cost = self.measured.cpu_s_per_million_records[name]
        busy, note = self.peak_records_per_s * cost / 1e6, ""
        if name == KAFKA and self.assumptions.replication > 1:
            busy *= self.assumptions.replication
            note = "a copy is taken to cost as much as the record itself"
        if name in BY_UPDATES and self.measured.records_per_update >= SATURATED_RECORDS_PER_UPDATE:
            busy = min(busy, self.measured.rate_records_per_s * cost / 1e6)
            note = "as measured: more records make no more updates"
        # Less what arithmetic in floats adds to a whole number.
        cores = max(1, math.ceil(busy / self.assumptions.utilisation - 1e-9))
        return ProcessPlan(
            name=name,
            cpu_s_per_million_records=cost,
            busy_cores=busy,
            cores=cores,
            note=note,
        )


def _warnings(peak: float, measured: MeasuredCosts, processes: Sequence[ProcessPlan]) -> list[str]:
    found, measured_at = [], measured.rate_records_per_s
    if (times := peak / measured_at) > EXTRAPOLATED_TIMES:
        found.append(f"costs were measured at {measured_at:,.0f} records/s, and the peak is {times:,.0f} times that")
    found += [
        f"{each.name}: {each.busy_cores:.1f} cores are busy, and {ONE_CORE[each.name]}"
        for each in processes
        if each.name in ONE_CORE and each.busy_cores > 1
    ]
    return found


def bytes_text(count: float) -> str:
    """`count` bytes in the largest decimal unit of which there is one, for people."""
    for power, unit in ((5, "PB"), (4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:,.1f} {unit}"
    return f"{count:,.0f} B"
