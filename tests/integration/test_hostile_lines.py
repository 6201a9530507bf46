"""Thousands of hostile lines through real engines: each takes for malformed what the codec does, to the byte.

In the gate, they are 1,500; in the proofs, more than 10,000.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from engines.contract.record import parse
from harness.conformance import judge_counts
from harness.conformance.rig import Bench, Patience, Rig, open_rig
from harness.engines.catalogue import find_engines
from harness.engines.prepare import prepare
from harness.provision.java import ensure_java
from harness.session.directory import engine_environment
from tests.builders.oracle import codec_error
from tests.integration.ringbench import Services
from workloads.hostile import BOTH, REFUSED, VALID, drawn_lines, without_late_ones

ENGINES = ("spark", "flink", "baseline", "kstreams", "quix")
#: How many lines a message names.
NAMED = 5


pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Drawn:
    """Lines, all different and the same in every run, each with the name of its trap.

    There are to be so many `lines`, and each trap is to make so many of each class: fewer try `least`.
    """

    lines: int
    least: int
    made: dict[bytes, str]


@pytest.fixture(scope="module", params=[(1_500, 2), pytest.param((10_000, 15), marks=pytest.mark.proof)])
def drawn(request: pytest.FixtureRequest) -> Drawn:
    lines, least = request.param
    # Some are drawn twice.
    return Drawn(lines, least, drawn_lines(int(1.2 * lines)))


@pytest.fixture(scope="module")
def messages(drawn: Drawn) -> list[bytes | None]:
    """The values to send: the lines, some of them twice, and a tombstone."""
    return [*without_late_ones(list(drawn.made) + list(drawn.made)[::50]), None]


def test_there_are_enough_lines_on_either_side_of_the_border(drawn: Drawn) -> None:
    made = Counter((trap, parse(line) is not None) for line, trap in drawn.made.items())
    accepted = sum(count for (_, well_formed), count in made.items() if well_formed)
    assert len(drawn.made) >= drawn.lines
    assert 0.1 < accepted / len(drawn.made) < 0.7
    wanted = {(trap, well_formed) for trap in BOTH for well_formed in (True, False)}
    wanted |= {(VALID, True)} | {(trap, False) for trap in REFUSED}
    assert made.keys() == wanted
    assert min(made.values()) >= drawn.least, made


def test_the_codec_agrees_with_the_oracle(drawn: Drawn) -> None:
    wrong = {line: error for line in drawn.made if (error := codec_error(line))}
    assert not wrong, f"{len(wrong)} lines, such as {list(wrong.items())[:NAMED]}"


@pytest.mark.parametrize("engine", [*ENGINES, pytest.param("spark-rtm", marks=pytest.mark.proof)])
def test_an_engine_takes_for_malformed_what_the_codec_does(
    engine: str, messages: list[bytes | None], services: Services, tmp_path: Path
) -> None:
    with open_rig(bench(engine, services, tmp_path), "hostile") as (rig, stack):
        rig.send((0, each) for each in messages)
        # Spark moves its watermark between micro-batches only: make it some.
        child = rig.start(stack, {"max_records_per_batch": 3000} if engine == "spark" else {})
        child.wait_for("ready", Patience.ready_s)
        rig.settle(lambda: rig.is_right() and (rig.records_in() or 0) >= len(messages))
        assert rig.stop().code == 0
        assert differences(rig) == []
        totals = child.wait_for("stopped", 0).fields
    assert (totals["records_in"], totals["malformed"]) == (len(messages), rig.ledger.dead_letters.total())
    assert totals["late"] == 0


def bench(engine: str, services: Services, directory: Path) -> Bench:
    """The engine called so, with the services, and all files in `directory`."""
    return Bench(
        run_id=f"hostile-{engine}",
        prepared=prepare(find_engines([engine])[0], print),
        bootstrap_servers=services.kafka,
        redis_url=services.redis,
        work=directory,
        environment=engine_environment(ensure_java(print), directory),
        patience=Patience(),
    )


def differences(rig: Rig) -> list[str]:
    """Where an engine disagrees with the codec."""
    letters = [
        judge_counts.dead_letters(rig.ledger, rig.output, exactly=True, did="", tombstones=each)
        for each in (False, True)
    ]
    problems = (*letters, judge_counts.counts(rig.ledger, rig.output, ""))
    return [f"{each.seen}; {each.likely}" for each in problems if each]
