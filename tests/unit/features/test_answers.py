"""Queries other than counts: the truth is that of a plain reading of the lines, and what cannot be asked is refused."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engines.contract.queries import COUNTS, QUERIES
from engines.contract.record import PATTERNS
from harness.engines.catalogue import check_query, find_engines
from harness.errors import ConfigurationError, UsageError
from harness.evaluation.query_answers import (
    truth_of,
)
from harness.scenarios.loading import load_scenario
from tests.builders.queries import OTHERS, PARAMETERS, SPECIFICATION, scenario_of
from workloads.answers import expected_answers, may_be_late
from workloads.disorder import Disorder
from workloads.workload import Workload


class Line:
    """A well-formed line, taken apart by the contract's own pattern."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.caller, self.callee, self.location = fields[:3]
        self.event_ms, self.kind = int(fields[4]), fields[5]

    def window_s(self, window_s: int) -> int:
        return self.event_ms // 1000 // window_s * window_s


@pytest.fixture(scope="module")
def lines() -> list[Line]:
    workload = Workload(SPECIFICATION)
    pattern = re.compile(PATTERNS["california"])
    texts = (line.decode("latin-1") for line in workload.lines(workload.columns(0, workload.total_records)))
    found = [match.groups() for text in texts if (match := pattern.fullmatch(text))]
    return [Line(fields) for fields in found if int(fields[4]) >= int(fields[3])]


def plainly(query: str, lines: list[Line], parameters: dict[str, int]) -> dict[str, int]:
    """The answers, the slow way."""
    return dict(
        {
            "distinct-callers": _distinct,
            "distinct-callers-hll": _distinct,
            "top-counties": _top,
            "sessions": _sessions,
            "pairs": _pairs,
        }[query](lines, **parameters)
    )


def _distinct(lines: list[Line], window_s: int) -> Iterator[tuple[str, int]]:
    callers = defaultdict(set)
    for line in lines:
        callers[f"{line.window_s(window_s)}|{line.location}"].add(line.caller)
    yield from ((key, len(found)) for key, found in callers.items())


def _top(lines: list[Line], window_s: int, k: int) -> Iterator[tuple[str, int]]:
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for line in lines:
        counts[line.window_s(window_s)][line.location] += 1
    for start_s, found in counts.items():
        for place, code in enumerate(sorted(found, key=lambda code: (-found[code], code))[:k], start=1):
            yield f"{start_s}|{place}", int(code)


def _sessions(lines: list[Line], gap_s: int) -> Iterator[tuple[str, int]]:
    times = defaultdict(list)
    for line in lines:
        times[line.caller].append(line.event_ms)
    for caller, found in times.items():
        found.sort()
        session = [found[0]]
        for event_ms in [*found[1:], found[-1] + gap_s * 1000 + 1]:
            if event_ms - session[-1] > gap_s * 1000:
                yield f"{session[0] // 1000}|{caller}|{session[0]}|{session[-1]}", len(session)
                session = []
            session.append(event_ms)


def _pairs(lines: list[Line], window_s: int, within_s: int) -> Iterator[tuple[str, int]]:
    texts = defaultdict(list)
    for line in lines:
        if line.kind == "text":
            texts[frozenset((line.caller, line.callee))].append(line.event_ms)
    matches: Counter[str] = Counter()
    for line in lines:
        if line.kind == "call":
            pair = sorted((line.caller, line.callee))
            near = sum(abs(at - line.event_ms) <= within_s * 1000 for at in texts[frozenset(pair)])
            matches[f"{line.window_s(window_s)}|{pair[0]}|{pair[1]}"] += near
    yield from ((key, count) for key, count in matches.items() if count)


@pytest.mark.parametrize("query", OTHERS)
def test_the_truth_is_that_of_a_plain_reading_of_the_lines(query: str, lines: list[Line]) -> None:
    found = expected_answers(Workload(SPECIFICATION), query, PARAMETERS[query])
    values = {key.decode("ascii"): answer.value for key, answer in found.answers.items()}
    assert values == plainly(query, lines, PARAMETERS[query])
    assert 0 < len(found.due) < len(found.answers)
    assert len(set(values.values())) > 3, "a truth that is always the same proves little"
    check = QUERIES[query].key_check()
    for key in found.answers:
        check(key)


@pytest.mark.parametrize("query", OTHERS)
def test_an_answer_is_due_only_if_every_partition_has_gone_past_it(query: str) -> None:
    found = expected_answers(Workload(SPECIFICATION), query, PARAMETERS[query])
    end_ms = (SPECIFICATION.epoch_s + 9) * 1000
    assert end_ms - 2500 - 200 < found.closed_ms < end_ms - 2500
    for answer in found.answers.values():
        assert answer.last_ms <= answer.settled_ms
    assert max(answer.settled_ms for answer in found.due.values()) <= found.closed_ms


def test_a_session_goes_on_over_a_pause_of_the_very_gap() -> None:
    """Both engines say so, and the definition does."""
    workload = Workload(replace(SPECIFICATION, duplicates_per_million=0, rate_records_per_s=1, subscribers=1))
    callers = workload.columns(0, workload.total_records).source_numbers
    together = expected_answers(workload, "sessions", {"gap_s": len(callers)}).answers
    assert len(together) == len(set(callers[~workload.columns(0, workload.total_records).malformed].tolist()))


def test_fewer_subscribers_are_fewer_numbers_and_nothing_else_changes() -> None:
    usual = Workload(replace(SPECIFICATION, subscribers=8_000_000)).columns(0, 5000)
    few = Workload(SPECIFICATION).columns(0, 5000)
    assert len(set(few.source_numbers.tolist())) < 58 * 5 + 1 < len(set(usual.source_numbers.tolist()))
    assert (few.cells == usual.cells).all() and (few.event_times_ms == usual.event_times_ms).all()


# Late records


def test_records_are_late_only_with_disorder_beyond_the_lateness() -> None:
    disorder = Disorder(shuffle_ms=2000)
    assert not may_be_late(Workload(replace(SPECIFICATION, duplicates_per_million=0, allowed_lateness_ms=0)))
    assert not may_be_late(Workload(replace(SPECIFICATION, disorder=disorder, allowed_lateness_ms=6000)))
    assert may_be_late(Workload(replace(SPECIFICATION, disorder=disorder, allowed_lateness_ms=100)))


def test_answers_that_would_not_be_known_are_refused() -> None:
    scenario = scenario_of("sessions", disorder={"shuffle_ms": 9000}, rate_records_per_s=500)
    with pytest.raises(UsageError, match="only if no record is late") as caught:
        truth_of(scenario, Workload(scenario.workload()))
    assert "allowed_lateness_ms" in caught.value.fix


def test_a_load_by_whose_end_nothing_is_final_is_refused() -> None:
    scenario = scenario_of("distinct-callers", duration_s=1, warmup_s=1, rate_records_per_s=500)
    with pytest.raises(UsageError, match="no answer is final by the end of the load"):
        truth_of(scenario, Workload(scenario.workload()))


# What is asked for


@pytest.mark.parametrize("query", OTHERS)
def test_keys_of_other_queries_are_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"is not (WINDOW|START)_S"):
        QUERIES[query].key_check()(b"1767225600|06037|Verizon|text")
    with pytest.raises(ValueError, match="WINDOW_S"):
        QUERIES[COUNTS].key_check()(b"1767225600|06037")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"query": "distinct-caller"}, "did you mean 'distinct-callers'"),
        ({"query": "sessions", "query_parameters": {"window_s": 3}}, "no parameter 'window_s'; known: gap_s"),
        ({"query": "sessions", "query_parameters": {"gap_s": 0}}, "gap_s is 0; give a whole number"),
        ({"query": "counts", "query_parameters": {"gap_s": 1}}, "no parameter 'gap_s'; known: none"),
        ({"subscribers": 0}, "subscribers"),
    ],
)
def test_wrong_keys_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_scenario("queries", changes)


def test_an_engine_without_the_query_is_named_with_those_that_have_it() -> None:
    check_query(find_engines(["spark", "flink"]), "pairs", [])
    check_query(find_engines(["baseline"]), "counts", [])
    both = find_engines(["spark", "baseline"])
    with pytest.raises(ConfigurationError, match="baseline does not have the query 'pairs', only counts") as caught:
        check_query(both, "pairs", [])
    assert "--engine flink --engine spark" in caught.value.fix
