"""A trial that was saved is the same trial, in every field."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from engines.contract.aggregate import Cell
from harness.faults.plan import DueFault
from harness.measurement.accounting import Readings, Usage
from harness.measurement.delivery import Delays
from harness.measurement.hops import CountedAhead
from harness.measurement.host import HostReading, HostWatch, Program
from harness.measurement.warmth import CompilerMeter, CompilerWatch
from harness.processes.supervisor import Restart
from harness.results.correctness import Committed
from harness.results.performance import Pauses, QuantileBounds, TopicBytes
from harness.trial.outcome import Injected, Trial
from harness.trial.saved import as_data, from_data
from harness.workers.accounts import GeneratorAccount, ProbeAccount
from tests.builders.results import make_waterfall

RUN = Path("runs/RUN_ID")
BOUND = (1.0, 2.0)
#: A value of each field that is not its default, and neither what any other has.
FOUND: dict[str, Any] = {
    "name": "flink",
    "label": "flink-2",
    "archive_prefix": "RUN_ID/flink-2/archive",
    "directory": RUN,
    "duration_s": 60,
    "anchor_ns": 1_767_225_600_123_456_789,
    "version": "2.1",
    "config": {"parallelism": 2, "state": {"backend": "rocksdb", "sizes": [1, 2.5, None, True]}},
    "startup_s": 1.25,
    "drain_s": 0.5,
    "is_complete": True,
    "broken_off": "the p99 is out of bound",
    "broken_off_s": 3.5,
    "measured": ProbeAccount(
        updates=3,
        latencies={"counts": [1, 2], "negative_count": 0, "mean_ms": 1e-3},
        slot_means_ms={-1: 2.5, 0: float("nan")},
        by_step=[(1, 2)],
        by_second={0: (3, None, 2.0)},
        seen={"1|06037": (5, 6)},
    ),
    "generator": GeneratorAccount(
        sent_records=3,
        acked_records=2,
        failed_records=1,
        schedule_error_ms_p50=None,
        schedule_error_ms_p99=1.0,
        schedule_error_ms_max=4.0,
        schedule_error_histogram="HIST",
    ),
    "generator_progress": [(250, 3, 2), (500, 4, 4)],
    "readings": {"engine": Readings([0.0, 1.0], [Usage(), Usage(0.1, 0.2, 3)])},
    "delays": {"probe": Delays([0.5], [2.0])},
    "observed": {Cell(1_767_225_600, "06037", "AT&T", "call"): 10**30},
    "answers": {b"\xff|not text": -1},
    "dead_letters": [b"", b"\x00\xfe bad,line"],
    "waterfall": make_waterfall([1.0, 2.0, 30.0]),
    "counted_ahead": CountedAhead(2, ["cell 1 at 3"]),
    "quantile_bounds_ms": QuantileBounds(records=9, p50=BOUND, p90=BOUND, p99=BOUND, p999=BOUND, max=BOUND),
    "pauses": [Pauses(process="engine", count=1, total_ms=2.0, max_ms=2.0)],
    "kafka_bytes": TopicBytes(input=1, dead_letter=2),
    "clock_step_ms": 0.125,
    "host": HostWatch(
        cores=3,
        t_s=[-1.0, 5.0],
        readings=[HostReading(1.0, None, 0.5, {"cpu": 1.0, "io": None}, own_s=2.0)] * 2,
        frequencies_mhz=[2400.5],
        programs=[(0.0, {Program(7, 1.5, "cron"): 1.0}), (4.0, {Program(7, 1.5, "cron"): 3.0})],
    ),
    "compilers": CompilerWatch(t_s=[0.0, 1.0], cpu_s=[2.0, 2.5]),
    "injected": [Injected(DueFault("engine-kill", 9.0, 1.0), 9.25, None, 4, True)],
    "restarts": [Restart("engine", "engine died", 9.5, 10.0, None)],
    "engine_troubles": ["the engine stalled"],
    "invalid_reasons": ["the clock moved"],
    "service_faults": ["Redis evicted 3 keys"],
    "cluster": ["worker 1"],
    "committed": Committed(messages=9, repeated=1, lowered=0, examples=["offset 3 of partition 0: A is 2, again"]),
    "engine_cpus": [0, 1],
    "cost_unknown": "it runs elsewhere",
    "flame_graphs": [RUN / "flink-2.flame.html"],
    "left_behind": ["left behind, topic: cdr-RUN_ID-flink-2 (denied)"],
}


def _plain(value: Any) -> Any:
    """A value without how it reads, so that it can be compared."""
    if isinstance(value, HostWatch):
        return {name: found for name, found in vars(value).items() if name != "read"}
    if isinstance(value, CompilerWatch):
        return {name: found for name, found in vars(value).items() if not isinstance(found, CompilerMeter)}
    return value


def test_every_field_of_a_trial_comes_back_as_it_was() -> None:
    assert FOUND.keys() == {each.name for each in fields(Trial)}, "a new field is to be tried here"
    trial = Trial(**FOUND)
    unlike = Trial("", "", "", Path())
    assert [name for name in FOUND if _plain(getattr(trial, name)) == _plain(getattr(unlike, name))] == []
    text = json.dumps(as_data(trial))
    found = from_data(json.loads(text), RUN)
    for name in FOUND:
        assert repr(_plain(getattr(found, name))) == repr(_plain(getattr(trial, name))), name


def test_what_a_trial_of_nothing_left_comes_back_as_nothing() -> None:
    trial = Trial("flink", "flink", "", RUN)
    found = from_data(json.loads(json.dumps(as_data(trial))), RUN)
    assert found.observed is None and found.answers is None and found.measured is None
    assert found.host.use(0, 1) is None and found.compilers.between(0, 1) is None
