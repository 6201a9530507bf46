"""The fixture `ratio`: how long something takes, over how long a reference takes that is measured in turns with it.

Seconds say as much about the machine, and what else it does, as about the code. A ratio of two times, each the least of
many, measured in turns, says much less about it. The stored ratios in ``ratios.json`` are what later ones are held to.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RATIOS = Path(__file__).with_name("ratios.json")
#: A ratio may be so many times the stored one: what another machine, or a bad hour, was seen to make of it.
MARGIN = 1.6
ROUNDS = 25

Ratio = Callable[[Callable[[], object]], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that stores ratios instead of checking them."""
    parser.addoption("--store-ratios", action="store_true", help="Write what is measured to ratios.json.")


def _reference() -> int:
    """Work such as Ringbench's: some Python, some NumPy, no system call."""
    counts: dict[bytes, int] = {}
    for number in range(5000):
        key = b"%d|%d" % (number % 50, number % 7)
        counts[key] = counts.get(key, 0) + 1
    values = np.arange(100_000, dtype=np.int64)[::-1] * 2_654_435_761 % 1_000_003
    return len(counts) + int(np.sort(values)[-1])


@pytest.fixture
def ratio(benchmark: Any, request: pytest.FixtureRequest) -> Ratio:
    """Call it with the work to measure; it fails if that takes too many times as long as the reference."""

    def measure(work: Callable[[], object]) -> None:
        reference_s: list[float] = []

        def before_each() -> None:
            started_s = time.perf_counter()
            _reference()
            reference_s.append(time.perf_counter() - started_s)

        benchmark.pedantic(work, setup=before_each, rounds=ROUNDS, warmup_rounds=2)
        found = benchmark.stats.stats.min / min(reference_s)
        benchmark.extra_info["ratio"] = found
        _hold(request.node.name.removeprefix("test_"), found, store=request.config.getoption("--store-ratios"))

    return measure


def _hold(name: str, found: float, *, store: bool) -> None:
    stored = json.loads(RATIOS.read_text(encoding="utf-8")) if RATIOS.exists() else {}
    if store:
        ratios = dict(sorted((stored | {name: round(found, 3)}).items()))
        RATIOS.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")
        return
    assert name in stored, f"{name}: no ratio is stored yet; run with --store-ratios"
    assert found <= MARGIN * stored[name], (
        f"{name}: {found:.2f} times the reference; {stored[name]:.2f} is stored, and {MARGIN:g} times that is allowed. "
        "If it is to be so, run with --store-ratios and say why in docs/tuning.md"
    )
