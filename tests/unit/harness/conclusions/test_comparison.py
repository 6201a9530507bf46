"""Winners are named where engines differ, hardly ever where they do not, never where something speaks against it."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from harness.conclusions.bands import BAND_OF
from harness.conclusions.engine_comparison import INTERVAL_HOLDS_ONE, TOO_FEW_TRIALS, compare_engines
from harness.conclusions.headline_figures import HEADLINES, figures
from harness.evaluation.pooling import pool
from harness.experiments.blocks import plan
from harness.measurement.hops import BANDS
from harness.results.correctness import Verdict
from harness.results.performance import Cost, ProcessCost, QuantileBounds, Waterfall, WaterfallBand
from harness.results.result import EngineResult, Ratio, TrialResult
from reports.wording.winner import _sentence
from tests.builders.results import make_engine, make_latency, make_steady, make_waterfall

LATENCY = make_latency([10.0, 20.0])
NOTHING = {"correctness": None, "throughput_records_per_s": None, "generator": None, "startup_s": None, "drain_s": None}
TEMPLATE = TrialResult(
    number=1,
    block=1,
    verdict=Verdict.PASS,
    reasons=[],
    steady=make_steady(),
    latency_ms=LATENCY,
    cost=None,
    clock_step_ms=0.0,
    updates=1,
    count_regressions=0,
    kafka_bytes=None,
    waterfall=make_waterfall([20.0 + at / 100 for at in range(500)]),
    **NOTHING,
)

_ROUND_ROBIN = "with round-robin partitioning, quantiles are"

Noise = Callable[[str, int], float]


def _run(names: list[str], trials: int, factors: dict[str, float], noise: Noise) -> list[EngineResult]:
    """Engines whose figures are p50 10 ms, p99 20 ms and 100 CPU-seconds, times a factor and what `noise` gives."""
    done: dict[str, list[TrialResult]] = {name: [] for name in names}
    for planned in plan(names, trials):
        factor = factors.get(planned.engine, 1.0) * noise(planned.engine, planned.number)
        cpu_s = 100 * factor
        cost = Cost(records=10**6, cpu_s_per_million_records=cpu_s, cpu_user_s=cpu_s, cpu_system_s=0, rss_bytes_peak=1)
        latency = LATENCY.model_copy(update={"p50": 10 * factor, "p99": 20 * factor})
        update = {"number": planned.number, "block": planned.block, "cost": cost, "latency_ms": latency}
        done[planned.engine].append(TEMPLATE.model_copy(update=update))
    return [
        EngineResult.model_construct(name=name, trials=results, verdict=Verdict.PASS, latency_ms=LATENCY)
        for name, results in done.items()
    ]


def _noise(seed: int, spread: float = 0.04) -> Noise:
    random = np.random.default_rng(seed)
    return lambda _engine, _number: float(np.exp(random.normal(0, spread)))


def _winners(ratios: list[Ratio]) -> set[str | None]:
    return {ratio.winner for ratio in ratios} - {None}


@pytest.mark.parametrize(
    ("names", "runs"),
    [
        (["a", "b"], 50),
        pytest.param(["a", "b"], 300, marks=pytest.mark.proof),
        pytest.param(["a", "b", "c"], 150, marks=pytest.mark.proof),
    ],
)
def test_equal_engines_have_a_winner_no_more_often_than_stated(names: list[str], runs: int) -> None:
    """Seeds are fixed. With others, a rate of 5 % would go beyond the bound in 0.3 % of the cases."""
    named = sum(bool(_winners(compare_engines(_run(names, 6, {}, _noise(seed))).ratios)) for seed in range(runs))
    assert named <= runs * 0.05 + 3 * np.sqrt(runs * 0.05 * 0.95)


def test_an_engine_that_takes_a_fifth_more_loses() -> None:
    found = [compare_engines(_run(["a", "b"], 6, {"b": 1.2}, _noise(seed))) for seed in range(40)]
    cpu = [ratio for each in found for ratio in each.ratios if ratio.figure == "cpu_s_per_million_records"]
    assert sum(ratio.winner == "a" for ratio in cpu) >= 38
    assert not any(ratio.winner == "b" for each in found for ratio in each.ratios)


def test_the_winner_is_the_one_with_less_whichever_is_named_first() -> None:
    for names, factors in ((["a", "b"], {"a": 2.0}), (["b", "a"], {"a": 2.0})):
        for ratio in compare_engines(_run(names, 6, factors, _noise(1))).ratios:
            assert (ratio.winner, ratio.why_not) == ("b", "")


def test_too_few_trials_name_no_winner_however_far_apart() -> None:
    for ratio in compare_engines(_run(["a", "b"], 5, {"b": 100.0}, _noise(1))).ratios:
        assert (ratio.ratio, ratio.winner, ratio.why_not) == (None, None, TOO_FEW_TRIALS)


def test_an_interval_that_holds_one_says_so() -> None:
    (reason,) = {ratio.why_not for ratio in compare_engines(_run(["a", "b"], 6, {}, _noise(3))).ratios}
    assert reason == INTERVAL_HOLDS_ONE


def test_a_wrong_answer_never_wins() -> None:
    engines = _run(["a", "b"], 6, {"a": 0.1}, _noise(1))
    engines[0].verdict = Verdict.FAIL
    for ratio in compare_engines(engines).ratios:
        assert (ratio.winner, ratio.why_not) == (None, "the verdict on a is fail")


def test_an_engine_that_mostly_did_not_settle_does_not_win_or_lose() -> None:
    engines = _run(["a", "b"], 6, {"a": 0.5}, _noise(1))
    for trial in engines[1].trials[:4]:
        trial.steady = make_steady().model_copy(update={"start_settled": False})
    for ratio in compare_engines(engines).ratios:
        assert ratio.winner is None and "no steady state in 4 of 6" in ratio.why_not


@pytest.mark.parametrize("part", ["latency", "cpu"])
@pytest.mark.parametrize(
    ("factor", "spread", "told"),
    [
        (0.94, 0.02, "b had not settled: its .* changed by -[567]% .*, and 5% is tolerated"),
        (1.02, 0.4, "b may not have settled: its .* changed by .*, and more than 25% are not ruled out"),
        (None, 0.0, "b may not have settled: no trend of its .* could be told"),
        (1.02, 0.02, ""),
    ],
)
def test_a_change_that_shows_or_that_noise_may_hide_names_no_winner_by_what_it_is_a_change_of(
    part: str, factor: float | None, spread: float, told: str
) -> None:
    engines = _run(["a", "b"], 6, {"a": 0.5}, _noise(1))
    noise = np.array([-1.0, 1.0, -0.5, 0.5, 1.2, -1.2])
    for trial, each in zip(engines[1].trials, noise, strict=True):
        change = make_steady(latency=(factor or 1) * float(np.exp(spread * each))).latency
        trial.steady = make_steady().model_copy(update={part: change if factor else None})
    for ratio in compare_engines(engines).ratios:
        # Latency that stays as it is has its winner, however CPU time changes.
        expected = told if part == "latency" or ratio.figure == "cpu_s_per_million_records" else ""
        assert ratio.winner == (None if expected else "a")
        assert re.fullmatch(expected, ratio.why_not)


def test_cpu_time_that_is_out_of_reach_does_not_keep_latency_from_having_a_winner() -> None:
    engines = _run(["a", "b"], 6, {"a": 0.5}, _noise(1))
    for engine in engines:
        for trial in engine.trials:
            trial.cost, trial.steady = None, make_steady().model_copy(update={"cpu": None})
    assert [ratio.winner for ratio in compare_engines(engines).ratios] == ["a", "a", None]


def test_a_difference_within_the_clocks_resolution_is_none() -> None:
    found = compare_engines(_run(["a", "b"], 6, {"a": 0.04, "b": 0.08}, _noise(1, spread=0.01)))
    why_not = {ratio.figure: ratio.why_not for ratio in found.ratios}
    assert "within the resolution of 1 ms" in why_not["latency_ms_p50"]
    assert why_not["cpu_s_per_million_records"] == ""


def test_a_drift_of_the_host_is_found_and_cancels_in_the_ratios() -> None:
    noise = _noise(5, spread=0.01)
    engines = _run(["a", "b"], 6, {}, lambda engine, number: 1.05**number * noise(engine, number))
    found = compare_engines(engines)
    assert _winners(found.ratios) == set()
    for drift in found.drifts:
        assert drift.percent_per_trial == pytest.approx(5, abs=1) and drift.p_value < 0.01


def test_what_going_first_does_is_found() -> None:
    noise = _noise(6, spread=0.01)
    engines = _run(["a", "b"], 8, {}, lambda engine, number: (1.3 if number % 2 else 1.0) * noise(engine, number))
    for ratio in compare_engines(engines).ratios:
        assert ratio.first_percent == pytest.approx(30, abs=3)
        assert ratio.first_p_value is not None and ratio.first_p_value < 0.05
        assert ratio.winner is None


def test_every_headline_figure_of_every_engine_has_an_interval_around_its_trials() -> None:
    engines = [make_engine("baseline", 6, 0.1, trials=6), make_engine("flink", 18, 0.5, trials=6)]
    found = compare_engines(engines)
    assert [(each.engine, each.figure) for each in found.figures] == [
        (engine.name, of.name) for engine in engines for of in HEADLINES
    ]
    for each in found.figures:
        assert each.interval is not None
        assert each.interval.low <= each.interval.estimate <= each.interval.high
        assert min(each.trials) <= each.interval.estimate <= max(each.trials)


# Pooling


def test_pooled_percentiles_are_those_of_the_merged_histograms() -> None:
    fast, slow = make_latency([1.0] * 970 + [2.0] * 30), make_latency([1.0] * 970 + [500.0] * 30)
    trials = [TEMPLATE.model_copy(update={"number": n, "latency_ms": each}) for n, each in enumerate((fast, slow), 1)]
    found = pool("x", "1", {}, trials).latency_ms
    assert found is not None
    assert found.p99 == pytest.approx(500, rel=1e-3), "the mean of the two would be 251"
    assert (found.count, found.max) == (2000, 500)
    assert found.mean == pytest.approx((970 * 2 + 30 * 502) / 2000)


def test_the_worst_verdict_is_the_engines_and_tells_the_trial() -> None:
    update = {"number": 4, "verdict": Verdict.FAIL, "reasons": ["3 records lost"]}
    unknown = {"number": 5, "verdict": Verdict.UNKNOWN, "reasons": ["died"]}
    trials = [TEMPLATE, TEMPLATE.model_copy(update=update), TEMPLATE.model_copy(update=unknown)]
    found = pool("x", "1", {}, trials)
    assert (found.verdict, found.reasons) == (Verdict.FAIL, ["trial 4: 3 records lost", "trial 5: died"])
    assert pool("x", "1", {}, [TEMPLATE, trials[2]]).verdict is Verdict.UNKNOWN
    assert pool("x", "1", {}, [TEMPLATE]).verdict is Verdict.PASS


def test_a_part_that_a_trial_lacks_is_null_and_not_the_others_alone() -> None:
    found = pool("x", "1", {}, [TEMPLATE, TEMPLATE.model_copy(update={"latency_ms": None})])
    assert found.latency_ms is None
    assert figures(found.trials, HEADLINES[0]) is None


def test_pooling_one_trial_changes_nothing() -> None:
    engine = make_engine("flink", 18)
    (trial,) = engine.trials
    for part in ("correctness", "throughput_records_per_s", "updates", "drain_s", "startup_s", "verdict"):
        assert getattr(engine, part) == getattr(trial, part), part
    assert engine.cost is not None and trial.cost is not None
    assert engine.cost.model_dump() == pytest.approx(trial.cost.model_dump())
    assert engine.latency_ms is not None and trial.latency_ms is not None
    assert engine.latency_ms.p99 == pytest.approx(trial.latency_ms.p99, rel=2e-3)
    assert engine.latency_ms.mean == pytest.approx(trial.latency_ms.mean)


@pytest.mark.parametrize(("step_ms", "named"), [(0.9, {"a"}), (1.5, set())])
def test_a_clock_that_moved_by_more_than_it_resolves_names_no_winner_by_latency(
    step_ms: float, named: set[str]
) -> None:
    engines = _run(["a", "b"], 6, {"b": 2.0}, _noise(1))
    engines[1].trials[3].clock_step_ms = step_ms
    ratios = compare_engines(engines).ratios
    assert _winners([ratio for ratio in ratios if ratio.figure.startswith("latency")]) == named
    assert _winners([ratio for ratio in ratios if ratio.figure.startswith("cpu")]) == {"a"}
    reasons = [ratio.why_not for ratio in ratios if ratio.figure.startswith("latency")]
    assert named or all("moved by 1.5 ms" in reason for reason in reasons)


@pytest.mark.parametrize(("pipeline_s", "winners"), [(1.0, {"a"}), (40.0, set())])
def test_a_winner_by_cost_wins_with_what_broker_and_redis_used_for_it_too(pipeline_s: float, winners: set[str]) -> None:
    """B takes a fifth more than A, and A leaves the more to the broker."""
    engines = _run(["a", "b"], 6, {"b": 1.2}, _noise(1, 0.01))
    for engine in engines:
        for trial in engine.trials:
            used_s = {"kafka": pipeline_s if engine.name == "a" else 1.0, "redis": 1.0, "redis writer": 1.0}
            trial.other_costs = [
                ProcessCost(
                    name=name, role="pipeline", cpu_cores=0, cpu_user_s=each_s, cpu_system_s=0, rss_bytes_peak=1
                )
                for name, each_s in used_s.items()
            ]
    ratios = [ratio for ratio in compare_engines(engines).ratios if ratio.figure.startswith("cpu")]
    assert _winners(ratios) == winners
    assert winners or "with broker, Redis writer and Redis, the ratio of a to b is 1.1" in ratios[0].why_not


def test_a_rare_bad_trial_stands_beside_the_winner() -> None:
    """One trial in eight is a third worse than the others: a winner is named all the same, and that trial with it."""
    engines = _run(["a", "b"], 8, {"b": 4.0}, _noise(1, 0.01))
    engines[0].trials[5].latency_ms = LATENCY.model_copy(update={"p50": 11.0, "p99": 26.6})
    (found,) = (ratio for ratio in compare_engines(engines).ratios if ratio.figure == "latency_ms_p99")
    assert (found.winner, found.winners_worst_trial) == ("a", 26.6)
    assert "the worst trial of a: 26.6 ms" in _sentence(found, short=False)


def _hops(total_ms: float = 24.0, **others_ms: dict[str, float]) -> Waterfall:
    """A waterfall of bands of `total_ms`, with these hops in ms in some; the engine for the rest, and in all others."""
    found = {name: others_ms.get(name.split()[0], {}) for name in ("all", "median", "slowest 1 %")}
    bands = [
        WaterfallBand(
            name=name, records=10, latency_ms=total_ms, hops_ms=hops | {"engine": total_ms - sum(hops.values())}
        )
        for name, hops in found.items()
    ]
    return Waterfall(records=30, hops=[], bands=bands)


@pytest.mark.parametrize("disturbed", [0, 1])
@pytest.mark.parametrize(
    ("hops", "withheld"),
    [
        (_hops(slowest={"send": 1.2, "append": 1.92, "sink": 12.0}), "latency_ms_p99"),
        (_hops(median={"send": 1.2, "append": 1.92, "sink": 12.0}), "latency_ms_p50"),
        (_hops(slowest={"send": 1.2, "append": 2.0, "sink": 2.8}), ""),
        (_hops(all={"sink": 12.0}), ""),
    ],
)
def test_a_band_of_which_others_have_more_than_a_quarter_names_no_winner(
    hops: Waterfall, withheld: str, disturbed: int
) -> None:
    engines = _run(["a", "b"], 6, {"a": 0.5}, _noise(1))
    for trial in engines[disturbed].trials:
        trial.waterfall = hops
    ratios = {ratio.figure: ratio for ratio in compare_engines(engines).ratios}
    assert [figure for figure, ratio in ratios.items() if ratio.winner != "a"] == [withheld] * bool(withheld)
    if withheld:
        name, band = "ab"[disturbed], {"latency_ms_p99": "slowest 1 %", "latency_ms_p50": "median"}[withheld]
        assert ratios[withheld].why_not.startswith(
            f"63% of the latency of {name} (band: {band}) is not the engine's, limit 25%; the most is sink, 50%; "
            "with that counted against a alone, its ratio to b is "
        )


@pytest.mark.parametrize(
    ("own_ms", "named"),
    [
        pytest.param(20.0, {"a"}, id="more than all of the other one's"),
        pytest.param(9.9, set(), id="less than all of the other one's"),
        pytest.param(0.0, set(), id="nothing"),
    ],
)
def test_a_winner_is_named_if_the_other_engine_alone_took_more_than_all_hops_of_the_winner(
    own_ms: float, named: set[str]
) -> None:
    """More than a quarter is not the engines', neither of A's 10 ms nor of B's."""
    engines = _run(["a", "b"], 6, {"a": 0.5}, _noise(1))
    for engine, waterfall in zip(
        engines, (_hops(10.0, slowest={"sink": 4.0}), _hops(own_ms + 20, slowest={"sink": 20.0})), strict=True
    ):
        for trial in engine.trials:
            trial.waterfall = waterfall
    (found,) = (ratio for ratio in compare_engines(engines).ratios if ratio.figure == "latency_ms_p99")
    assert _winners([found]) == named
    assert named or found.why_not.startswith("40% of the latency of a")


def test_latency_that_was_not_taken_apart_names_no_winner() -> None:
    engines = _run(["a", "b"], 6, {"a": 0.5}, _noise(1))
    for trial in engines[1].trials:
        trial.waterfall = None
    ratios = compare_engines(engines).ratios
    assert [ratio.winner for ratio in ratios] == [None, None, "a"]
    assert ratios[0].why_not == "the latency of b was not taken apart into hops"


def test_every_ranked_figure_of_latency_has_a_band_that_waterfalls_have() -> None:
    ranked = {of.name for of in HEADLINES if of.ranked and of.name.startswith("latency")}
    assert ranked <= BAND_OF.keys()
    assert set(BAND_OF.values()) <= {name for name, _, _ in BANDS}


# Where a cell's records are in several partitions


def _with_bounds(engines: list[EngineResult], widths: dict[str, float]) -> list[EngineResult]:
    """The same, each quantile between itself divided and multiplied by its engine's width."""
    for engine in engines:
        for trial in engine.trials:
            assert trial.latency_ms
            latency, width = trial.latency_ms, widths[engine.name]
            names = (name for name in QuantileBounds.model_fields if name != "records")
            around = {name: (getattr(latency, name) / width, getattr(latency, name) * width) for name in names}
            bounds = QuantileBounds(records=1000, **around)
            trial.latency_ms = latency.model_copy(update={"quantile_bounds_ms": bounds, "mean": latency.p50})
    return engines


def test_an_estimate_of_a_quantile_names_no_winner_and_the_mean_does() -> None:
    engines = _run(["a", "b"], 6, {"b": 1.5}, _noise(1))
    for engine in engines:
        for trial in engine.trials:
            assert trial.latency_ms
            trial.latency_ms = trial.latency_ms.model_copy(update={"mean": trial.latency_ms.p50})
    assert "latency_ms_mean" not in {ratio.figure for ratio in compare_engines(engines).ratios}
    ratios = {ratio.figure: ratio for ratio in compare_engines(engines, exact_quantiles=False).ratios}
    for figure in ("latency_ms_p50", "latency_ms_p99"):
        assert (ratios[figure].winner, ratios[figure].why_not[: len(_ROUND_ROBIN)]) == (None, _ROUND_ROBIN)
    assert ratios["latency_ms_mean"].winner == ratios["cpu_s_per_million_records"].winner == "a"


@pytest.mark.parametrize(
    ("widths", "winner"), [({"a": 1.1, "b": 1.1}, "a"), ({"a": 1.3, "b": 1.3}, None), ({"a": 1.6, "b": 1.0}, None)]
)
def test_a_quantile_names_a_winner_only_if_the_bounds_do_not_meet(widths: dict[str, float], winner: str | None) -> None:
    for names in (["a", "b"], ["b", "a"]):
        engines = _with_bounds(_run(names, 6, {"b": 1.5}, _noise(1)), widths)
        ratios = {ratio.figure: ratio for ratio in compare_engines(engines, exact_quantiles=False).ratios}
        assert ratios["latency_ms_p50"].winner == ratios["latency_ms_p99"].winner == winner
        if winner is None:
            assert re.search(r"within bounds only: a has [\d.]+ to [\d.]+ ms, b ", ratios["latency_ms_p99"].why_not)
        assert compare_engines(engines).ratios[0].winner == "a", "if they are exact, bounds do not matter"
