"""Every query other than counts, by every engine: right answers are proven right, and wrong ones wrong.

In the gate, each engine is asked one query; in the proofs, all the others.
"""

from pathlib import Path
from typing import Any

import pytest

from engines.contract.queries import COUNTS, QUERIES
from tests.integration.ringbench import FIXTURE_ENGINES, Ringbench, Services, outcome, write_scenario

pytestmark = pytest.mark.integration

#: By query: its parameters, and how many subscribers make its answers worth the while.
ASKED: dict[str, tuple[dict[str, int], int]] = {
    "distinct-callers": ({"window_s": 2}, 20),
    "distinct-callers-hll": ({"window_s": 2}, 8_000_000),
    "top-counties": ({"window_s": 2, "k": 5}, 20),
    "sessions": ({"gap_s": 1}, 100),
    "pairs": ({"window_s": 2, "within_s": 1}, 20),
}
#: Its lateness has to be short against the load, for windows to close within it.
LOAD: dict[str, Any] = {
    "rate_records_per_s": 1500,
    "warmup_s": 1,
    "duration_s": 9,
    "allowed_lateness_ms": 3000,
    # A busy machine may take long for the first answer; waiting ends with the last one.
    "limits": {"settle_s": 0.5, "quiet_s": 60.0},
}


#: In the gate: an engine, and one that answers wrongly.
IN_GATE = {"distinct-callers": ["spark", "miscalling"], "pairs": ["flink"]}
CASES = [
    *IN_GATE.items(),
    *(
        pytest.param(query, [engine], marks=pytest.mark.proof)
        for query in ASKED
        for engine in ("spark", "flink")
        if engine not in IN_GATE.get(query, [])
    ),
]


def test_every_query_is_asked() -> None:
    assert set(ASKED) == set(QUERIES) - {COUNTS}


@pytest.mark.parametrize(("query", "engines"), CASES)
def test_engines_answer_right_and_wrong_answers_are_found_out(
    query: str, engines: list[str], services: Services, tmp_path: Path
) -> None:
    parameters, subscribers = ASKED[query]
    right, broken = engines[0], engines[1:]
    scenario = write_scenario(
        tmp_path, engines=engines, query=query, query_parameters=parameters, subscribers=subscribers, **LOAD
    )
    arguments = ["run", scenario, "--json", "--engine-path", str(FIXTURE_ENGINES), *services.arguments()]
    with Ringbench(tmp_path, *arguments, env=services.environment()) as run:
        found = outcome(run)
    assert found.result["valid"], found.result["invalid_reasons"]
    assert found.code == (1 if broken else 0), found.stderr
    engine = found.engine(right)
    assert (engine["verdict"], engine["reasons"]) == ("pass", [])
    answers = engine["answers"]
    assert (answers["query"], answers["parameters"]) == (query, parameters)
    assert answers["observed"] >= answers["expected"] > 3
    assert answers["dead_letters"]["expected"] == answers["dead_letters"]["observed"] > 0
    assert engine["emission"]["delay_ms"]["count"] > 0 and engine["emission"]["revised"] == 0
    assert engine["correctness"] is engine["latency_ms"] is engine["throughput_records_per_s"] is None
    for name in broken:
        engine = found.engine(name)
        assert engine["verdict"] == "fail" and engine["answers"]["mismatched"] > 3
        assert engine["answers"]["missing"] == engine["answers"]["extra"] == 0
