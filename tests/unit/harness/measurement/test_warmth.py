"""Whether engines were warm, by what their compilers did: threads are found and counted, and the rule told apart."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.conclusions.engine_comparison import compare_engines
from harness.conclusions.headline_figures import ratios_to_baseline
from harness.measurement.warmth import CompilerMeter, CompilerWatch, warmth_of
from harness.results.performance import Warmth
from harness.results.result import EngineResult, Result
from reports.wording import cautions, opening, summary
from tests.builders.results import changed, make_engine, make_result

LIMIT_CORES = 0.1


def _thread(proc: Path, pid: int, tid: int, name: str, ticks: tuple[int, int]) -> None:
    folder = proc / str(pid) / "task" / str(tid)
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["S", *["0"] * 10, *map(str, ticks), *["0"] * 30]
    (folder / "stat").write_text(f"{tid} ({name}) {' '.join(columns)}\n", encoding="utf-8")


def test_compilers_threads_alone_are_counted_and_stay_counted_when_they_end(tmp_path: Path) -> None:
    _thread(tmp_path, 7, 70, "java", (900, 900))
    _thread(tmp_path, 7, 71, "C2 CompilerThre", (100, 50))
    _thread(tmp_path, 7, 72, "C1 CompilerThre", (20, 0))
    _thread(tmp_path, 8, 80, "odd) (name", (900, 900))
    meter = CompilerMeter(tmp_path)
    assert meter.read([7, 8, 9]) == pytest.approx(1.7)
    _thread(tmp_path, 7, 71, "C2 CompilerThre", (200, 50))
    (tmp_path / "7" / "task" / "72" / "stat").unlink()
    assert meter.read([7, 8, 9]) == pytest.approx(2.7)


def test_a_process_without_compilers_has_none(tmp_path: Path) -> None:
    _thread(tmp_path, 7, 70, "python", (900, 900))
    assert CompilerMeter(tmp_path).read([7]) is None


def test_a_real_process_is_read_and_none_that_has_ended_is_missed() -> None:
    watch = CompilerWatch()
    waiting = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE) as process:
        watch.look(0, [process.pid])
        assert process.stdin
        process.stdin.close()
    watch.look(5, [process.pid])
    assert watch.t_s == [], "Python has no compilers' threads"


def _watched(cores: dict[tuple[int, int], float]) -> CompilerWatch:
    """What a watch has seen of compilers that used so many cores from one second to another."""
    seconds = np.concatenate([np.full(end_s - start_s, used) for (start_s, end_s), used in cores.items()])
    first_s = min(start_s for start_s, _ in cores)
    totals = np.concatenate([[0.0], np.cumsum(seconds)])
    return CompilerWatch(t_s=[float(first_s + place) for place in range(len(totals))], cpu_s=totals.tolist())


@pytest.mark.parametrize(
    ("warmup_s", "cores", "is_warm"),
    [
        (60, {(-60, -20): 0.9, (-20, 60): 0.02}, True),  # quiet for long
        (20, {(-20, 20): 0.4, (20, 60): 0.02}, False),  # still at work
        (60, {(-60, -15): 0.4, (-15, 60): 0.15}, True),  # never rests, but does no more than later
        (40, {(-40, 5): 0.25, (5, 60): 0.14}, False),
        (3, {(-3, 60): 0.9}, False),  # as much as later, but hardly begun
        (60, {(-60, 0): 0.63, (0, 30): 0.54, (30, 60): 0.47}, False),  # within 1.5 times, but it still falls
        (60, {(-60, 0): 0.09, (0, 30): 0.09, (30, 60): 0.01}, True),  # what it may use at rest falls to less
        (60, {(-60, -10): 0.05, (-10, 0): 0.5, (0, 60): 0.05}, True),  # a burst that is over when measuring begins
        (60, {(-60, -10): 0.05, (-10, 3): 0.5, (3, 60): 0.02}, False),  # one that is not
        (60, {(-60, 0): 0.5, (0, 10): 0.05, (10, 60): 0.15}, False),  # not all that is measured is at rest
    ],
)
def test_compilers_have_done_their_work_or_not(
    warmup_s: int, cores: dict[tuple[int, int], float], is_warm: bool
) -> None:
    found = warmth_of(_watched(cores), warmup_s, 60, LIMIT_CORES)
    assert found and found.warm is is_warm
    assert found.compiler_cpu_s == pytest.approx(
        sum(used * (end_s - max(0, start_s)) for (start_s, end_s), used in cores.items() if end_s > 0)
    )


def _bursts(generator: np.random.Generator, first: float, last: float, tau_s: float) -> CompilerWatch:
    """Compilers whose use decays from the start of the measured time on, in bursts of 8 ms on average, read to 10 ms.

    With these, the use of Spark's, 0.145 cores, varies by 14 % from five seconds to the next five, as was seen.
    """
    burst_s, at_s = 0.008, np.arange(-10, 60)
    wanted = last + (first - last) * np.exp(-np.maximum(at_s, 0) / tau_s)
    used_s = [generator.exponential(burst_s, number).sum() for number in generator.poisson(wanted / burst_s)]
    totals_s = np.floor(np.concatenate([[0.0], np.cumsum(used_s)]) * 100) / 100
    return CompilerWatch(t_s=[float(each) for each in range(-10, 61)], cpu_s=totals_s.tolist())


@pytest.mark.parametrize(
    ("first", "last", "tau_s", "at_least", "at_most"),
    [
        (0.15, 0.15, 1, 0.8, 1),
        (0.3, 0.3, 1, 0.9, 1),
        (0.47, 0.47, 1, 0.9, 1),
        (0.63, 0.4, 40, 0, 0.15),  # 0.56 in the first half, and 0.47 in the second
        (0.6, 0.35, 60, 0, 0.15),
        (0.25, 0.15, 30, 0, 0.15),
    ],
)
def test_a_steady_use_passes_and_one_that_still_falls_does_not_in_nine_of_ten_cases(
    first: float, last: float, tau_s: float, at_least: float, at_most: float
) -> None:
    generator = np.random.default_rng(1)
    found = [warmth_of(_bursts(generator, first, last, tau_s), 60, 60, LIMIT_CORES) for _ in range(200)]
    passed = sum(each is not None and each.warm for each in found) / len(found)
    assert at_least <= passed <= at_most


def test_whether_a_use_falls_is_told_by_the_time_at_an_even_load_alone() -> None:
    watch = _watched({(-60, 30): 0.4, (30, 60): 0.3})
    whole, even, none = (warmth_of(watch, 60, 60, LIMIT_CORES, even_s=even_s) for even_s in (None, 30, 0))
    assert whole and not whole.warm and whole.compiler_fall == pytest.approx(4 / 3)
    assert even and even.warm and even.compiler_fall == pytest.approx(1)
    assert none and not none.warm and none.compiler_fall is None, "nobody can tell"


def test_compilers_that_rest_are_warm_however_short_the_measured_time_is() -> None:
    for cores, warm in ((0.05, True), (0.6, False)):
        found = warmth_of(_watched({(-60, 15): cores}), 60, 15, LIMIT_CORES)
        assert found and found.warm is warm and found.compiler_fall is None


@pytest.mark.parametrize("cores", [{(5, 60): 0.1}, {(-60, 30): 0.1}])
def test_what_was_not_watched_for_as_long_is_not_judged(cores: dict[tuple[int, int], float]) -> None:
    assert warmth_of(_watched(cores), 60, 60, LIMIT_CORES) is None
    assert warmth_of(CompilerWatch(), 60, 60, LIMIT_CORES) is None


# What becomes of an engine that was not warm


def _engine(name: str, *, warm: bool, trials: int = 1) -> EngineResult:
    warmth = Warmth(warm=warm, warmup_s=20, compiler_cores=0.4, compiler_cores_later=0.1, compiler_cpu_s=9.0)
    engine = make_engine(name, 18 if name == "flink" else 403, trials=trials)
    return changed(engine, trials=[trial.model_copy(update={"warmth": warmth}) for trial in engine.trials])


def _result(*, warm: bool, trials: int = 1) -> Result:
    engines = [_engine("flink", warm=warm, trials=trials), _engine("spark", warm=True, trials=trials)]
    return make_result(engines=[*engines, make_engine("baseline", 6, trials=trials)])


def test_the_headline_every_column_and_a_caution_say_who_was_not_warm() -> None:
    cold, warm = _result(warm=False), _result(warm=True)
    assert opening.opening_of(cold).title.endswith("; not warm: flink")
    assert [summary.engine_title(engine) for engine in cold.engines] == ["flink (not warm)", "spark", "baseline"]
    (caution,) = [each for each in cautions.cautions(cold) if "not warm" in each]
    assert "0.40 cores at the end of the warm-up of 20 s, and 0.10 later" in caution
    assert "warm" not in opening.opening_of(warm).title


def test_the_caution_says_by_how_much_the_use_still_fell() -> None:
    result = _result(warm=False)
    for trial in result.engines[0].trials:
        assert trial.warmth
        trial.warmth.compiler_fall = 1.25
    (caution,) = [each for each in cautions.cautions(result) if "not warm" in each]
    assert "0.10 later (20% less in the second half of the measured time than in its first); give" in caution


def test_an_engine_that_was_not_warm_has_no_ratio_and_no_winner() -> None:
    cold, warm = _result(warm=False, trials=6), _result(warm=True, trials=6)
    assert {each.engine for each in ratios_to_baseline(cold.engines)} == {"spark"}
    assert {each.engine for each in ratios_to_baseline(warm.engines)} == {"flink", "spark"}
    told = {each.why_not for each in compare_engines(cold.engines).ratios if "flink" in (each.a, each.b)}
    assert "flink was not warm in 6 of 6 trials" in told and "" not in told
    assert any(each.winner == "flink" for each in compare_engines(warm.engines).ratios)
