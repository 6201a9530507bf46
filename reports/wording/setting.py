"""What was compared, on what machine, and how quiet that was: what stands above the figures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.conclusions.disturbance import disturbance_text, disturbed_share
from harness.results.host import Host
from harness.results.result import CalibrationSummary, Environment, Result
from reports.wording.cautions import marked_share_of
from reports.wording.notes import NOT_CALIBRATED, most_trials, query_text, route_text
from reports.wording.numbers import NOT_MEASURED, milliseconds


def workload_text(result: Result) -> str:
    """What each engine was given, how often, and by which way its counts went."""
    given = result.scenario
    parts = [
        f"Scenario {given.get('name', 'without a name')}",
        *_known(given, "rate_records_per_s", "{:,} records a second"),
        *_known(given, "duration_s", "for {:g} s"),
        *_known(given, "warmup_s", "after {:g} s of warm-up"),
    ]
    trials = most_trials(result)
    number = "one trial" if trials == 1 else f"{trials} trials"
    return f"{', '.join(parts)}; {number} of each. {query_text(result)} {route_text(result)}".replace("  ", " ")


def _known(given: dict[str, Any], key: str, text: str) -> list[str]:
    value = given.get(key)
    return [text.format(value)] if isinstance(value, int | float) else []


def machine_text(found: Environment) -> str:
    """The machine, in one line."""
    memory = f"{found.memory_bytes / 2**30:.0f} GiB of memory"
    return f"{found.cpu_model}, {found.cpu_count} cores, {memory}; {found.operating_system}, {found.kernel}"


def quiet_text(result: Result) -> str:
    """What others had of the machine, in the trial in which they had the most."""
    hosts = [trial.host for engine in result.engines for trial in engine.trials if trial.host]
    limit = marked_share_of(result.scenario)
    bound = "" if limit is None or not hosts else f" Up to {limit:.0%}, winners are named."
    return f"{quiet_text_of(hosts, limit)}{bound}"


def quiet_text_of(hosts: Sequence[Host], limit: float | None) -> str:
    """The same of any trials; up to the share `limit`, that is called quiet."""
    known = [(share, host) for host in hosts if (share := disturbed_share(host)) is not None]
    if not known:
        return NOT_MEASURED
    share, worst = max(known, key=lambda each: each[0])
    verdict = "" if limit is None else "Quiet: " if share <= limit else "Not quiet: "
    return f"{verdict}others had {share:.1%} of the machine in the worst trial ({_text(worst)})."


def _text(host: Host) -> str:
    """As `disturbance_text`, without the fractions below 0 that come of accounting in ticks."""
    cores = None if host.foreign_cores is None else max(0.0, host.foreign_cores)
    return disturbance_text(host.model_copy(update={"foreign_cores": cores}))


def floor_text(environment: Environment) -> str:
    """The harness's own latency on this machine, as it was calibrated last."""
    found = environment.calibration
    if found is None:
        return NOT_CALIBRATED
    passed = "Calibrated" if found.passed else "Calibration FAILED"
    return (
        f"{passed} at {found.rate_records_per_s:,} records a second: an engine that does nothing shows p50 "
        f"{milliseconds(found.floor_ms_p50)} ms, p99 {milliseconds(found.floor_ms_p99)} ms."
    )


def floor_warning(result: Result) -> str:
    """That the calibrated floor cannot be that of this run, since an engine was faster; empty if it can."""
    found = result.environment.calibration
    faster = [engine.name for engine in result.engines if found and _is_below(engine.latency_ms, found)]
    if not faster:
        return ""
    return (
        f"The calibrated floor is higher than what {' and '.join(faster)} took: it was measured when the machine was "
        "busier, and is not drawn. Calibrate anew on a quiet machine: ringbench calibrate."
    )


def _is_below(latency: Any, floor: CalibrationSummary) -> bool:
    return latency is not None and (latency.p50 < floor.floor_ms_p50 or latency.p99 < floor.floor_ms_p99)
