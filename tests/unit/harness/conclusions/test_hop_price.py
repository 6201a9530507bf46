"""The price of the Kafka hop is what the way through Kafka costs more than the direct one."""

from __future__ import annotations

import re

import pytest

from harness.conclusions.comparable import check_comparable
from harness.conclusions.gate import gate
from harness.results.result import Result
from reports.documents.gate import gate_markdown
from tests.builders.results import directly, make_engine, make_result
from tests.builders.two_runs import (
    terminal,
    with_scenario,
)


def by_both_routes() -> tuple[Result, Result]:
    """Runs that differ in their routes only: through Kafka, p50 is 12 ms, and directly 10 ms."""
    kafka, direct = make_result(engines=[make_engine("flink", 12)]), make_result(engines=[make_engine("flink", 10)])
    return kafka, directly(direct).model_copy(update={"run_id": "direct"})


def prices(old: Result, new: Result) -> dict[str, tuple[float | None, ...]]:
    found = gate(old, new, point_estimates=True, notes=check_comparable(old, new))
    assert "route: " in " ".join(found.notes)
    return {each.figure: (each.kafka, each.direct, each.price) for each in found.hop_prices}


def test_the_price_of_the_kafka_hop_is_what_it_costs_more_in_either_order_of_the_runs() -> None:
    kafka, direct = by_both_routes()
    found = prices(kafka, direct)
    assert found == prices(direct, kafka)
    p50s = [run.engines[0].latency_ms.p50 for run in (kafka, direct) if run.engines[0].latency_ms]
    assert found["latency p50"] == (*p50s, p50s[0] - p50s[1])
    through, around, price = found["CPU per million records, Kafka, Redis and writer"]
    # The writer, which the direct route lacks, has 0.11 of a core at 6,000 records/s.
    assert through and around and price == pytest.approx(0.11 / 6000 * 1e6)
    assert through == pytest.approx((0.19 + 0.085 + 0.11) / 6000 * 1e6)


def test_runs_of_the_same_route_and_engines_with_other_settings_show_no_price() -> None:
    kafka, direct = by_both_routes()
    assert gate(kafka, with_scenario(kafka, route="kafka"), point_estimates=True).hop_prices == []
    tuned = with_scenario(direct, engine_settings={"flink": {"flush_interval_ms": 5}})
    assert gate(kafka, tuned, point_estimates=True).hop_prices == []


def test_services_that_could_not_be_measured_have_no_price() -> None:
    kafka, direct = by_both_routes()
    for engine in direct.engines:
        engine.trials[0].other_costs = []
    assert prices(kafka, direct)["CPU per million records, all of these"][1:] == (None, None)


def test_the_price_is_told_in_the_terminal_and_in_markdown() -> None:
    kafka, direct = by_both_routes()
    found = gate(kafka, direct, point_estimates=True)
    assert all(len(line) <= 80 for line in terminal(found).splitlines())
    assert "The price of the Kafka hop" in terminal(found)
    assert re.search(
        r"^\| flink \| latency p50, ms \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$",
        gate_markdown(found, kafka, direct),
        re.MULTILINE,
    )
