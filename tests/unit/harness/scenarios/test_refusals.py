"""What does not go together is refused once, before anything starts, and stands in the documents as it is refused."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.scenarios.refusals import (
    CHAOS,
    GENERATE,
    LOADTEST,
    OPERATE,
    OWN_REDIS,
    REFUSALS,
    RUN,
    SCALE,
    SOAK,
    SWEEP,
    VIEW,
    check_together,
    table,
)
from harness.scenarios.scenario import Scenario

DOCUMENT = Path(__file__).parents[4] / "docs" / "scenarios.md"
FAULTS = {"faults": [{"kind": "redis-lost", "at_s": 9}]}
OPERATIONS = {"operations": [{"kind": "restart", "at_s": 9}]}
QUERY = {"query": "pairs"}
CONTESTANTS = {"engines": ["flink", {"name": "fast", "engine": "flink"}]}
EXACTLY_ONCE = {"delivery": "exactly-once"}
WIDE = {"engines": ["flink", {"name": "wide", "engine": "flink", "parallelism": 4}]}
RAMP = {"kind": "ramp", "from_factor": 1, "to_factor": 3}


def _scenario(**changes: Any) -> Scenario:
    return Scenario.model_validate({"name": "x"} | changes)


CASES = [
    ({"input": {"path": "calls.csv"}}, (SWEEP, SCALE, CHAOS, SOAK, LOADTEST, GENERATE), "makes its own records"),
    (QUERY, (SWEEP, SCALE, CHAOS, SOAK, LOADTEST), "measures counts only"),
    (QUERY, (VIEW,), "--view shows counts only"),
    (QUERY | {"input": {"path": "calls.csv"}}, (RUN,), "`input` is replayed for counts only"),
    (QUERY | FAULTS, (RUN,), "faults are injected for counts only"),
    (QUERY | OPERATIONS, (RUN,), "what they cost is told of counts only"),
    (QUERY | {"route": "direct"}, (RUN,), "`route: direct` is for counts only"),
    (EXACTLY_ONCE | {"route": "direct"}, (RUN, SWEEP), "`delivery` is exactly-once, and Redis takes no part"),
    (EXACTLY_ONCE | QUERY, (RUN,), "proven of counts only"),
    ({"locations": "us"}, (VIEW, LOADTEST), "`locations` is us, and .* shows California's counties"),
    ({"cluster": True}, (SWEEP, SCALE, SOAK, LOADTEST), "starts no clusters"),
    (
        {"truth": {"master": "spark://h:7077"}},
        (SWEEP, SCALE, CHAOS, SOAK, LOADTEST, GENERATE),
        "`truth.master`, and .* computes no truth from an archive",
    ),
    (WIDE, (SCALE,), "gives all contestants the same"),
    ({"surges": [{"county": "Kern", "at_s": 1, "duration_s": 2, "factor": 3}]}, (SWEEP, SCALE), "`surges`.*constant"),
    ({"profile": [RAMP]}, (SWEEP, SCALE), "`profile`.*constant"),
    ({"profile": [RAMP]}, (CHAOS,), "a ramp up to the end"),
    (FAULTS, (SWEEP, SCALE, CHAOS, SOAK, LOADTEST, GENERATE), "the scenario has `faults`"),
    (OPERATIONS, (SWEEP, SCALE, CHAOS, OPERATE, SOAK, LOADTEST, GENERATE), "the scenario has `operations`"),
    (OPERATIONS | {"cluster": True}, (RUN,), "they take the engine for one process"),
    (FAULTS, (OWN_REDIS,), "--redis names a service of your own"),
    ({"disorder": {"shuffle_ms": 100}}, (CHAOS, SOAK), "counts that are known exactly"),
    ({"disorder": {"shuffle_ms": 100}} | FAULTS, (RUN,), "counts that are known exactly"),
    ({"duplicates_per_million": 5}, (SOAK,), "second by second"),
    ({"route": "direct"}, (CHAOS, SOAK), "need not survive a lost Redis"),
    ({"route": "direct"}, (LOADTEST,), "as it usually is"),
    ({"route": "direct"} | FAULTS, (RUN,), "redis-lost, which harms Redis.*no writer"),
]


@pytest.mark.parametrize(("changes", "asked", "words"), CASES)
def test_what_does_not_go_together_is_refused_with_its_reason(
    changes: dict[str, Any], asked: tuple[str, ...], words: str
) -> None:
    for each in asked:
        with pytest.raises(UsageError, match=words) as caught:
            check_together(_scenario(**changes), each)
        assert caught.value.fix and "{" not in caught.value.fix + caught.value.message


def test_every_row_is_tried() -> None:
    """A row that no case meets first would be a check that cannot fail."""
    met = set()
    for changes, asked, _ in CASES:
        scenario = _scenario(**changes)
        for each in asked:
            with pytest.raises(UsageError) as caught:
                check_together(scenario, each)
            met |= {
                number
                for number, row in enumerate(REFUSALS)
                for what in row.what
                if caught.value.message.endswith(f", and {row.why.format(what=what)}")
            }
    assert met == set(range(len(REFUSALS)))


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, (RUN, SWEEP, SCALE, CHAOS, SOAK, LOADTEST, GENERATE, VIEW, OWN_REDIS)),
        (FAULTS, (RUN, VIEW)),
        (OPERATIONS, (RUN, VIEW, OWN_REDIS)),
        (QUERY, (RUN, OWN_REDIS)),
        (CONTESTANTS, (RUN, SWEEP, SCALE, CHAOS, SOAK, LOADTEST, VIEW)),
        (WIDE, (RUN, SWEEP, CHAOS, SOAK, LOADTEST)),
        (EXACTLY_ONCE, (RUN, SWEEP, CHAOS, SOAK, LOADTEST, VIEW)),
        (EXACTLY_ONCE | FAULTS, (RUN,)),
        ({"route": "direct"}, (RUN, SWEEP, SCALE, GENERATE)),
        ({"route": "direct", "faults": [{"kind": "engine-kill", "at_s": 9}]}, (RUN,)),
        ({"cluster": True}, (RUN, CHAOS)),
        ({"locations": "us"}, (RUN, SWEEP)),
        ({"profile": [RAMP | {"duration_s": 20}]}, (CHAOS, RUN)),
    ],
)
def test_what_goes_together_is_not(changes: dict[str, Any], asked: tuple[str, ...]) -> None:
    for each in asked:
        check_together(_scenario(**changes), each)


def test_the_documents_show_the_table_as_it_is() -> None:
    assert "\n".join(table()) in DOCUMENT.read_text(encoding="utf-8"), "python -m harness.scenarios.refusals prints it"
