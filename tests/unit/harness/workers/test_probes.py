"""Several probes that share the cells tell, put together, exactly what a single one would."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.contract.aggregate import encode_key
from engines.contract.keys import Command, encode_updates, transaction
from harness.workers import group, probe, probes
from harness.workers.accounts import ProbeAccount, ProbePart
from harness.workers.jobs import ProbeJob
from harness.workers.probe import AnswersProbe, Probe
from tests.builders.processes import Clock, FakeChild
from workloads.disorder import Disorder
from workloads.truth import expected_counts
from workloads.workload import Workload, WorkloadSpecification

USUAL = WorkloadSpecification(
    seed=3, rate_records_per_s=150, warmup_s=1, duration_s=4, partitions=2, malformed_per_million=20_000
)
OUT_OF_ORDER = WorkloadSpecification(
    seed=4,
    rate_records_per_s=150,
    warmup_s=1,
    duration_s=4,
    partitions=2,
    disorder=Disorder(shuffle_ms=800, late_share=0.2, late_delay_ms_mean=900),
    allowed_lateness_ms=1000,
)
Entries = list[tuple[bytes, dict[bytes, bytes]]]


def _job(workload: WorkloadSpecification, output: Path | str = "", **further: Any) -> ProbeJob:
    return ProbeJob(
        workload=workload, anchor="", redis_url="redis://unused:1", namespace="x", output=str(output), **further
    )


def _transactions(specification: WorkloadSpecification) -> Iterator[tuple[int, dict[bytes, bytes]]]:
    """Times in milliseconds after the start, and counts: each window's grow in three steps, and one is lowered."""
    counts = expected_counts(Workload(specification)).counts
    rng = np.random.default_rng(5)
    for window_s in sorted({cell.window_s for cell in counts}):
        own = {encode_key(cell): count for cell, count in counts.items() if cell.window_s == window_s}
        for step in (1, 2, 3):
            at_ms = (window_s - specification.epoch_s) * 1000 + 400 * step
            yield at_ms, {key: b"%d" % -(-count * step // 3) for key, count in own.items() if rng.random() < 0.7}
        yield at_ms + 100, {key: b"%d" % (count + (rng.random() < 0.02)) for key, count in own.items()}
    lowered = dict.fromkeys(list(own)[:3], b"0")
    yield at_ms + 200, lowered | {b"%d|no|such|cell" % window_s: b"1"}


def _entries(specification: WorkloadSpecification, shares: int) -> Entries:
    """What the stream holds of all that, as the Redis writer adds it for so many probes."""
    found: Entries = []
    for at_ms, counts in filter(lambda each: each[1], _transactions(specification)):
        commands: list[Command] = [each for each in transaction(counts, "x", 60, shares) if each[0] == "XADD"]
        for number, command in enumerate(commands):
            fields = [b"%d" % each if isinstance(each, int) else each for each in command[6:]]
            entry_id = b"%d-%d" % (specification.epoch_s * 1000 + at_ms, number)
            found.append((entry_id, dict(zip(fields[::2], fields[1::2], strict=True))))  # type: ignore[arg-type]
    return found


def _followed(job: ProbeJob, entries: Entries) -> Probe:
    found = Probe(job)
    found.anchor_ns, found.start_ms = job.workload.epoch_s * 10**9, job.workload.epoch_s * 1000
    for at in range(0, len(entries), 7):
        some = entries[at : at + 7]
        own = found._own(some) if job.probes > 1 else [(int(each.split(b"-")[0]), up[b"u"]) for each, up in some]
        found.take(own)
    found.finish()
    return found


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "now_ms", lambda: 1)


def _alone(workload: WorkloadSpecification, folder: Path) -> tuple[ProbeAccount, Any]:
    job = _job(workload, folder / "probe.json")
    _followed(job, _entries(workload, 1))
    with np.load(folder / "probe.npz") as saved:
        return ProbeAccount.model_validate_json(Path(job.output).read_text(encoding="utf-8")), saved["visible_ms"]


def _run_together(job: ProbeJob, entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `harness.workers.probes` does it; the processes are no processes, and end at once."""

    def start(module: str, part: ProbeJob, _directory: Path, *, name: str) -> FakeChild:
        assert module == "probe"
        child = FakeChild(name, Clock())
        child.tell("ready", version="", config={})
        child.end(**_followed(part, entries).totals())
        return child

    monkeypatch.setattr(group, "start_worker", start)
    events: Any = type("Events", (), {"send": lambda *_, **__: None})()
    told = probes.run_all(job, events, threading.Event())
    account = ProbeAccount.model_validate_json(Path(job.output).read_text(encoding="utf-8"))
    assert told == {name: getattr(account, name) for name in told}


@pytest.mark.parametrize("workload", [USUAL, OUT_OF_ORDER], ids=["usual", "out of order"])
@pytest.mark.parametrize(("number", "sorted_by"), [(2, 2), (3, 3), (2, 1)])
def test_together_they_have_the_account_and_the_times_of_a_single_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workload: WorkloadSpecification, number: int, sorted_by: int
) -> None:
    """Also where nobody has sorted the updates: as of an engine that writes Redis by itself."""
    (tmp_path / "alone").mkdir()
    alone, visible_ms = _alone(workload, tmp_path / "alone")
    _run_together(_job(workload, tmp_path / "probe.json", probes=number), _entries(workload, sorted_by), monkeypatch)
    found = ProbeAccount.model_validate_json((tmp_path / "probe.json").read_text(encoding="utf-8"))
    of_some = {"lowered", "latency_ms_p50", "latency_ms_p99", "by_step"}
    assert found.model_dump(exclude=of_some) == alone.model_dump(exclude=of_some)
    # Which steps without a record are named depends on what was read at once.
    assert [each for each in found.by_step if each[1]] == [each for each in alone.by_step if each[1]]
    assert sorted(found.lowered) == sorted(alone.lowered) and len(found.lowered) == 3
    assert alone.visible_records and alone.surplus_records and alone.unknown_cells == 1 and alone.by_second
    with np.load(tmp_path / "probe.npz") as saved:
        assert np.array_equal(saved["visible_ms"], visible_ms)


def test_seconds_whose_distribution_is_let_go_of_keep_their_quantiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "KEPT_SECONDS", 2)
    (tmp_path / "alone").mkdir()
    alone, _ = _alone(USUAL, tmp_path / "alone")
    _run_together(_job(USUAL, tmp_path / "probe.json", probes=2), _entries(USUAL, 2), monkeypatch)
    found = ProbeAccount.model_validate_json((tmp_path / "probe.json").read_text(encoding="utf-8"))
    assert found.by_second and alone.by_second and found.by_second.keys() == alone.by_second.keys()
    assert all(p50_ms is not None for _, p50_ms, _ in found.by_second.values())


def test_a_window_is_let_go_of_once_a_probe_has_seen_its_own_share() -> None:
    entries = [each for each in _entries(USUAL, 2) if not each[1][b"u"].startswith(b"%d" % USUAL.epoch_s)]
    found = Probe(_job(USUAL, probe=1, probes=2))
    found.take(found._own(entries))
    alone = Probe(_job(USUAL))
    alone.take([(int(each.split(b"-")[0]), fields[b"u"]) for each, fields in _entries(USUAL, 1)])
    assert not found._trajectories._windows and not alone._trajectories._windows


def test_answers_to_another_query_are_shared_too() -> None:
    counts = {b"1767225600|%d|cell" % number: b"%d" % number for number in range(1, 30)}
    commands = [each for each in transaction(counts, "x", 60, 2) if each[0] == "XADD"]
    entries: Entries = [(b"5-0", {b"u": bytes(each[7]), b"s": b"%d" % each[9]}) for each in commands]  # type: ignore[arg-type,str-bytes-safe]
    parts = []
    for number in range(2):
        found = AnswersProbe(_job(USUAL, query="sessions", probe=number, probes=2))
        found.take(found._own(entries))
        seen = {key.decode(): times for key, times in found._seen.items()}
        parts.append(ProbePart(account=ProbeAccount(**found.totals(), seen=seen)))
    account = probes.together(parts)
    assert account.answers == account.updates == 29 and set(account.seen) == {key.decode() for key in counts}
    assert account.latencies is None and account.by_second is None
    assert all(part.account.answers for part in parts)


def test_only_the_first_keeps_the_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []

    class Group:
        def __init__(self, _worker: str, jobs: list[ProbeJob], *_: object) -> None:
            kept.extend(each.recording for each in jobs)

        def run(self, *_: object) -> list[Any]:
            raise InterruptedError

    monkeypatch.setattr(probes, "Group", Group)
    with pytest.raises(InterruptedError):
        probes.run_all(_job(USUAL, tmp_path / "probe.json", recording="all", probes=3), None, threading.Event())  # type: ignore[arg-type]
    assert kept == ["all", "", ""]


def test_what_they_tell_meanwhile_is_a_sum_the_latest_and_the_greatest() -> None:
    def told(visible: int, now: int, p99: float | None, behind: int) -> dict[str, Any]:
        return {
            "visible_records": visible,
            "taken_ms": now,
            "now_ms": now,
            "latency_ms_p99": p99,
            "behind_ms": behind,
        }

    found = probes._progress([[told(1, 5, 9.0, 700), told(2, 6, None, 1)], [told(10, 7, 3.0, 2)]])
    assert found == {"visible_records": 12, "taken_ms": 6, "now_ms": 7, "latency_ms_p99": 3.0, "behind_ms": 700}


def test_an_entry_is_of_one_share_and_no_line_of_none() -> None:
    lines = encode_updates({b"1|a|b|%d" % number: b"1" for number in range(20)})
    entry: Entries = [(b"1-0", {b"u": lines})]
    shares = [Probe(_job(USUAL, probe=number, probes=3))._own(entry) for number in range(3)]
    found = [line for own in shares for _, field in own for line in field.split(b"\n")]
    assert sorted(found) == sorted(lines.split(b"\n"))
