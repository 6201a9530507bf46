"""What is collected when a trial's load is over: counts, dead letters, and what each worker measured."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.clients.kafka_topics import Topics, end_offset, left_open, read_topic
from harness.clients.redis_contents import read_answers, read_counts
from harness.measurement.committed import look_through
from harness.measurement.hops import counted_ahead, emitted_ms, moments, waterfall
from harness.measurement.jvm_pauses import read_pauses
from harness.measurement.matching import quantile_bounds
from harness.results.correctness import Committed
from harness.results.performance import QuantileBounds, TopicBytes
from harness.trial.part import Part
from harness.workers.accounts import GeneratorAccount, ProbeAccount
from workloads.replay import open_workload


class Collection(Part):
    """Stops one trial's processes in order, and takes what they leave into the trial."""

    def collect(self) -> None:
        """Stop everything in good order, and take in all that it leaves."""
        self._setting.phase("collecting the counts")
        self._trial.flame_graphs += self._profiling.finish()
        self._processes.stop_engine()
        self._faults.look_for_evidence()  # its final totals
        self._processes.await_writer()
        self._processes.stop_observers()
        self._check_input()
        self._processes.await_archiver()
        self._collect_measurements()
        self._read_what_was_counted()
        self._trial.is_complete = not self._trial.invalid_reasons
        if self._trial.is_complete and self._setting.scenario.asks_for_counts:
            self._take_latencies_apart()

    def collect_what_there_is(self) -> None:
        """Of a trial that was broken off: what was measured until then; its counts mean nothing."""
        self._faults.heal_all()  # what is stopped or cut off would hold up the end of the others
        self._processes.children["generator"].stop()
        if stopped := self._processes.account("generator"):
            self._trial.generator = GeneratorAccount.model_validate(stopped.fields)
        else:
            self._trial.spoil("the generator did not stop in good order, and how it kept its schedule is not known")
        self._processes.stop_observers()
        self._collect_measurements()

    def _check_input(self) -> None:
        """Hold what the topic holds to what was acknowledged; after a fault, more may have arrived than that."""
        if self._trial.generator and not self._trial.injected:
            acked = self._trial.generator.acked_records
            arrived = end_offset(self._setting.backing.kafka_client, self._setting.topics.input)
            if arrived != acked:
                self._trial.spoil(f"the input topic holds {arrived:,} messages, and {acked:,} were acknowledged")

    def _collect_measurements(self) -> None:
        trial, backing = self._trial, self._setting.backing
        if self._processes.account("probe"):
            saved = Path(self._setting.file("probe.json")).read_text(encoding="utf-8")
            trial.measured = ProbeAccount.model_validate_json(saved)
        else:
            trial.spoil("the probe did not stop in good order, and what it measured is lost")
        if trial.measured and trial.measured.updates:
            trial.drain_s = trial.measured.last_visible_ms / 1000 - self._timeline.last_due_s()
        self._observation.note_progress()
        trial.kafka_bytes = stored_bytes(backing.kafka_data, self._setting.topics)
        end_s = self._timeline.end_s()
        start_s = end_s - self._timeline.workload.duration_s
        logs = {"engine": self._setting.directory, "kafka": backing.kafka_gc_logs}
        found = (read_pauses(directory, name, start_s * 1000, end_s * 1000) for name, directory in logs.items())
        trial.pauses = [each for each in found if each]

    def _read_what_was_counted(self) -> None:
        backing = self._setting.backing
        if self._setting.scenario.asks_for_counts:
            self._trial.observed = read_counts(backing.redis_url, backing.namespace)
        else:
            self._trial.answers = read_answers(backing.redis_url, backing.namespace)
        if self._setting.scenario.is_exactly_once:
            self._trial.committed = self._what_is_committed()
        letters = read_topic(backing.kafka_client, self._setting.topics.dead_letter)
        self._trial.dead_letters = [message.value() or b"" for message in letters]

    def _what_is_committed(self) -> Committed:
        client, topic = self._setting.backing.kafka_client, self._setting.topics.aggregates
        open_offsets = left_open(client, topic)
        return look_through(read_topic(client, topic), end_offset(client, topic), open_offsets)

    def _take_latencies_apart(self) -> None:
        # When the broker took a message is known only if the broker stamped it.
        is_stamped = self._setting.options.archive and not self._setting.options.producers_stamps
        appended_ms = self._saved("archiver", "appended_ms") if is_stamped else None
        if appended_ms is not None:
            self._take_into_hops(appended_ms)
        if not self._timeline.workload.keeps_cells_together:
            self._trial.quantile_bounds_ms = self._quantile_bounds(appended_ms)

    def _take_into_hops(self, appended_ms: NDArray[np.int64]) -> None:
        """Take latencies apart into hops, and see whether counts came before what they count."""
        workload = open_workload(self._timeline.workload)
        # When a transaction was committed is not told: until its counts are visible, they are the engine's to give.
        aggregates = "" if self._setting.scenario.is_exactly_once else self._setting.topics.aggregates
        backing, visible_ms = self._setting.backing, self._saved("probe", "visible_ms")
        emitted = emitted_ms(workload, read_topic(backing.kafka_client, aggregates)) if aggregates else None
        found = moments(
            workload,
            self._trial.anchor_ns,
            errors_ns=self._saved("generator", "errors_ns"),
            appended_ms=appended_ms,
            emitted_ms=emitted,
            visible_ms=visible_ms,
        )
        self._trial.waterfall = waterfall(found)
        # Services of the user's own may be on several hosts, whose clocks differ.
        if self._timeline.workload.keeps_cells_together and {"kafka", "redis"} <= backing.pids.keys():
            shown_ms = visible_ms if emitted is None else emitted
            self._trial.counted_ahead = counted_ahead(workload, appended_ms, shown_ms)

    def _quantile_bounds(self, appended_ms: NDArray[np.int64] | None) -> QuantileBounds | None:
        workload = open_workload(self._timeline.workload)
        return quantile_bounds(workload, self._trial.anchor_ns, appended_ms, self._saved("probe", "visible_ms"))

    def _saved(self, worker: str, name: str) -> NDArray[np.int64]:
        with np.load(self._setting.file(f"{worker}.npz")) as arrays:
            found: NDArray[np.int64] = arrays[name]
        return found


def stored_bytes(kafka_data: Path | None, topics: Topics) -> TopicBytes | None:
    """How much the broker that keeps its files in `kafka_data` stores of each topic; None if they are elsewhere."""
    if kafka_data is None:
        return None
    patterns = {name: f"{topic}-*" for name, topic in vars(topics).items() if topic}
    # What an engine makes for itself has the input topic's name, and a dot, in its own.
    patterns["own"] = f"*{topics.input}.*"
    return TopicBytes(**{name: _bytes_in(kafka_data.glob(f"{pattern}/*.log")) for name, pattern in patterns.items()})


def _bytes_in(segments: Iterable[Path]) -> int:
    return sum(segment.stat().st_size for segment in segments)
