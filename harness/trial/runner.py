"""One trial: one engine driven with the whole workload, watched, stopped, and its counts collected."""

from harness.clients.kafka_topics import create_topics
from harness.clients.left import told
from harness.clients.redis_contents import clear
from harness.console.interrupt import SIGNALS, CleanUp
from harness.measurement.flame_graphs import Profiling
from harness.trial.collection import Collection
from harness.trial.fault_injection import FaultInjection
from harness.trial.observation import Observation
from harness.trial.outcome import Trial
from harness.trial.phases import Phases
from harness.trial.processes import Processes
from harness.trial.setting import CHECKPOINTS, Setting
from harness.trial.tidying import tidy
from harness.trial.timeline import Timeline


def run_trial(setting: Setting) -> Trial:
    """Run a trial and tidy up after it, whatever happens.

    Raises:
        ConfigurationError: there are not as many cores as the engine is to have.
        ServiceError: something cannot be started.
    """
    options, workload = setting.options, setting.scenario.workload()
    trial = Trial(setting.name, options.label, setting.archive_prefix, setting.directory, setting.scenario.duration_s)
    timeline = Timeline(trial, workload, setting.malformed_records)
    processes = Processes(setting, trial)
    faults = FaultInjection(setting, trial, timeline, processes)
    observation = Observation(setting, trial, timeline, processes)
    profiling = Profiling(options.profiler, setting.directory, options.label, workload.duration_s)
    phases = Phases(setting, trial, timeline, processes, faults, observation, profiling)
    collection = Collection(setting, trial, timeline, processes, faults, observation, profiling)

    try:
        _prepare(setting)
        with CleanUp("ending the engine and the workers") as stack:
            stack.enter_context(setting.cores.others_kept_off(_everything_else(setting)))
            stack.callback(profiling.stop)
            setting.phase("starting the engine")
            processes.start_engine(stack)
            processes.start_workers(stack)
            if processes.await_engine():
                if options.faults:
                    processes.watch_over(stack)
                    # Before the children are stopped: a stopped process does not heed SIGTERM.
                    stack.callback(faults.heal_all)
                phases.start_load()
                if phases.watch_load() and phases.watch_drain():
                    collection.collect()
                    if trial.is_complete:
                        options.when_complete(trial)
                elif trial.broken_off:
                    collection.collect_what_there_is()
    finally:
        with SIGNALS.unbroken("deleting what the trial made"):
            trial.left_behind += told(tidy(setting, keep_archive=trial.is_complete))
    return trial


def _prepare(setting: Setting) -> None:
    """Make the trial's directory and topics, and an empty Redis."""
    (setting.directory / CHECKPOINTS).mkdir(mode=0o700, parents=True)
    clear(setting.backing.redis_url, setting.backing.namespace)
    create_topics(
        setting.backing.kafka_client,
        setting.topics,
        setting.scenario.partitions,
        retention_s=setting.options.kept_s,
        producers_stamps=setting.options.producers_stamps,
    )


def _everything_else(setting: Setting) -> list[int]:
    """The guards of what runs already, and is not the engine's."""
    return [*setting.backing.pids.values(), *(each.process.pid for each in setting.options.companions.values())]
