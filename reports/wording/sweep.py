"""What a sweep has answered, in words, and what stands at the top of its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.conclusions.headline_figures import BASELINE
from harness.results.sweep import RateRatio, Sweep, SweepAnswer, SweepAttempt, SweepEngine
from reports.wording.baseline import HOW_TO_HAVE_A_BASELINE
from reports.wording.cautions import Caution, marked_share_of
from reports.wording.contestants import differences
from reports.wording.head import UNKNOWN_VERSION, Contestant, Head
from reports.wording.numbers import NOT_MEASURED, decimal, milliseconds
from reports.wording.quoted import Quoted, QuotedFigure, on_one_axis
from reports.wording.setting import floor_text, machine_text, quiet_text_of

NO_RATIO = "no ratio to the baseline: that takes a rate that one of them held, and one at which the other failed"
BOUND_NOTE = "Sustained: no growing lag, p99 within {bound:,.0f} ms, drained as soon, every count right, on schedule."
AT_LEAST_NOTE = (
    "At least: the engine failed at no rate. What failed above the one that held was the harness or the host "
    "(generator, broker, Redis writer, Redis, other programs), or no higher rate was tried."
)
NOT_CONFIRMED = "none"
AT_LEAST = "at least"


def head_of_sweep(sweep: Sweep) -> Head:
    """The head of a sweep's page: the rates that held, and what must be known of them."""
    found = _cautions(sweep)
    hosts = [each.host for engine in sweep.engines for each in engine.attempts if each.host]
    return Head(
        good=sweep.finished and all(engine.answer and engine.answer.rate_records_per_s for engine in sweep.engines),
        verdict=_verdict(sweep),
        reasons=(sweep.missing.text(),) if sweep.missing else (),
        in_short=(*baseline_notes(sweep), *per_core_notes(sweep)),
        contestants=tuple(Contestant(each.name, each.name, each.version or UNKNOWN_VERSION) for each in sweep.engines),
        compared=(*differences(sweep), _searched(sweep), BOUND_NOTE.format(bound=sweep.p99_bound_ms)),
        setting=(
            ("Machine", machine_text(sweep.environment)),
            ("How quiet it was", quiet_text_of(hosts, marked_share_of(sweep.scenario))),
            ("The harness alone", floor_text(sweep.environment)),
        ),
        figures=_figures(sweep, found),
        cautions=tuple(each.text for each in found),
        conclusions=("Answers", tuple(f"{each.name}: {answer_text(each.answer)}" for each in sweep.engines)),
    )


def _verdict(sweep: Sweep) -> str:
    """What held, in one sentence."""
    said = "; ".join(f"{engine.name} {_held_text(engine.answer)}" for engine in sweep.engines)
    return f"{'Highest rates that held' if sweep.finished else 'Not finished, so far'}: {said}"


def _held_text(answer: SweepAnswer | None) -> str:
    if answer is None:
        return "not known yet"
    if answer.rate_records_per_s is None:
        return "none"
    return f"{'at least ' if answer.at_least else ''}{answer.rate_records_per_s:,} records/s"


def _searched(sweep: Sweep) -> str:
    name = sweep.scenario.get("name", "without a name")
    return f"Scenario {name}, at one rate after the other; what held was confirmed for {sweep.confirm_duration_s} s."


def _figures(sweep: Sweep, found: Sequence[Caution]) -> tuple[QuotedFigure, ...]:
    """The rate that held, and what latency and CPU time were when it was confirmed."""
    confirmed = [_confirmed(each) for each in sweep.engines]
    p99s_ms = [each.latency_ms.p99 if each and each.latency_ms else None for each in confirmed]
    costs = [each.cost.cpu_s_per_million_records if each and each.cost else None for each in confirmed]
    when = "When the rate that held was confirmed: each engine at its own."
    return (
        _rates(sweep, found),
        QuotedFigure("Latency p99", "ms", "lower is better", _measured(sweep, p99s_ms, milliseconds, found), when),
        QuotedFigure(
            "CPU per million records", "CPU-s", "lower is better", _measured(sweep, costs, decimal, found), when
        ),
    )


def _rates(sweep: Sweep, found: Sequence[Caution]) -> QuotedFigure:
    """The bracket of each engine's limit."""
    rows, ends = [], []
    for engine in sweep.engines:
        rate, failed = (
            (engine.answer.rate_records_per_s, engine.answer.above_records_per_s) if engine.answer else (None, None)
        )
        value = NOT_MEASURED if engine.answer is None else f"{rate:,}" if rate else NOT_CONFIRMED
        rows.append(Quoted(engine.name, value, f"{failed:,} failed" if failed else "", _marks(engine.name, found)))
        ends.append((float(rate), float(rate), float(failed or rate)) if rate else None)
    return QuotedFigure(
        "Rate that held",
        "records/s",
        "higher is better",
        on_one_axis(rows, ends),
        "The limit is between the rate that held and the one that failed.",
    )


def _measured(
    sweep: Sweep, values: Sequence[float | None], text_of: Callable[[float], str], found: Sequence[Caution]
) -> tuple[Quoted, ...]:
    rows = [
        Quoted(engine.name, NOT_MEASURED, "")
        if value is None
        else Quoted(engine.name, text_of(value), "", _marks(engine.name, found, but=AT_LEAST))
        for engine, value in zip(sweep.engines, values, strict=True)
    ]
    return on_one_axis(rows, [None if value is None else (value, value, value) for value in values])


def _confirmed(engine: SweepEngine) -> SweepAttempt | None:
    """The attempt that confirmed the rate that held: the last sustained one at it."""
    rate = engine.answer.rate_records_per_s if engine.answer else None
    held = [each for each in engine.attempts if each.sustained and each.rate_records_per_s == rate]
    return held[-1] if held else None


def _marks(name: str, found: Sequence[Caution], but: str = "") -> tuple[tuple[str, int | None], ...]:
    return tuple((each.mark, place) for place, each in enumerate(found) if each.engine == name and each.mark != but)


def _cautions(sweep: Sweep) -> list[Caution]:
    """What must be known of the rates that held: that the limit may be higher, and that the machine was not quiet."""
    found = []
    limit = marked_share_of(sweep.scenario)
    for engine in sweep.engines:
        if engine.answer is not None and engine.answer.at_least:
            found.append(Caution(f"{engine.name}: {AT_LEAST_NOTE}", AT_LEAST, engine.name))
        host = confirmed.host if (confirmed := _confirmed(engine)) else None
        if host and limit is not None and (disturbed_share(host) or 0.0) > limit:
            text = f"{engine.name}: the host was not quiet when the rate was confirmed: {disturbance_text(host)}"
            found.append(Caution(text, "host not quiet", engine.name))
    return found


def answer_text(answer: SweepAnswer | None) -> str:
    """The answer in one line."""
    if answer is None:
        return "the search has not ended"
    failed = "" if answer.above_records_per_s is None else f", {answer.above_records_per_s:,} failed"
    knee = "" if answer.knee_records_per_s is None else f"; knee of p99 at {answer.knee_records_per_s:,}"
    if answer.rate_records_per_s is None:
        return f"no rate was confirmed{failed}{_limited_text(answer)}{knee}"
    least = "at least " if answer.at_least else ""
    return f"{least}{answer.rate_records_per_s:,} records/s held{failed}{_limited_text(answer)}{knee}"


def _limited_text(answer: SweepAnswer) -> str:
    """At which rate others than the engine were the limit, if that was below the rate at which the engine failed."""
    # In version 1, the lowest rate that was not sustained stood for both.
    limited = answer.limited_records_per_s or (answer.failed_records_per_s if answer.at_least else None)
    if limited is None or (answer.above_records_per_s or limited) < limited:
        return ""
    return f"; at {limited:,}, the harness or the host was the limit"


def baseline_notes(sweep: Sweep) -> list[str]:
    """The bracket of each engine's limit over the baseline's, or how to have one."""
    baseline = next((engine for engine in sweep.engines if engine.name == BASELINE), None)
    if baseline is None:
        return [HOW_TO_HAVE_A_BASELINE]
    others = [engine for engine in sweep.engines if engine is not baseline]
    return (
        [f"{each.name}: {_ratio_text(each.name, each.rate_to_baseline)}" for each in others] if sweep.finished else []
    )


def per_core_notes(sweep: Sweep) -> list[str]:
    """The rate that held by core of the engine's own, which others publish; nothing where all cores were shared."""
    held = [
        (each.name, each.answer.rate_records_per_s, each.own.get("engine_cpus", sweep.scenario.get("engine_cpus", 0)))
        for each in sweep.engines
        if each.answer
    ]
    return [
        f"{name}: {rate / cores:,.0f} records/s and core held, on {cores} core{'s' * (cores > 1)} of its own."
        for name, rate, cores in held
        if rate and cores
    ]


def _ratio_text(name: str, ratio: RateRatio | None) -> str:
    if ratio is None:
        return NO_RATIO
    ends = (("at least", ratio.low), ("at most", ratio.high))
    said = [f"{bound} {decimal(end)}" for bound, end in ends if end is not None]
    return f"{', '.join(said)} x the baseline's limit, that of one thread (COST): {_winner_text(name, ratio)}"


def _winner_text(name: str, ratio: RateRatio) -> str:
    if ratio.low is not None and ratio.low >= 1:
        return f"{name} sustains more"
    if ratio.high is not None and ratio.high <= 1:
        return f"{BASELINE} sustains more"
    return "the brackets overlap, so that neither is shown to sustain more"
