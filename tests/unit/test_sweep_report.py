"""A sweep's report says what each engine's sustained rate is against the baseline's, as far as that is known."""

from pathlib import Path

import pytest

from harness.sweep import _compare_with_baseline
from harness.sweep_result import Sweep, SweepAnswer, SweepEngine
from reports.summary import HOW_TO_HAVE_A_BASELINE
from reports.sweep import NO_RATIO, baseline_notes, draw_sweep, sweep_markdown, write_sweep
from tests.unit.results import make_environment


def make_sweep(*engines: SweepEngine) -> Sweep:
    """A finished sweep of `engines`."""
    _compare_with_baseline(list(engines))
    return Sweep(
        sweep_id="sweep-1",
        key="0123",
        finished=True,
        started_at="2025-10-09T08:53:20Z",
        finished_at="2025-10-09T08:59:02Z",
        command=["ringbench", "sweep"],
        scenario={},
        p99_bound_ms=5000,
        resolution=0.1,
        confirm_duration_s=60,
        environment=make_environment(),
        engines=list(engines),
    )


def make_engine(name: str, rate: int | None, *, at_least: bool = False) -> SweepEngine:
    """An engine whose search has ended."""
    answer = SweepAnswer(rate_records_per_s=rate, failed_records_per_s=None, at_least=at_least, knee_records_per_s=None)
    return SweepEngine(name=name, version="1", attempts=[], answer=answer)


@pytest.mark.parametrize(
    ("baseline", "flink", "ratio", "said"),
    [
        ((400, False), (100, False), 0.25, "flink: 0.25 x the baseline's"),
        ((400, True), (100, False), 0.25, "flink: at most 0.25 x the baseline's"),
        ((400, False), (800, True), 2.0, "flink: at least 2.00 x the baseline's"),
        ((400, True), (800, True), None, f"flink: {NO_RATIO}"),
        ((400, False), (None, False), None, f"flink: {NO_RATIO}"),
        ((None, False), (100, False), None, f"flink: {NO_RATIO}"),
    ],
)
def test_the_ratio_of_sustained_rates(
    baseline: tuple[int | None, bool], flink: tuple[int | None, bool], ratio: float | None, said: str
) -> None:
    engines = [make_engine("flink", flink[0], at_least=flink[1])]
    engines.append(make_engine("baseline", baseline[0], at_least=baseline[1]))
    sweep = make_sweep(*engines)
    assert [engine.rate_to_baseline for engine in sweep.engines] == [ratio, None]
    (note,) = baseline_notes(sweep)
    assert note.startswith(said)
    assert note in sweep_markdown(sweep, draw_sweep(sweep)).replace("\\", "")


def test_the_page_is_written_with_its_picture_beside_it(tmp_path: Path) -> None:
    sweep = make_sweep(make_engine("flink", 100), make_engine("baseline", 400))
    page, picture = write_sweep(sweep, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text == sweep_markdown(sweep, draw_sweep(sweep)) and f"]({picture.name})" in text
    assert picture.stat().st_size > 5_000


def test_without_a_baseline_it_says_how_to_have_one() -> None:
    assert baseline_notes(make_sweep(make_engine("flink", 100))) == [HOW_TO_HAVE_A_BASELINE]
    assert baseline_notes(make_sweep(make_engine("baseline", 100))) == []
