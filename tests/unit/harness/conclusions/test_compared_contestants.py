"""Contestants in `compare`: by their names, one by another of the same run, and by both routes of one run."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness import cli
from harness.conclusions.comparable import check_comparable, one_contestant
from harness.conclusions.gate import gate
from harness.conclusions.gate_figures import Status
from harness.errors import UsageError
from harness.results.result import EngineResult, Result, save_result
from tests.builders.results import directly
from tests.builders.two_runs import run, with_engines

ENTRIES = [{"name": each, "engine": "flink"} for each in ("a", "b")]


def contestant(name: str, factor: float, seed: int, **own: Any) -> EngineResult:
    """A contestant that runs Flink, whose CPU time is so many times the usual."""
    (found,) = run({"cpu_s_per_million_records": factor}, seed=seed, name=name).engines
    return found.model_copy(update={"engine": "flink", "own": own})


def contest(seed: int, *, b: float, **own: Any) -> Result:
    """A run of `a`, which is as usual, and of `b`, which takes `b` times the CPU time, and has something of its own."""
    found = with_engines(run(seed=seed), contestant("a", 1, seed), contestant("b", b, seed + 50, **own))
    return found.model_copy(update={"scenario": found.scenario | {"engines": ENTRIES}})


def test_contestants_of_two_runs_are_judged_by_their_names() -> None:
    old, new = contest(1, b=1), contest(2, b=2)
    found = gate(old, new, notes=check_comparable(old, new))
    assert not found.passed
    assert {each.engine for each in found.changes} == {"a", "b"}
    assert [each.engine for each in found.changes if each.status is Status.REGRESSION] == ["b"]
    assert gate(old, contest(2, b=1)).passed


def test_what_a_contestant_of_the_same_name_had_of_its_own_is_noted() -> None:
    notes = check_comparable(contest(1, b=1, parallelism=2), contest(2, b=1, settings={"heap": "1g"}))
    assert "b parallelism: 2 in OLD, none in NEW" in notes
    assert "b setting heap: none in OLD, 1g in NEW" in notes


def test_a_contestant_is_judged_by_another_one_of_the_same_run(tmp_path: Path) -> None:
    save_result(contest(1, b=2, settings={"heap": "1g"}), tmp_path)

    def compared(*arguments: str) -> Any:
        return CliRunner().invoke(cli.app, ["compare", str(tmp_path), "--format", "md", *arguments])

    worse = compared("--baseline", "a", "--candidate", "b")
    assert worse.exit_code == 1, worse.output
    assert "b against a" in worse.output and "setting heap: none in OLD, 1g in NEW" in worse.output
    better = compared("--baseline", "b", "--candidate", "a")
    assert better.exit_code == 0, better.output
    for arguments, words in (
        (("--baseline", "a"), "--baseline and --candidate belong together"),
        ((), "there is nothing to judge"),
        (("--baseline", "a", "--candidate", "c"), "--candidate c: run-1 has no such contestant"),
    ):
        assert words in str(compared(*arguments).exception)


def test_an_engine_by_its_own_name_has_the_scenarios_settings_under_another_name_too() -> None:
    plain = run().model_copy(update={"scenario": run().scenario | {"engine_settings": {"flink": {"heap": "1g"}}}})
    (found,) = one_contestant(plain, "flink", "--baseline", "x").engines
    assert (found.name, found.engine, found.own) == ("x", "flink", {"settings": {"heap": "1g"}})
    with pytest.raises(UsageError, match="--baseline spark: run-1 has no such contestant"):
        one_contestant(plain, "spark", "--baseline", "x")


def test_two_contestants_by_both_routes_in_one_run_tell_the_price_of_the_hop() -> None:
    whole = contest(1, b=1)
    (direct,) = directly(with_engines(whole, contestant("b", 1, 51))).engines
    mixed = with_engines(whole, whole.engines[0], direct.model_copy(update={"own": {"route": "direct"}}))
    old = one_contestant(mixed, "a", "--baseline", "b against a")
    new = one_contestant(mixed, "b", "--candidate", "b against a")
    found = gate(old, new)
    prices = {each.figure: each for each in found.hop_prices}
    price = prices["CPU per million records, Kafka, Redis and writer"]
    assert price.kafka and price.direct and price.price == price.kafka - price.direct > 0
