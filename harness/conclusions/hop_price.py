"""The price of the Kafka hop: what the way through the aggregates topic and the Redis writer costs, from two runs.

One run has the route `kafka`, the other `direct`; see `Scenario.route`. Pure functions; `harness/conclusions/gate.py`
asks them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import BaseModel, ConfigDict, Field

from engines.contract.job import DIRECT, KAFKA
from harness.results.result import EngineResult, Result, TrialResult

#: The processes between the engine and the probe. The rest of the pipeline (the live map) does not depend on the route.
_SERVICES = ("kafka", "redis", "redis writer")


class HopPrice(BaseModel):
    """A figure of one engine by both routes."""

    model_config = ConfigDict(extra="forbid")

    engine: str
    figure: str
    unit: str
    kafka: float | None = Field(description="null if it was not measured in every trial")
    direct: float | None
    price: float | None = Field(description="`kafka` less `direct`: negative where the direct route costs more")


def route_of(result: Result) -> str:
    """The route of a run; one from before there was a choice went through Kafka."""
    return str(result.scenario.get("route", KAFKA))


def route_of_engine(result: Result, engine: EngineResult) -> str:
    """The route of one of the run's contestants."""
    return str(engine.own.get("route", route_of(result)))


def hop_prices(engines: list[tuple[EngineResult, EngineResult]]) -> list[HopPrice]:
    """The prices of engines, each given as it was by the route `kafka` and by the route `direct`."""
    return [
        _price(kafka.name, figure, unit, measure(kafka), measure(direct))
        for kafka, direct in engines
        for figure, unit, measure in _FIGURES
    ]


def by_route(old: Result, new: Result, both: list[tuple[EngineResult, EngineResult]]) -> list[HopPrice]:
    """The prices of the engines in `both` runs; none of those that have the same route in both."""
    routes = [(route_of_engine(old, before), route_of_engine(new, after)) for before, after in both]
    return hop_prices(
        [
            pair if of == (KAFKA, DIRECT) else (pair[1], pair[0])
            for pair, of in zip(both, routes, strict=True)
            if set(of) == {KAFKA, DIRECT}
        ]
    )


def _price(engine: str, figure: str, unit: str, kafka: float | None, direct: float | None) -> HopPrice:
    price = None if kafka is None or direct is None else kafka - direct
    return HopPrice(engine=engine, figure=figure, unit=unit, kafka=kafka, direct=direct, price=price)


def _engine_cpu(engine: EngineResult) -> float | None:
    return engine.cost.cpu_s_per_million_records if engine.cost else None


def _services_cpu(engine: EngineResult) -> float | None:
    """CPU-seconds per million records of what is between the engine and the probe; None if not all of it is known."""
    used = list(_used_s(engine.trials))
    if not engine.cost or None in used:
        return None
    return sum(each for each in used if each is not None) / engine.cost.records * 1e6


def _used_s(trials: list[TrialResult]) -> Iterator[float | None]:
    for trial in trials:
        costs: dict[str, float] = {}
        for cost in trial.other_costs:
            # Of several brokers, all but the first have numbers.
            name = cost.name.rstrip(" 0123456789")
            costs[name] = costs.get(name, 0.0) + cost.cpu_user_s + cost.cpu_system_s
        # The user's own services cannot be measured.
        yield sum(costs.get(name, 0.0) for name in _SERVICES) if {"kafka", "redis"} <= costs.keys() else None


def _all_cpu(engine: EngineResult) -> float | None:
    own, services = _engine_cpu(engine), _services_cpu(engine)
    return None if own is None or services is None else own + services


_FIGURES: tuple[tuple[str, str, Callable[[EngineResult], float | None]], ...] = (
    ("latency p50", "ms", lambda engine: engine.latency_ms.p50 if engine.latency_ms else None),
    ("latency p99", "ms", lambda engine: engine.latency_ms.p99 if engine.latency_ms else None),
    ("latency mean", "ms", lambda engine: engine.latency_ms.mean if engine.latency_ms else None),
    ("CPU per million records, engine", "s", _engine_cpu),
    ("CPU per million records, Kafka, Redis and writer", "s", _services_cpu),
    ("CPU per million records, all of these", "s", _all_cpu),
)
