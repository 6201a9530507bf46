"""Several probes that share one stream of updates by its cells, as if they were one: `harness.workers.probe`'s events.

Which share a cell is in does not depend on the window, so that each probe knows which records it is to see, and is
done with a window once it has seen its own. Shares by partitions would not do: an engine's producer chooses them, and a
probe would never know whether it has seen all of a window, nor could it let go of it. Every record is measured by one
probe, and all that is told of them together is a sum, a maximum, or a quantile of added distributions.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.events import EventWriter
from harness.measurement.trajectory import KEPT_LOWERED
from harness.numerics.durations import Durations, merged, quantiles_ms
from harness.workers.accounts import ProbeAccount, ProbePart
from harness.workers.group import Fields, Group
from harness.workers.jobs import ProbeJob, run_worker

_SUMMED = (
    "updates",
    "visible_records",
    "surplus_records",
    "unknown_cells",
    "count_regressions",
    "sustained_records",
    "answers",
)
#: How the figures of all are made of those of each that has told them. No quantile of all exceeds each one's.
_TOTALS: dict[str, Callable[[Iterable[Any]], Any]] = {
    **dict.fromkeys(_SUMMED, sum),
    **dict.fromkeys(("last_visible_ms", "now_ms", "latency_ms_p50", "latency_ms_p99"), max),
    "taken_ms": min,
}


def run_all(job: ProbeJob, events: EventWriter, stop: threading.Event) -> dict[str, Any]:
    """Follow the stream until `stop` is set and its end is reached, save what was measured. Returns the totals.

    Raises:
        ServiceError: one of them has failed; it says which.
    """
    output = Path(job.output)
    jobs = [
        replace(job, probe=number, output=_output(output, number), recording=job.recording if number == 0 else "")
        for number in range(job.probes)
    ]
    ended = Group("probe", jobs, output.parent, _progress).run(events, stop)
    parts = [ProbePart.model_validate_json(Path(each.output).read_text(encoding="utf-8")) for each in jobs]
    output.write_text(together(parts).model_dump_json(), encoding="utf-8")
    _save_times(output, [Path(each.output) for each in jobs])
    return _total(ended)


def together(parts: Sequence[ProbePart]) -> ProbeAccount:
    """The account of all probes; that of a single one would be the same, but for which lowered counts are named."""
    accounts = [part.account for part in parts]
    found = _total([{name: getattr(account, name) for name in _TOTALS} for account in accounts])
    return ProbeAccount(
        **found,
        lowered=[each for account in accounts for each in account.lowered][:KEPT_LOWERED],
        warmup=_added([account.warmup for account in accounts]),
        latencies=_added([account.latencies for account in accounts]),
        slot_s=accounts[0].slot_s,
        slot_means_ms=_means_ms(parts),
        by_step=_by_step(accounts),
        by_second=_by_second(parts),
        seen={answer: times for account in accounts for answer, times in account.seen.items()},
    )


def _progress(told: Sequence[Sequence[Fields]]) -> dict[str, Any]:
    behind_ms = max(event.get("behind_ms", 0) for events in told for event in events)
    return _total([events[-1] for events in told]) | {"behind_ms": behind_ms}


def _total(told: Sequence[Fields]) -> dict[str, Any]:
    """The figures of all, of those that there are."""
    found = {}
    for name in _TOTALS.keys() & told[0].keys():
        known = [each[name] for each in told if each[name] is not None]
        found[name] = _TOTALS[name](known) if known else None
    return found


def _added(saved: Sequence[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The sum of distributions; None, if there are none, as of other queries than counts."""
    found = [Durations.from_json(each) for each in saved if each is not None]
    if not found:
        return None
    for each in found[1:]:
        found[0].merge(each)
    return found[0].as_json()


def _means_ms(parts: Sequence[ProbePart]) -> dict[int, float]:
    slots = sorted({slot for part in parts for slot in part.slots})
    found = {slot: [part.slots[slot] for part in parts if slot in part.slots] for slot in slots}
    return {slot: sum(ns for _, ns in own) / sum(records for records, _ in own) / 1e6 for slot, own in found.items()}


def _by_step(accounts: Sequence[ProbeAccount]) -> list[tuple[int, int]]:
    steps: dict[int, int] = {}
    for account in accounts:
        for step, records in account.by_step:
            steps[step] = steps.get(step, 0) + records
    return sorted(steps.items())


def _by_second(parts: Sequence[ProbePart]) -> dict[int, tuple[int, float | None, float | None]] | None:
    """Records that became visible by second, with the quantiles of all; None for other queries than counts."""
    told = [part.account.by_second for part in parts if part.account.by_second is not None]
    if not told:
        return None
    found: dict[int, tuple[int, float | None, float | None]] = {}
    for second in sorted({second for each in told for second in each}):
        records = sum(each[second][0] for each in told if second in each)
        encoded = [part.seconds[second] for part in parts if second in part.seconds]
        p50_ms, p99_ms = quantiles_ms(merged(encoded), 50, 99) if encoded else (None, None)
        found[second] = (records, p50_ms, p99_ms)
    return found


def _save_times(output: Path, outputs: Sequence[Path]) -> None:
    """Put together when records became visible: of those of other probes, each has noted that it never did."""
    paths = [each.with_suffix(".npz") for each in outputs]
    if not paths[0].exists():
        return  # of answers to other queries, there are no such times
    parts = [np.load(path) for path in paths]
    visible_ms = np.max([part["visible_ms"] for part in parts], axis=0)
    np.savez(output.with_suffix(".npz"), indexes=parts[0]["indexes"], visible_ms=visible_ms)


def _output(output: Path, number: int) -> str:
    return str(output.with_suffix(f".{number}.json"))


if __name__ == "__main__":
    run_worker(ProbeJob, run_all)
