"""Every query other than counts, by every engine: right answers are proven right, and wrong ones wrong.

In the gate, Flink is asked one query here, and Spark in `test_secured.py`; in the proofs, all the others.
"""

from pathlib import Path

import pytest

from engines.contract.queries import COUNTS, QUERIES
from tests.integration.asked import ASKED, asking, assert_answered_right
from tests.integration.ringbench import FIXTURE_ENGINES, Ringbench, Services, outcome, write_scenario

pytestmark = pytest.mark.integration

#: In the gate: an engine, and one that answers wrongly.
IN_GATE = {"distinct-callers": ["flink", "miscalling"]}
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
    right, broken = engines[0], engines[1:]
    scenario = write_scenario(tmp_path, engines=engines, **asking(query))
    arguments = ["run", scenario, "--json", "--engine-path", str(FIXTURE_ENGINES), *services.arguments()]
    with Ringbench(tmp_path, *arguments, env=services.environment()) as run:
        found = outcome(run)
    assert found.result["valid"], found.result["invalid_reasons"]
    assert found.code == (1 if broken else 0), found.stderr
    assert_answered_right(found, right, query)
    for name in broken:
        engine = found.engine(name)
        assert engine["verdict"] == "fail" and engine["answers"]["mismatched"] > 3
        assert engine["answers"]["missing"] == engine["answers"]["extra"] == 0
