"""A trial whose processes, services and clock are fakes: a whole one takes milliseconds, and everything can go wrong.

What is faked is what a trial reaches outside of this process by: how processes are started, the clock, Kafka's and
Redis's contents. All parts of the trial are the real ones; of its observation, all but what asks the operating system.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.engines.engine import Engine
from harness.engines.prepare import PreparedEngine
from harness.faults.catalogue import GENERATOR
from harness.faults.plan import DueFault
from harness.scenarios.scenario import Scenario
from harness.trial.job_files import proxy_jobs
from harness.trial.observation import Observation
from harness.trial.options import TrialOptions
from harness.trial.outcome import Trial
from harness.trial.runner import run_trial
from harness.trial.setting import Setting
from harness.workers.accounts import ProbeAccount
from harness.workers.jobs import announce_anchor
from harness.workers.orders import EndOrders
from tests.builders.backing import fake_backing
from tests.builders.processes import Clock, FakeChild, FakeProcess
from tests.builders.removals import Removals

#: How long a child takes until it is ready, and how often it tells its progress.
READY_S, TELLING_S = 0.5, 0.25
#: So many upserts are in the topic of aggregates.
UPSERTS = 40
#: The modules of a trial that look at the clock.
_TIMED = (
    "processes.child",
    "processes.supervisor",
    "trial.observation",
    "trial.phases",
    "trial.processes",
    "trial.timeline",
)


class BlindObservation(Observation):
    """Asks the operating system nothing: it knows no fakes."""

    def begin(self) -> None:
        """Nothing is metered."""

    def end_load(self) -> None:
        """Nothing is known of cores, nor of other programs."""

    def _read_meters(self) -> None:
        """Nothing is metered."""


class Notes:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.notes: list[str] = []

    def phase(self, text: str, trial: str = "") -> None:
        """A new phase."""
        self.phases.append(f"{trial}: {text}" if trial else text)

    def note(self, text: str) -> None:
        """Something within one."""
        self.notes.append(text)

    def metrics(self, _figures: object) -> None:
        """How things stand is asked of the fakes."""


@dataclass(frozen=True)
class Letter:
    """A message."""

    line: bytes

    def value(self) -> bytes:
        """What is in it."""
        return self.line


class World:
    """Everything around a trial. As it is, the trial goes well; a test changes what it is about, and calls `run`.

    Attributes:
        clock: the trial's.
        backing: the services.
        watcher: what the trial has told.
        children: the newest child of each name.
        started: all children, in order.
        scenario: keys of the scenario.
        on_start: by name: what a child does when it is started; else it is ready soon.
        on_term: by name: what a child does at SIGTERM; else it ends in good order.
        told: by name: what a child tells in its progress, in place of what it would or beside it.
        malformed_records: how many the load is to have.
        refused_records: how many never become visible, and are in the topic of dead letters.
        letters: the lines that are read from there.
        held: by stem (``input``, ``aggregates``, ``dead_letter``): how many messages a topic holds, if not as many as
            there are to be.
        topics: those that there are now.
        removals: what is taken out of the services in the end.
        archives: whether the archiver ends once everything is sent.
    """

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.watcher = Clock(), Notes()
        self.backing = fake_backing(directory)
        self.children: dict[str, FakeChild] = {}
        self.started: list[FakeChild] = []
        self.scenario: dict[str, Any] = {
            "name": "fake",
            "rate_records_per_s": 100,
            "warmup_s": 1,
            "duration_s": 6,
            "limits": {"settle_s": 1, "quiet_s": 4, "engine_ready_s": 5},
        }
        self.on_start: dict[str, Callable[[FakeChild], object]] = {}
        self.on_term: dict[str, Callable[[FakeChild], object]] = {}
        self.told: dict[str, dict[str, Any]] = defaultdict(dict)
        self.malformed_records = self.refused_records = 2
        self.letters: list[bytes] = []
        self.held: dict[str, int] = {}
        self.topics: set[str] = set()
        self.removals = Removals(self.topics)
        self.archives = True
        self.left_open = 0
        self._directory = directory / "trial"
        self._planned: list[tuple[float, Callable[[], object]]] = []
        self._anchor_ns, self._sent, self._visible, self._updates = 0, 0, 0, 0
        self._setting: Setting | None = None
        self._patch(monkeypatch)

    # What a test says

    def at(self, t_s: float, event: Callable[[], object]) -> None:
        """Plan something for so many seconds after the start of the measured time."""
        self._planned.append((t_s, event))

    def with_services_of_the_users_own(self) -> None:
        """Have it that no service was started here."""
        self.backing.services.clear()

    def dies(self, name: str) -> Callable[[], object]:
        """Let the child that has that name then die."""
        return lambda: self.children[name].die()

    def tells(self, name: str, **fields: Any) -> Callable[[], object]:
        """Let a child tell this from then on."""
        return lambda: self.told[name].update(fields)

    def run(self, **options: Any) -> Trial:
        """A whole trial with these `options`."""
        return run_trial(self.setting(**options))

    def drive(self, setting: Setting) -> Trial:
        """A whole trial by this setting, which is one of several; what was planned comes in each of them."""
        self._setting, self._directory = setting, setting.directory
        self.children.clear()
        self.clock.forget()
        self._anchor_ns = self._sent = self._visible = self._updates = 0
        return run_trial(setting)

    def setting(self, **options: Any) -> Setting:
        """What a trial is made of; one for each world."""
        self._setting = Setting(
            run_id="run",
            scenario=Scenario.model_validate(self.scenario),
            prepared=PreparedEngine(self._engine(), Path("python"), []),
            backing=self.backing,
            directory=self._directory,
            environment={},
            malformed_records=self.malformed_records,
            watcher=self.watcher,
            options=TrialOptions(label="mine", **{"archive": False, **options}),
        )
        return self._setting

    def _engine(self) -> Engine:
        return Engine(name="mine", directory=self._directory, description="", entry="main.py", requirements="")

    # What the trial sees

    @property
    def t_s(self) -> float:
        """Now, in seconds after the start of the measured time."""
        return (self.clock.now_ns - self._anchor_ns) / 1e9 - float(self.scenario["warmup_s"])

    @property
    def rate(self) -> int:
        """Records a second, throughout."""
        return int(self.scenario["rate_records_per_s"])

    def orders(self, worker: str) -> Path:
        """The file that tells a worker what to do."""
        return self._the_setting.orders(worker)

    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in _TIMED:
            monkeypatch.setattr(f"harness.{module}.time", self.clock)
        trial: Mapping[str, Any] = {
            "runner.clear": lambda *_place: None,
            "runner.create_topics": lambda _client, topics, *_partitions, **_how: self.topics.update(topics.all()),
            **self.removals.fakes(),
            "runner.Observation": BlindObservation,
            "processes.start_worker": lambda module, *_job, name="": self._start(name or module),
            "processes.Child": lambda *_command, **_how: self._start("engine"),
            "processes.end_offset": self._end_offset,
            "processes.partition_bounds": lambda *place: {0: (0, self._end_offset(*place))},
            "processes.committed_ends": lambda client, topic: {0: self._end_offset(client, topic)},
            "phases.read_topic": lambda *_topic: map(Letter, self.letters),
            "phases.end_offset": self._end_offset,
            "phases.announce_anchor": self._begin_load,
            "collection.end_offset": self._end_offset,
            "collection.left_open": lambda *_topic: self.left_open,
            "collection.read_topic": lambda *_topic: map(Letter, self.letters),
            "collection.read_counts": lambda *_place: {},
            "collection.read_answers": lambda *_place: {},
            "stage.guarded_tree": lambda pid: self._process(pid).child_tree(),
            "fault_actions.program_below": lambda pid: self._process(pid).child_tree(),
            "operations.program_below": lambda pid: self._process(pid).child_tree(),
        }
        for name, fake in trial.items():
            monkeypatch.setattr(f"harness.trial.{name}", fake)

    def _start(self, name: str) -> FakeChild:
        child = self.children[name] = FakeChild(name.replace("_", " "), self.clock)
        self.started.append(child)
        term = self.on_term.get(name, lambda child: child.end(**self._totals(name)))
        child.process.on_term = lambda: self._term(name, child, term)
        ready = self.on_start.get(name)
        if ready:
            ready(child)
        else:
            fields = {"port": 1} if name in proxy_jobs(self._the_setting) else {}
            self._after(READY_S, lambda: child.tell("ready", version="1", config={}, **fields))
        return child

    def _term(self, name: str, child: FakeChild, term: Callable[[FakeChild], object]) -> None:
        if name == "probe" and name not in self.on_term:
            account = ProbeAccount(updates=self._updates, last_visible_ms=self.clock.now_ns // 10**6)
            Path(self._the_setting.file("probe.json")).write_text(account.model_dump_json(), encoding="utf-8")
        term(child)

    @property
    def _the_setting(self) -> Setting:
        assert self._setting, "the trial has begun"
        return self._setting

    def _process(self, pid: int) -> FakeProcess:
        """The process whose guard has that identifier, dead or alive."""
        processes = [
            *(each.process for each in self.started),
            *(each.process for each in self.backing.services.values()),
        ]
        found = next(each for each in processes if each.pid == pid)
        assert isinstance(found, FakeProcess)
        return found

    def _after(self, wait_s: float, event: Callable[[], object]) -> None:
        self.clock.at(self.clock.now_ns + round(wait_s * 1e9), event)

    def _end_offset(self, _client: object, topic: str) -> int:
        assert topic in self.topics, "it is there"
        topics = self._the_setting.topics
        there_are = {topics.input: self._sent, topics.aggregates: UPSERTS, topics.dead_letter: self.refused_records}
        stem = next(stem for stem, name in vars(topics).items() if name == topic)
        return self.held.get(stem, there_are[topic])

    # The load

    def _begin_load(self, path: str, anchor_ns: int) -> None:
        announce_anchor(path, anchor_ns)
        self._anchor_ns = anchor_ns
        for t_s, event in self._planned:
            self.clock.at(anchor_ns + round((self.scenario["warmup_s"] + t_s) * 1e9), event)
        self._tell()

    def _tell(self) -> None:
        """Have every child that lives tell how far it is, now and again and again."""
        self._after(TELLING_S, self._tell)
        total_s = self._end_s()
        sent_s = min(total_s, max(0.0, self.t_s + self.scenario["warmup_s"]))
        generator, engine = self.children[GENERATOR], self.children["engine"]
        if generator.is_running:
            self._sent = round(sent_s * self.rate)
        if engine.is_running and not engine.process.is_frozen and engine.last("ready"):
            visible = max(0, self._sent - self.refused_records)
            self._updates += visible > self._visible
            self._visible = visible
        for name, child in self.children.items():
            if child.is_running and child.last("ready"):
                child.tell("progress", **self._totals(name))
        if self.t_s + self.scenario["warmup_s"] >= total_s:
            if generator.is_running:
                generator.end(**self._totals(GENERATOR))
            if self.archives and "archiver" in self.children and self.children["archiver"].is_running:
                self.children["archiver"].end(**self._totals("archiver"))

    def _end_s(self) -> int:
        """How long the load is, if it is ended early or not."""
        whole_s = int(self.scenario["warmup_s"] + self.scenario["duration_s"])
        orders = self._the_setting.end_orders
        return (EndOrders.read(Path(orders)).total_s if orders else 0) or whole_s

    def _totals(self, name: str) -> dict[str, Any]:
        """What a child tells."""
        now_ms = self.clock.now_ns // 10**6
        usual: dict[str, dict[str, Any]] = {
            "generator": {
                "schedule_ms": now_ms - self._anchor_ns // 10**6,
                "sent_records": self._sent,
                "acked_records": self._sent,
                "failed_records": 0,
                "schedule_error_ms_p50": 0.1,
                "schedule_error_ms_p99": 1.0,
                "schedule_error_ms_max": 2.0,
                "schedule_error_histogram": "",
            },
            "probe": {
                "now_ms": now_ms,
                "visible_records": self._visible,
                "updates": self._updates,
                "latency_ms_p50": 0.5,
                "latency_ms_p99": 1.0,
                "behind_ms": 0.0,
            },
            "archiver": {"archived_offsets": [self._sent]},
            "redis_writer": {"upserts": UPSERTS, "refused": 0, "delay_ms": 0.0},
        }
        return usual.get(name, {}) | self.told[name]


def plan(*faults: tuple[str, float, float]) -> Sequence[DueFault]:
    """Faults by name, start and length."""
    return [DueFault(*each) for each in faults]
