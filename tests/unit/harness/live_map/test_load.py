"""What the harness makes of a load test's account, and what reports make of that."""

from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.experiments.loadtest.outcome import p99_ratios, passed
from harness.live_map.load_process import PACKAGES, Account, LoadOptions, measured, search_path, searched, unfit
from harness.live_map.user_experience import ExperienceBounds, Second
from harness.results.live_map import Dashboard
from reports.documents.dashboard import dashboard_table
from reports.documents.run import html_text, markdown_text
from reports.pictures.dashboard import draw_dashboard
from reports.sections.dashboard import dashboard_section
from reports.wording.opening import head_of
from tests.builders.results import make_engine, make_result

BOUNDS = ExperienceBounds(push_ms_p99=250, lag_ms_p99=100)
LOAD = LoadOptions(users=10, bounds=BOUNDS)
START_S = 1_000
RIGHT = {"checked": 2, "agree": 2, "cells": 400}


def _second(push_ms: int = 100, **changes: Any) -> Second:
    fields = {"users": 10, "push": Counter({push_ms: 80}), "newest": Counter({20: 80}), "lag": Counter({1: 20})}
    return Second(**(fields | {"frames": 80, "bytes": 800, "cpu_s": 0.25} | changes))


def _account(seconds: dict[int, Second], **found: Any) -> Account:
    usual = {"converged": RIGHT, "reasons": {}, "holds": [], "attempts": [], "answer": None}
    return Account(seconds, usual | found)


def _measured(*seconds: Second, **found: Any) -> Any:
    account = _account({START_S + number: each for number, each in enumerate(seconds)}, **found)
    return measured(account, "a load", LOAD, START_S, START_S + len(seconds))


def test_a_load_that_was_held_tells_rates_spreads_and_seconds() -> None:
    load = _measured(_second(), _second(200))
    assert (load.problem, load.users, load.duration_s) == ("", 10, 2)
    assert (load.frames_per_s, load.bytes_per_s, load.client_cpu_cores) == (80, 800, 0.25)
    assert load.push_ms.model_dump() == {"p50": 101, "p90": 201, "p99": 201, "p999": 201, "max": 201, "count": 160}
    assert (load.pages_ms, load.recoveries_ms) == (None, None)
    assert [(each.t_s, each.push_ms_p99) for each in load.series] == [(0, 101), (1, 201)]
    assert unfit(load, BOUNDS) == []


def test_users_with_wrong_counts_are_no_held_load() -> None:
    load = _measured(_second(), converged={"checked": 3, "agree": 1, "cells": 400})
    assert load.problem == "2 of 3 users have wrong counts"


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (_second(lag=Counter({1: 98, 150: 2})), "timer was late by 151.0 ms (p99), limit 100 ms"),
        (_second(lag=Counter()), "the load generator fell behind"),
        (_second(negative=1), "clocks disagree"),
    ],
)
def test_numbers_that_must_not_be_believed_say_why(second: Second, words: str) -> None:
    [reason] = unfit(_measured(second), BOUNDS)
    assert words in reason


def _search(failed_lag_ms: int) -> Any:
    seconds = {
        START_S: _second(),
        START_S + 1: _second(users=20, push=Counter({900: 80}), lag=Counter({failed_lag_ms: 20})),
    }
    holds = [{"users": users, "start_s": START_S + n, "end_s": START_S + n + 1} for n, users in enumerate((10, 20))]
    attempts = [{"kind": "probe", "rate": 10, "sustained": True}, {"kind": "probe", "rate": 20, "sustained": False}]
    account = _account(seconds, holds=holds, attempts=attempts, answer={"rate": 10, "failed_rate": 20})
    return searched(account, BOUNDS)


def test_a_search_tells_its_levels_and_whether_the_load_generator_was_the_limit() -> None:
    found = _search(failed_lag_ms=5)
    assert [(level.users, level.held, level.push_ms_p99) for level in found.levels] == [
        (10, True, 101),
        (20, False, 901),
    ]
    assert found.levels[1].problem == "push latency p99 901 ms, bound 250 ms"
    assert (found.held_users, found.failed_users, found.at_least) == (10, 20, False)
    assert _search(failed_lag_ms=500).at_least


def test_a_search_that_was_cut_short_names_no_number() -> None:
    found = searched(_account({}), BOUNDS)
    assert (found.levels, found.held_users, found.at_least) == ([], None, True)


def test_ratios_of_p99_are_paired_by_block() -> None:
    alone, loaded = make_engine("flink", 20, 0.6, trials=2), make_engine("flink-loaded", 30, 0.6, trials=2)
    expected = [
        b.latency_ms.p99 / a.latency_ms.p99
        for a, b in zip(alone.trials, loaded.trials, strict=True)
        if a.latency_ms and b.latency_ms
    ]
    assert p99_ratios(alone, loaded) == pytest.approx(expected)
    unmeasured = loaded.model_copy(
        update={"trials": [loaded.trials[0], loaded.trials[1].model_copy(update={"latency_ms": None})]}
    )
    assert p99_ratios(alone, unmeasured) == pytest.approx(expected[:1])


def _dashboard(**changes: Any) -> Dashboard:
    fields = {
        "users": 10,
        "push_bound_ms_p99": 250,
        "lag_bound_ms_p99": 100,
        "max_rate_hz": 10,
        "loads": [_measured(_second(), _second(200))],
        "engine": "flink",
        "pipeline_p99_ratios": [1.1, 1.2],
        "pipeline_p99_ratio": 1.149,
        "search": _search(5),
    }
    return Dashboard(**(fields | changes))


def test_a_dashboard_passes_if_it_has_loads_and_all_were_held() -> None:
    assert passed(_dashboard())
    assert not passed(_dashboard(loads=[]))
    assert not passed(_dashboard(loads=[_measured(_second(), _second(failures=3))]))


def test_reports_tell_the_load_the_ratio_and_the_search(tmp_path: Path) -> None:
    result = make_result().model_copy(update={"dashboard": _dashboard()})
    picture = draw_dashboard(result)
    assert picture
    html, markdown = html_text(result, [picture]), markdown_text(result, [picture])
    for text in ("The live map under load", "10 users held", "1.15 times", "push latency p99 901 ms"):
        assert text in html and text in markdown
    assert head_of(result).good and html.index(picture.caption[:40]) < html.index("Push latency p99")
    assert [row.value.isdigit() for row in head_of(result).figures[0].rows] == [True]
    picture.figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_a_run_without_a_load_test_has_no_such_section() -> None:
    assert dashboard_section(make_result()) is None
    assert draw_dashboard(make_result()) is None


def test_the_terminals_table_says_what_failed_how_often_and_fits_80_columns() -> None:
    load = _measured(_second(failures=3), reasons={"WS watch: [refused]": 3})
    stream = StringIO()
    Console(file=stream, width=80).print(dashboard_table(_dashboard(loads=[load])))
    shown = stream.getvalue()
    assert "a load: 3 failures" in shown and "3 times WS watch: [refused]" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_load_tests_process_finds_ringbenchs_own_packages_and_nothing_beside_them(tmp_path: Path) -> None:
    path = search_path(tmp_path)
    assert search_path(tmp_path) == path, "a second load test in the same directory"
    assert {each.name for each in path.iterdir()} == set(PACKAGES)
    assert all((each / "__init__.py").exists() or (each / "contract").exists() for each in path.iterdir())
