"""What Prometheus is served: its own parser reads it, names keep to its conventions, and what is unknown is absent."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import promql_parser
import pytest
import typer
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from harness.cli import app
from harness.commands.common import watching
from harness.console import redaction
from harness.console.figures import Figures
from harness.errors import UsageError
from harness.monitoring.board import Board
from harness.monitoring.families import FAMILIES, TRIAL, BoardCollector
from harness.monitoring.server import metrics_served
from tests.builders.trials import World, plan

ROOT = Path(__file__).parents[4]
DASHBOARD = ROOT / "deploy" / "grafana" / "ringbench.json"
LOOPBACK = "127.0.0.1"
WHOLE = Figures(
    contestant="flink",
    trial="flink-2",
    engine="flink",
    run_id="20260101T000000-abc123",
    scenario="main",
    t_s=12.5,
    told_s=14.0,
    sent_records=84_000,
    acked_records=83_900,
    visible_records=80_000,
    latency_ms={0.5: 250.0, 0.99: 900.0},
    delay_ms={"redis_writer": 3.0, "probe": 7.0},
    cpu_s={("engine", "user"): 9.0, ("engine", "system"): 1.5, ("kafka", "user"): 4.0},
    rss_bytes={"engine": 2**30, "kafka": 2**28},
    faults={"engine-kill": True, "kafka-kill": False},
    stolen_share=0.01,
    foreign_cores=0.2,
    waited_s={"cpu": 3.5, "memory": 0.0, "io": 1.0},
)
Found = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _board(figures: Figures | None) -> Board:
    board = Board(now_s=lambda: 1_767_225_600.0)
    board.progress(2, 6)
    board.phase("load", "flink-2")
    if figures:
        board.metrics(figures)
    return board


def _text(board: Board) -> str:
    registry = CollectorRegistry()
    registry.register(BoardCollector(board))
    return generate_latest(registry).decode()


def _read(text: str) -> Found:
    """Every sample, by name and labels, as Prometheus's parser reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def _names(board: Board) -> set[str]:
    return {name for name, _ in _read(_text(board))}


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(({"contestant": "flink", "trial": "flink-2"} | labels).items())


def test_prometheus_own_parsers_read_every_figure_of_a_trial_in_base_units() -> None:
    found = _read(_text(_board(WHOLE)))
    assert found[_key("ringbench_records_sent_total")] == 84_000
    assert found[_key("ringbench_records_visible_total")] == 80_000
    assert found[_key("ringbench_consumer_lag_records")] == 3_900
    assert found[_key("ringbench_latency_seconds", quantile="0.99")] == 0.9
    assert found[_key("ringbench_cpu_seconds_total", group="engine", mode="system")] == 1.5
    assert found[_key("ringbench_fault_active", fault="engine-kill")] == 1
    assert found[_key("ringbench_fault_active", fault="kafka-kill")] == 0
    assert found["ringbench_host_foreign_cores", frozenset()] == 0.2
    assert found["ringbench_phase_info", frozenset({("phase", "load"), ("trial", "flink-2")})] == 1
    assert {name for name, _ in found} == {family.name for family in FAMILIES}

    registry = CollectorRegistry()
    registry.register(BoardCollector(_board(WHOLE)))
    samples = [each for family in parse_openmetrics(generate_openmetrics(registry).decode()) for each in family.samples]
    assert {each.name for each in samples} == {family.name for family in FAMILIES}


def test_what_was_not_measured_is_absent_and_what_was_measured_as_0_is_0() -> None:
    nothing = _names(_board(Figures(t_s=0.0)))
    assert nothing == {
        "ringbench_build_info",
        "ringbench_phase_info",
        "ringbench_trial_number",
        "ringbench_trials_planned",
        "ringbench_trial_info",
        "ringbench_snapshot_timestamp_seconds",
        "ringbench_trial_time_seconds",
    }
    zero = _read(_text(_board(Figures(t_s=0.0, sent_records=0, acked_records=0, visible_records=0, stolen_share=0.0))))
    assert zero["ringbench_host_stolen_ratio", frozenset()] == 0
    assert {value for (name, _), value in zero.items() if "records" in name} == {0}


def test_the_figures_of_a_phase_end_with_it() -> None:
    board = _board(WHOLE)
    board.phase("collecting the counts", "flink-2")
    board.progress(1, 1)
    assert _names(board) == {"ringbench_build_info", "ringbench_phase_info"}


def test_names_and_labels_keep_to_the_conventions() -> None:
    units = ("info", "seconds", "bytes", "records", "ratio", "cores", "total", "active", "number", "planned")
    for family in FAMILIES:
        assert re.fullmatch(rf"ringbench_[a-z_]+_({'|'.join(units)})", family.name), family.name
        assert not re.search(r"_(ms|milliseconds|percent|kb|mb)(_|$)", family.name)
        assert family.help.endswith("."), family.name
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    types = {each.name: each.type for each in parse(_text(_board(WHOLE)))}
    assert types["ringbench_latency_seconds"] == "summary"
    assert types["ringbench_cpu_seconds"] == "counter" and types["ringbench_resident_memory_bytes"] == "gauge"


def test_a_trial_tells_what_the_live_line_shows_and_no_cpu_time_that_nobody_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch)
    board = Board()
    seen: list[Found] = []
    told: list[Figures] = []

    def tell(figures: Figures) -> None:
        told.append(figures)
        board.metrics(figures)
        seen.append(_read(_text(board)))

    monkeypatch.setattr(world.watcher, "metrics", tell)
    world.run(faults=plan(("engine-kill", 2, 1)))
    labels = {"contestant": "mine", "trial": "mine"}
    last = seen[-1]
    assert told[-1].acked_records == last[_key("ringbench_records_acked_total", **labels)] == 7 * world.rate
    assert last[_key("ringbench_latency_seconds", quantile="0.99", **labels)] == 0.001
    assert last[_key("ringbench_worker_delay_seconds", worker="probe", **labels)] == 0
    active = [each[_key("ringbench_fault_active", fault="engine-kill", **labels)] for each in seen]
    assert (active[0], max(active), active[-1]) == (0, 1, 0)
    assert not any("cpu" in name for name, _ in last)


# Where it is served


@pytest.fixture
def url() -> Iterator[str]:
    """Where the whole is served, without a token."""
    with metrics_served(_board(WHOLE), LOOPBACK, 0, "") as found:
        yield found


def _get(url: str, **headers: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urlopen(Request(url, headers=headers)) as response:  # noqa: S310 - loopback
            return response.status, response.read().decode()
    except HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def test_it_is_served_on_a_free_port_and_no_longer_than_the_command(url: str) -> None:
    status, text = _get(url)
    assert status == 200
    assert _read(text) == _read(_text(_board(WHOLE)))
    with metrics_served(_board(None), LOOPBACK, 0, "") as other:
        port = int(other.rsplit(":")[-1].partition("/")[0])
        assert other != url
    with socket.socket() as probe:
        assert probe.connect_ex((LOOPBACK, port)) != 0


def test_foreign_names_and_other_paths_are_refused(url: str) -> None:
    assert _get(url, Host="evil.example")[0] == 403
    assert _get(url, Host="localhost:1")[0] == 200
    assert _get(url.removesuffix("/metrics"))[0] == 404


def test_a_token_is_asked_for_if_there_is_one() -> None:
    with metrics_served(_board(WHOLE), LOOPBACK, 0, "s3cret") as url:
        assert _get(url)[0] == 401
        assert _get(url, Authorization="Bearer wrong")[0] == 401
        assert _get(url, Authorization="Bearer s3cret")[0] == 200


def test_other_than_loopback_needs_a_token() -> None:
    with (
        pytest.raises(UsageError, match=r"--metrics-host 192\.0\.2\.1: others"),
        metrics_served(Board(), "192.0.2.1", 0, ""),
    ):
        pass


def test_a_port_that_is_taken_is_one_error_that_names_the_option_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=rf"^--metrics-port {port}: metrics cannot be served on 127\.0\.0\.1: Addr"
        ):
            typer.main.get_command(app).main(
                ["run", "smoke", "--metrics-port", str(port), "--runs-dir", "runs"], standalone_mode=False
            )
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_a_port_is_refused() -> None:
    with pytest.raises(UsageError, match="--metrics-host"), watching(None, "localhost"):
        pass


def test_no_secret_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", set())
    monkeypatch.setenv("RINGBENCH_METRICS_TOKEN", "planted-token-42")
    with watching(0, LOOPBACK) as watcher:
        board: Any = getattr(watcher, "_board")  # noqa: B009
        watcher.phase("reading s3://me:planted-password@host/bucket with planted-token-42", "t")
        assert "planted" not in _text(board)


# The dashboard


def _queries() -> Iterator[tuple[str, str, str]]:
    """(panel, expression, legend) of every query."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target.get("legendFormat", "")


def _selectors(expression: Any) -> Iterator[Any]:
    """Every vector selector of a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (inner := getattr(expression, name, None)) is not None:
            yield from _selectors(inner)
    for argument in getattr(expression, "args", None) or ():
        yield from _selectors(argument)


def test_every_panel_asks_for_metrics_and_labels_that_are_served() -> None:
    labels = {family.name: {*family.labels, "instance", "job"} for family in FAMILIES}
    asked = set()
    for panel, expression, legend in _queries():
        selectors = list(_selectors(promql_parser.parse(expression.replace("$__rate_interval", "1m"))))
        assert selectors, (panel, expression)
        for selector in selectors:
            assert selector.name in labels, (panel, expression)
            matched = {matcher.name for matcher in selector.matchers.matchers}
            wanted = matched | set(re.findall(r"{{(\w+)}}", legend))
            assert wanted <= labels[selector.name], (panel, expression)
            asked.add(selector.name)
    # What stands beside figures rather than in a picture of its own.
    beside = {"ringbench_build_info", "ringbench_snapshot_timestamp_seconds", "ringbench_trial_time_seconds"}
    assert set(labels) - asked == beside


def test_rates_are_of_counters_only() -> None:
    for panel, expression, _ in _queries():
        for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
            assert name.endswith("_total"), (panel, expression)


def test_the_dashboard_has_whole_panels_that_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    places = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["targets"] for panel in panels)


def test_the_page_lists_every_metric_with_its_labels_and_no_other() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `(ringbench_\w+)` \| (.*?) \| (\*?)", page, re.MULTILINE)
    rows = [(name, labels.strip(), star == "*") for name, labels, star in found]
    expected = []
    for family in FAMILIES:
        of_trial = family.labels[: len(TRIAL)] == TRIAL
        own = family.labels[len(TRIAL) :] if of_trial else family.labels
        expected.append((family.name, ", ".join(f"`{label}`" for label in own), of_trial))
    assert rows == expected
