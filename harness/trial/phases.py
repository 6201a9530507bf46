"""The phases of a trial that is watched: load and drain."""

import time

from harness.clients.kafka_topics import end_offset, read_topic
from harness.trial.part import Part
from harness.trial.setting import TICK_S
from harness.workers.accounts import GeneratorAccount
from harness.workers.jobs import announce_anchor
from workloads.profiles import NANOSECONDS_PER_S

#: From telling the workers when the load starts to its start.
START_DELAY_S = 0.5
#: The process groups of which flame graphs are drawn, if that is wanted.
PROFILED = ("engine", "kafka")


class Phases(Part):
    """Watches one trial through its load and its drain."""

    def start_load(self) -> None:
        """Tell everything that is ready when the load starts."""
        self._observation.begin()
        self._trial.anchor_ns = time.time_ns() + int(START_DELAY_S * NANOSECONDS_PER_S)
        announce_anchor(self._setting.anchor, self._trial.anchor_ns)

    def watch_load(self) -> bool:
        """Watch until everything is sent. Returns whether the trial can go on."""
        self._setting.phase("load")
        generator = self._processes.children["generator"]
        while generator.is_running:
            if not self._watch_once():
                return False
            if self._timeline.now_s() >= 0:
                self._profiling.start({name: pid for name, pid in self._processes.pids().items() if name in PROFILED})
            self._faults.tick()
            if reason := self._setting.options.meddle(self._observation.view()):
                self._trial.broken_off, self._trial.broken_off_s = reason, self._timeline.now_s()
                return False
        if not (ended := self._processes.account("generator")):
            self._trial.spoil(generator.death())
            return False
        self._trial.generator = GeneratorAccount.model_validate(ended.fields)
        self._observation.end_load()
        return self._is_healed()

    def watch_drain(self) -> bool:
        """Watch until the engine has dealt with all records, or no more come. Returns whether the trial can go on."""
        self._setting.phase("drain")
        limits, probe = self._setting.scenario.limits, self._processes.children["probe"]
        updates, changed_s = -1, time.monotonic()
        while True:
            if not self._watch_once():
                return False
            if updates != (now := probe.latest("updates", 0)):
                updates, changed_s = now, time.monotonic()
            quiet_s = time.monotonic() - changed_s
            if quiet_s > limits.quiet_s + self._setting.scenario.commit_wait_s:
                return True
            if quiet_s > limits.settle_s and self._all_visible() and self._has_dead_letters():
                return True

    def _watch_once(self) -> bool:
        """Look at everything once. Returns whether all processes live."""
        time.sleep(TICK_S)
        self._observation.look()
        self._trial.broken_off = self._processes.supervisor.look(self._timeline.now_s())
        self._faults.look_for_evidence()
        return not self._trial.broken_off and self._processes.all_live()

    def _is_healed(self) -> bool:
        """Heal what is left to heal, and wait until everything is there again. Returns whether it is."""
        if not self._setting.options.faults:
            return True
        while self._faults.is_operating():
            # It gets its time to stop, though the load is over.
            if not self._watch_once():
                return False
            self._faults.heal_due()
        self._faults.heal_all()
        if not self._processes.await_services():
            return False
        deadline = time.monotonic() + self._setting.scenario.limits.engine_ready_s
        while self._processes.any_is_down():
            if not self._watch_once():
                return False
            if time.monotonic() > deadline:
                self._trial.broken_off = "a process that had died was not ready again in time"
                return False
        return True

    def _all_visible(self) -> bool:
        """Whether as much is visible as there is to be: which it is, the verifier sees."""
        probe = self._processes.children["probe"]
        if not self._setting.scenario.asks_for_counts:
            return bool(probe.latest("answers", 0) >= self._setting.options.answers)
        assert self._trial.generator, "the drain comes after the load"
        expected = self._trial.generator.acked_records - self._timeline.malformed_records
        return bool(probe.latest("visible_records", 0) >= expected)

    def _has_dead_letters(self) -> bool:
        client, topic = self._setting.backing.kafka_client, self._setting.topics.dead_letter
        if self._setting.scenario.is_exactly_once:
            # The markers of transactions take up offsets, too.
            letters = sum(1 for _ in read_topic(client, topic))
        else:
            letters = end_offset(client, topic)
        return letters >= self._timeline.malformed_records
