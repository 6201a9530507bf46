"""Planned operations on the engine of a trial: stopped in good order, started again, and what it went on from."""

import signal

from harness.errors import ServiceError
from harness.faults.catalogue import STOP_S
from harness.processes.child import Child
from harness.trial.outcome import Injected
from harness.trial.stage import Stage, program_below, send

ENGINE = "engine"
PLANNED = "stopped by a planned operation"
#: What it said last may still be on its way when the process is gone.
LAST_WORDS_S = 5.0
#: Engines tell totals that may be so much older than the telling.
TOLD_LATE_MS = 3000


def ask_to_stop(stage: Stage) -> None:
    """Send SIGTERM to the engine's program, as at the end of a trial; nothing waits for it here."""
    stage.supervisor.hold(ENGINE, PLANNED)
    send(program_below(stage.pid_of(ENGINE)), signal.SIGTERM)


def has_stopped(stage: Stage) -> bool:
    """Whether the engine's process has ended, and the supervisor has seen it."""
    return stage.supervisor.is_dead(ENGINE) and stage.supervisor.children[ENGINE].process.poll() is not None


def start_again(stage: Stage) -> None:
    """Let the supervisor start the engine at once, as the operation says; what has not stopped by now is killed."""
    if stage.supervisor.children[ENGINE].process.poll() is None:
        stage.signal(ENGINE, signal.SIGKILL)
    stage.change_engine()
    stage.supervisor.release(ENGINE)


def how_it_stopped(child: Child) -> list[str]:
    """Why the engine did not stop in good order, as conformance asks for it; nothing if it did."""
    code = child.process.poll()
    if code is None:
        return [f"it did not stop in good order: it still ran after {STOP_S:g} s at the most, and was killed"]
    try:
        child.wait_for("stopped", LAST_WORDS_S)
    except ServiceError:
        return [f"it did not stop in good order: exit code {code}, without `stopped`"]
    return [f"it did not stop in good order: `stopped`, but exit code {code}"] if code else []


def note_progress(injected: Injected, engine: Child, probe: Child) -> None:
    """Note what `engine`, which was started again, has read in all, beside what was visible shortly before it told."""
    ready = engine.last("ready")
    told_parallelism = ready.fields.get("config", {}).get("parallelism") if ready else None
    injected.parallelism = told_parallelism if isinstance(told_parallelism, int) else None
    injected.version = ready.fields.get("version") if ready else None
    told = next((each for each in reversed(engine.events) if each.fields.get("records_in") is not None), None)
    if told is None:
        return
    injected.records_in = told.fields["records_in"]
    field, by_ms = "visible_records", told.at_ms - TOLD_LATE_MS
    shown = [each for each in probe.events if field in each.fields]
    before = [each.fields[field] for each in shown if each.at_ms <= by_ms]
    injected.visible_records = before[-1] if before else None
    injected.visible_since = shown[-1].fields[field] - before[-1] if before else None
